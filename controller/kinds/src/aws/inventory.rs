//! What the stage owns, by tags: one paged call that spares a tag call a resource.

use std::{collections::BTreeMap, sync::Arc};

use model::{Address, Fault, Tags, drift::Owners};

use crate::{Place, Reader, aws::reads};

reads!(aws_sdk_resourcegroupstagging: get_resources GetResourcesFluentBuilder);

/// What a call that serves many resources is about, so that its error does not blame whichever asked first.
///
/// # Panics
/// When `what` is no name: a bug in a kind.
pub(crate) fn whole_account(what: &str) -> Address {
    Address::new("account", "list", what).expect("a constant address")
}

impl Reader {
    /// ARNs and tags of everything that carries this stage's tags.
    ///
    /// Eventually consistent, and not complete (no roles outside us-east-1, no KMS aliases), so it is never the
    /// only witness: [`Reader::tags_of`] asks the service where this list does not confirm.
    ///
    /// # Errors
    /// When the tagging API refuses or does not answer.
    pub async fn owned(&self) -> Result<Arc<BTreeMap<String, Tags>>, Fault> {
        self.once("tagging:GetResources", async {
            let mut owned = BTreeMap::new();
            let mut token: Option<String> = None;
            let filter = |(key, value): (&str, &str)| {
                aws_sdk_resourcegroupstagging::types::TagFilter::builder().key(key).values(value).build()
            };
            let at = whole_account("tags");
            loop {
                let page = self
                    .read(&at, "tag", "GetResources", || {
                        let filters = self.scope().ownership().map(filter);
                        let ask = self.tagging().get_resources().set_tag_filters(Some(filters.to_vec()));
                        ask.resources_per_page(100).set_pagination_token(token.clone()).send()
                    })
                    .await?;
                for one in page.resource_tag_mapping_list() {
                    let tags = one.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned()));
                    owned.insert(one.resource_arn().unwrap_or_default().to_owned(), tags.collect());
                }
                token = page.pagination_token().filter(|token| !token.is_empty()).map(str::to_owned);
                if token.is_none() {
                    return Ok(owned);
                }
            }
        })
        .await
    }

    /// Whose the resources of the account and Region are, by everything that the tagging API lists. What AWS cannot
    /// tag, and what never carried a tag, is not in that list (Resource Groups Tagging API, `GetResources`).
    ///
    /// # Errors
    /// When the tagging API refuses or does not answer.
    pub async fn owners(&self) -> Result<Owners, Fault> {
        let (mut owners, mut token) = (Owners::default(), None::<String>);
        let at = whole_account("tags");
        loop {
            let page = self
                .read(&at, "tag", "GetResources", || {
                    let ask = self.tagging().get_resources().resources_per_page(100);
                    ask.set_pagination_token(token.clone()).send()
                })
                .await?;
            for one in page.resource_tag_mapping_list() {
                let tags: Tags =
                    one.tags().iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect();
                let ours = self.scope().owned_address(&tags).is_some();
                let others = self.scope().foreign_owner(&tags).is_some();
                match (ours, others) {
                    (true, _) => owners.ours += 1,
                    (false, true) => owners.others += 1,
                    (false, false) => owners.nobodys += 1,
                }
            }
            token = page.pagination_token().filter(|token| !token.is_empty()).map(str::to_owned);
            if token.is_none() {
                return Ok(owners);
            }
        }
    }

    /// The tags of a resource: from the inventory where that shows just what is expected, else from `ask`, the
    /// service's own call. A step that is about to write always asks.
    ///
    /// # Errors
    /// Those of the two calls.
    pub async fn tags_of(
        &self,
        at: &Place,
        arn: &str,
        ask: impl Future<Output = Result<Tags, Fault>> + Send,
    ) -> Result<Tags, Fault> {
        if !self.alone() {
            let mut expected = self.scope().tags(&at.address);
            if let Some(tags) = self.owned().await?.get(arn) {
                expected.extend(
                    tags.get_key_value(model::receipt::TAG).map(|(key, value)| (key.clone(), value.clone())),
                );
                if *tags == expected {
                    return Ok(expected);
                }
            }
        }
        ask.await
    }
}
