//! Who changed a resource last, where CloudTrail may be asked.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::types::{LookupAttribute, LookupAttributeKey};
use futures::future::join_all;
use model::{Address, drift::Doing};

use crate::{Reader, aws::reads};

reads!(aws_sdk_cloudtrail: lookup_events LookupEventsFluentBuilder);

/// CloudTrail answers two such calls a second, so no more are asked.
const ASKED_MAX: usize = 20;

/// Pages of one resource. The newest events come first, and reads are among them.
const PAGES_MAX: usize = 3;

impl Reader {
    /// The last change of each of these, by the name that CloudTrail knows it by. The event history is ninety days
    /// long and not complete; who may not ask it, and whoever it does not tell of, is left out: a cause is a help
    /// and no finding.
    pub async fn last_changes(&self, of: &[(Address, String)]) -> BTreeMap<Address, Doing> {
        let asked = of.iter().take(ASKED_MAX).map(async |(address, name)| {
            let doing = self.last_change(address, name).await?;
            Some((address.clone(), doing))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn last_change(&self, address: &Address, name: &str) -> Option<Doing> {
        let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName);
        let attribute = attribute.attribute_value(name).build().ok()?;
        let mut token: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = self
                .read(address, "cloudtrail", "LookupEvents", || {
                    let ask = self.cloudtrail().lookup_events().lookup_attributes(attribute.clone());
                    ask.max_results(50).set_next_token(token.clone()).send()
                })
                .await
                .ok()?;
            if let Some(event) = page.events().iter().find(|event| event.read_only() == Some("false")) {
                let at_ms = event.event_time().and_then(|at| u64::try_from(at.to_millis().ok()?).ok());
                return Some(Doing {
                    who: event.username().unwrap_or("somebody").to_owned(),
                    call: event.event_name().unwrap_or("a change").to_owned(),
                    at_ms: at_ms.unwrap_or_default(),
                });
            }
            token = page.next_token().map(str::to_owned);
            token.as_ref()?;
        }
        None
    }
}
