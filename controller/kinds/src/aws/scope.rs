//! Whose environment this is: names, ARNs and tags computed from it.

use std::collections::BTreeMap;

use model::{Address, Tags, receipt};

/// Tags that say who owns a resource.
const TAG_PROJECT: &str = "dn:project";
const TAG_STAGE: &str = "dn:stage";
const TAG_ADDRESS: &str = "dn:address";

/// One project's stage in one account and Region.
#[derive(Clone, Debug)]
pub struct Scope {
    pub project: String,
    pub stage: String,
    /// Twelve digits.
    pub account: String,
    pub region: String,
    /// Physical names that the environment overrides, so that existing resources are taken over.
    pub names: BTreeMap<Address, String>,
    /// Tags that every resource of the stage carries beside the tags of ownership.
    pub tags: Tags,
}

impl Scope {
    /// `{project}-{stage}-{name}`, unless overridden.
    pub fn name(&self, address: &Address) -> String {
        let computed = || format!("{}-{}-{}", self.project, self.stage, address.name());
        self.names.get(address).cloned().unwrap_or_else(computed)
    }

    /// What the names of this stage start with.
    pub fn prefix(&self) -> String {
        format!("{}-{}-", self.project, self.stage)
    }

    /// `arn:aws:service:region:account:resource`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{resource}", self.region, self.account)
    }

    /// The tags that the resource should carry, without its receipt.
    pub fn tags(&self, address: &Address) -> Tags {
        let mut tags = self.tags.clone();
        tags.insert(TAG_PROJECT.to_owned(), self.project.clone());
        tags.insert(TAG_STAGE.to_owned(), self.stage.clone());
        tags.insert(TAG_ADDRESS.to_owned(), address.to_string());
        tags
    }

    /// The address that tags of this project and stage name; `None` when they are somebody else's.
    pub fn owned_address(&self, tags: &Tags) -> Option<Address> {
        let ours = tags.get(TAG_PROJECT) == Some(&self.project) && tags.get(TAG_STAGE) == Some(&self.stage);
        ours.then(|| tags.get(TAG_ADDRESS)?.parse().ok()).flatten()
    }

    /// The filter of the tagging API that finds what this stage owns.
    pub(crate) fn ownership(&self) -> [(&'static str, &str); 2] {
        [(TAG_PROJECT, &self.project), (TAG_STAGE, &self.stage)]
    }

    /// Who else owns a resource with these tags, described for people.
    pub fn foreign_owner(&self, tags: &Tags) -> Option<String> {
        let of = |key: &str| tags.get(key).map(String::as_str).unwrap_or_default();
        if let Some(stack) = tags.get("aws:cloudformation:stack-name") {
            return Some(format!("the CloudFormation stack {stack}"));
        }
        if tags.contains_key("aws:servicecatalog:productArn") {
            return Some(format!("the Service Catalog product {}", of("aws:servicecatalog:productArn")));
        }
        // A tag that is gone names nobody: that is drift, and is put back.
        let other = |key: &str, ours: &str| tags.get(key).is_some_and(|owner| owner != ours);
        let others = other(TAG_PROJECT, &self.project) || other(TAG_STAGE, &self.stage);
        others.then(|| format!("stage {} of project {}", of(TAG_STAGE), of(TAG_PROJECT)))
    }
}

/// Where one resource is: its address, its name in AWS, and the tags it should carry.
#[derive(Clone, Debug)]
pub struct Place {
    pub address: Address,
    pub physical: String,
    /// Everything, the receipt included. A kind that is made by several calls writes these last.
    pub tags: Tags,
}

impl Place {
    /// The name in AWS.
    pub fn name(&self) -> &str {
        &self.physical
    }

    /// Tags for the first of several calls: they say who owns it, and not yet that everything was written.
    pub fn birth_tags(&self) -> Tags {
        let mut tags = self.tags.clone();
        tags.remove(receipt::TAG);
        tags
    }
}

/// What to set and what to remove so that `live` becomes `want`.
pub fn tag_changes(live: &Tags, want: &Tags) -> (Tags, Vec<String>) {
    let set = want.iter().filter(|(key, value)| live.get(*key) != Some(value));
    let unset = live.keys().filter(|key| !want.contains_key(*key) && !key.starts_with("aws:"));
    (set.map(|(key, value)| (key.clone(), value.clone())).collect(), unset.cloned().collect())
}
