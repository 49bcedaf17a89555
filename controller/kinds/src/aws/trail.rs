//! Who changed a resource, where CloudTrail may be asked.

use std::collections::BTreeMap;

use aws_sdk_cloudtrail::types::{Event, LookupAttribute, LookupAttributeKey};
use futures::future::join_all;
use model::{
    Address,
    drift::{Doing, Suspect, cause::Call},
};
use serde_json::Value;

use crate::{Reader, aws::reads};

reads!(aws_sdk_cloudtrail: lookup_events LookupEventsFluentBuilder);

/// CloudTrail answers two such calls a second, so no more are asked.
const ASKED_MAX: usize = 20;

/// Pages of one resource. The newest events come first, and reads are among them.
const PAGES_MAX: usize = 3;

impl Reader {
    /// The calls that changed each of these, newest first. The event history is ninety days long and not complete; who
    /// may not ask it, and whoever it does not tell of, is left out: a cause is a help and no finding.
    pub async fn changes_of(&self, suspects: &[Suspect]) -> BTreeMap<Address, Vec<Call>> {
        let asked = suspects.iter().take(ASKED_MAX).map(async |one| {
            let calls = self.changes(one).await;
            (!calls.is_empty()).then(|| (one.address.clone(), calls))
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// Of what is missing the last call is all that anybody asks for.
    async fn changes(&self, suspect: &Suspect) -> Vec<Call> {
        let attribute = LookupAttribute::builder().attribute_key(LookupAttributeKey::ResourceName);
        let Ok(attribute) = attribute.attribute_value(&suspect.name).build() else { return Vec::new() };
        let (mut calls, mut token): (Vec<Call>, Option<String>) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let page = self
                .read(&suspect.address, "cloudtrail", "LookupEvents", || {
                    let ask = self.cloudtrail().lookup_events().lookup_attributes(attribute.clone());
                    ask.max_results(50).set_next_token(token.clone()).send()
                })
                .await;
            let Ok(page) = page else { break };
            calls.extend(page.events().iter().filter(|event| event.read_only() == Some("false")).map(call));
            token = page.next_token().map(str::to_owned);
            if token.is_none() || (suspect.fields.is_empty() && !calls.is_empty()) {
                break;
            }
        }
        calls
    }
}

fn call(event: &Event) -> Call {
    let at_ms = event.event_time().and_then(|at| u64::try_from(at.to_millis().ok()?).ok());
    let whole = event.cloud_trail_event().and_then(|text| serde_json::from_str::<Value>(text).ok());
    Call {
        doing: Doing {
            who: event.username().unwrap_or("somebody").to_owned(),
            call: event.event_name().unwrap_or("a change").to_owned(),
            at_ms: at_ms.unwrap_or_default(),
        },
        given: whole.map_or(Value::Null, |mut whole| whole["requestParameters"].take()),
    }
}
