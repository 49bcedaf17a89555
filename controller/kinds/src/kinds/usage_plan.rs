//! A usage plan: how fast and how much the holders of some keys may call some stages.
//!
//! Outputs: `id`, `name`, `arn`.
//!
//! Surprises (aws-semantics 10): names are not unique, so the tag `dn:address` tells which plan is meant;
//! `UpdateUsagePlan` may be called once in 20 seconds, so all changes of a plan are one call; a stage must
//! exist before it is named, and cannot go while it is; a plan cannot go while it names a stage; one key
//! reaches one stage by one plan only. Limits are best effort, not a guarantee.
//!
//! Keys that are there because of a rotation are guests of the plan: no difference, and left where they are
//! (see [`ApiKey`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_apigateway::types::{
    ApiStage, QuotaPeriodType, QuotaSettings, ThrottleSettings, UsagePlan as Found, UsagePlanKey,
};
use model::{Address, Fault, Fields, Outputs, Ref, Text};
use serde::{Deserialize, Serialize};

use super::{
    api_key::{self, ApiKey},
    rest_api::{
        RestApi, Throttle,
        identity::{self, ABSENT, Listed, PAGE},
        pages,
        patch::{Patch, escaped},
    },
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

reads!(aws_sdk_apigateway:
    get_usage_plans GetUsagePlansFluentBuilder,
    get_usage_plan_keys GetUsagePlanKeysFluentBuilder,
);

const COLLECTION: &str = "usageplans";

/// Limits of the holders of some keys at some stages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsagePlan {
    pub description: String,
    pub stages: BTreeSet<PlanStage>,
    /// For each key.
    pub throttle: Option<Throttle>,
    /// For each key.
    pub quota: Option<Quota>,
    pub keys: BTreeSet<Ref<ApiKey>>,
}

/// A stage that the plan opens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlanStage {
    /// By `id`.
    pub api: Ref<RestApi>,
    pub stage: Text,
    /// By method and path: `POST /outreach/send-email`.
    pub throttles: BTreeMap<String, Throttle>,
}

/// How many calls there are in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    pub limit: u32,
    pub period: Period,
    /// Calls that are already taken off the first period, 0 for most.
    pub offset: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    Day,
    Week,
    Month,
}

impl Period {
    fn word(self) -> QuotaPeriodType {
        match self {
            Self::Day => QuotaPeriodType::Day,
            Self::Week => QuotaPeriodType::Week,
            Self::Month => QuotaPeriodType::Month,
        }
    }
}

impl Quota {
    #[must_use]
    pub fn daily(limit: u32) -> Self {
        Self { limit, period: Period::Day, offset: 0 }
    }

    fn read(found: &QuotaSettings) -> Self {
        Self {
            limit: u32::try_from(found.limit()).unwrap_or_default(),
            period: match found.period() {
                Some(QuotaPeriodType::Week) => Period::Week,
                Some(QuotaPeriodType::Month) => Period::Month,
                _ => Period::Day,
            },
            offset: u32::try_from(found.offset()).unwrap_or_default(),
        }
    }

    fn wire(&self) -> QuotaSettings {
        let settings = QuotaSettings::builder().limit(integer(self.limit)).offset(integer(self.offset));
        settings.period(self.period.word()).build()
    }
}

fn integer(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn wire(throttle: &Throttle) -> ThrottleSettings {
    ThrottleSettings::builder().rate_limit(throttle.rate.value()).burst_limit(integer(throttle.burst)).build()
}

fn read(found: &ThrottleSettings) -> Option<Throttle> {
    Throttle::read(found.rate_limit(), found.burst_limit())
}

/// `POST /send-email` as plans name it: `/send-email/POST`.
fn plan_key(method: &str) -> String {
    let (verb, path) = method.split_once(' ').unwrap_or(("*", method));
    format!("{path}/{verb}")
}

/// The other way round.
fn method_of(key: &str) -> String {
    let (path, verb) = key.rsplit_once('/').unwrap_or(("", key));
    let slash = if path.starts_with('/') { "" } else { "/" };
    format!("{verb} {slash}{path}")
}

impl PlanStage {
    /// What patches call it.
    fn name(&self) -> String {
        format!("{}:{}", self.api.text(), self.stage)
    }

    fn read(found: &ApiStage) -> Self {
        let throttles = found.throttle().into_iter().flatten();
        Self {
            api: Ref::live(found.api_id().unwrap_or_default()),
            stage: found.stage().unwrap_or_default().into(),
            throttles: throttles.filter_map(|(key, one)| Some((method_of(key), read(one)?))).collect(),
        }
    }

    fn wire(&self) -> ApiStage {
        let throttles = self.throttles.iter().map(|(method, one)| (plan_key(method), wire(one)));
        let stage = ApiStage::builder().api_id(self.api.text().as_str()).stage(self.stage.as_str());
        stage.set_throttle(Some(throttles.collect()).filter(|_| !self.throttles.is_empty())).build()
    }

    fn patch(&self, live: Option<&Self>, to: &mut Patch) {
        let at = |method: &str| {
            let (verb, path) = method.split_once(' ').unwrap_or(("*", method));
            format!("/apiStages/{}/throttle/{}/{verb}", self.name(), escaped(path))
        };
        let gone = live.into_iter().flat_map(|live| live.throttles.keys());
        for method in gone.filter(|method| !self.throttles.contains_key(*method)) {
            to.remove(at(method), None);
        }
        for (method, want) in &self.throttles {
            if live.and_then(|live| live.throttles.get(method)) != Some(want) {
                to.replace(format!("{}/rateLimit", at(method)), &want.rate);
                to.replace(format!("{}/burstLimit", at(method)), want.burst);
            }
        }
    }
}

impl UsagePlan {
    /// A plan that limits nothing and opens nothing yet.
    #[must_use]
    pub fn unlimited(description: &str) -> Self {
        Self {
            description: description.to_owned(),
            stages: BTreeSet::new(),
            throttle: None,
            quota: None,
            keys: BTreeSet::new(),
        }
    }

    fn patch(&self, live: &Self) -> Patch {
        let mut to = Patch::default();
        if self.description != live.description {
            to.replace("/description", &self.description);
        }
        match (&self.throttle, &live.throttle) {
            (Some(want), have) if Some(want) != have.as_ref() => {
                to.replace("/throttle/rateLimit", &want.rate);
                to.replace("/throttle/burstLimit", want.burst);
            }
            (None, Some(_)) => to.remove("/throttle", None),
            _ => {}
        }
        match (&self.quota, &live.quota) {
            (Some(want), have) if Some(want) != have.as_ref() => {
                to.replace("/quota/limit", want.limit);
                to.replace("/quota/offset", want.offset);
                to.replace("/quota/period", want.period.word().as_str());
            }
            (None, Some(_)) => to.remove("/quota", None),
            _ => {}
        }
        let by_name = |plan: &Self| -> BTreeMap<String, PlanStage> {
            plan.stages.iter().map(|stage| (stage.name(), stage.clone())).collect()
        };
        let (want, have) = (by_name(self), by_name(live));
        for name in have.keys().filter(|name| !want.contains_key(*name)) {
            to.remove("/apiStages", Some(name.clone()));
        }
        for (name, stage) in &want {
            if !have.contains_key(name) {
                to.add("/apiStages", name);
            }
            stage.patch(have.get(name), &mut to);
        }
        to
    }
}

impl Resource for UsagePlan {
    const KIND: &'static str = "usage plan";

    fn known(_: &Scope, physical: &str) -> Outputs {
        match identity::by_id(physical) {
            Some(id) => Outputs::from([("id".to_owned(), id.to_owned())]),
            None => Outputs::from([("name".to_owned(), physical.to_owned())]),
        }
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        identity::id_of_arn(arn, COLLECTION).map(|id| format!("id:{id}"))
    }

    fn list(&self, to: &mut Fields) {
        let Self { description, stages, throttle, quota, keys } = self;
        to.field("description", description);
        to.field("stages", stages);
        to.field("throttle", throttle);
        to.field("quota", quota);
        to.field("keys", keys);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        identity::owned(aws, COLLECTION, Self::KIND).await
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let all = list(aws).await?;
        let Some(found) = identity::pick(at, &all, aws)? else { return Ok(None) };
        let id = Listed::id(found);
        let ask = || aws.apigateway().get_usage_plan_keys().usage_plan_id(id);
        let keys = pages!(&at.address, aws, "GetUsagePlanKeys", ABSENT, ask());
        // One that is deleted while it is looked at is gone.
        let Some(keys) = keys else { return Ok(None) };
        let guests = if keys.is_empty() { BTreeSet::new() } else { api_key::guests(aws).await? };
        let is_guest = |id: &&str| guests.iter().any(|(_, guest)| guest == id);
        let actual = Self {
            description: found.description().unwrap_or_default().to_owned(),
            stages: found.api_stages().iter().map(PlanStage::read).collect(),
            throttle: found.throttle().and_then(read),
            quota: found.quota().map(Quota::read),
            keys: keys.iter().filter_map(|key| key.id()).filter(|id| !is_guest(id)).map(Ref::live).collect(),
        };
        let outputs = outputs(id, Listed::name(found), aws);
        Ok(Some(Live::new(actual, outputs, Some(identity::tags(found)))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let live = match live {
            Some(live) => live,
            None => self.create(at, aws).await?,
        };
        let id = live.outputs["id"].as_str();
        // A key that moves to another plan must leave this one before its stages come.
        for key in live.actual.keys.difference(&self.keys) {
            aws.write(at, "apigateway", "DeleteUsagePlanKey", || {
                let ask = aws.apigateway().delete_usage_plan_key().usage_plan_id(id);
                ask.key_id(key.text().as_str()).send()
            })
            .await
            .absent_on(ABSENT)?;
        }
        if let Some(operations) = self.patch(&live.actual).operations() {
            update(at, id, operations, aws).await?;
        }
        for key in self.keys.difference(&live.actual.keys) {
            aws.write(at, "apigateway", "CreateUsagePlanKey", || {
                let ask = aws.apigateway().create_usage_plan_key().usage_plan_id(id);
                ask.key_id(key.text().as_str()).key_type("API_KEY").send()
            })
            .await?;
        }
        let arn = identity::arn(aws, COLLECTION, id);
        identity::sync_tags(at, &arn, &live.tags.unwrap_or_default(), aws).await?;
        Ok(live.outputs)
    }

    /// Its stages leave it first: AWS refuses otherwise.
    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let id = live.outputs["id"].as_str();
        let empty = Self { stages: BTreeSet::new(), ..live.actual.clone() };
        if let Some(operations) = empty.patch(&live.actual).operations() {
            update(at, id, operations, aws).await?;
        }
        aws.write(at, "apigateway", "DeleteUsagePlan", || {
            aws.apigateway().delete_usage_plan().usage_plan_id(id).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl UsagePlan {
    /// Born with everything but its keys, which no call takes with it.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let created = aws
            .write(at, "apigateway", "CreateUsagePlan", || {
                let ask = aws.apigateway().create_usage_plan().name(at.name()).description(&self.description);
                ask.set_api_stages(Some(self.stages.iter().map(PlanStage::wire).collect()))
                    .set_throttle(self.throttle.as_ref().map(wire))
                    .set_quota(self.quota.as_ref().map(Quota::wire))
                    .set_tags(Some(at.birth_tags().into_iter().collect()))
                    .send()
            })
            .await?;
        let id = created.id.ok_or_else(|| {
            Fault::refused(&at.address, "API Gateway made a usage plan and did not say which")
        })?;
        let actual = Self { keys: BTreeSet::new(), ..self.clone() };
        Ok(Live::new(actual, outputs(&id, at.name(), aws), Some(at.birth_tags())))
    }
}

async fn update(
    at: &Place,
    id: &str,
    operations: Vec<aws_sdk_apigateway::types::PatchOperation>,
    aws: &Writer,
) -> Result<(), Fault> {
    aws.write(at, "apigateway", "UpdateUsagePlan", || {
        let ask = aws.apigateway().update_usage_plan().usage_plan_id(id);
        ask.set_patch_operations(Some(operations.clone())).send()
    })
    .await?;
    Ok(())
}

fn outputs(id: &str, name: &str, aws: &Reader) -> Outputs {
    Outputs::from([
        ("id".to_owned(), id.to_owned()),
        ("name".to_owned(), name.to_owned()),
        ("arn".to_owned(), identity::arn(aws, COLLECTION, id)),
    ])
}

/// The id of a plan, and of the keys in it; `None` when it is not there.
pub(super) async fn members(at: &Place, aws: &Reader) -> Result<Option<(String, BTreeSet<String>)>, Fault> {
    let all = list(aws).await?;
    let Some(found) = identity::pick(at, &all, aws)? else { return Ok(None) };
    let id = Listed::id(found);
    let ask = || aws.apigateway().get_usage_plan_keys().usage_plan_id(id);
    let keys = pages!(&at.address, aws, "GetUsagePlanKeys", ABSENT, ask());
    let ids = |key: &UsagePlanKey| key.id().map(str::to_owned);
    Ok(keys.map(|keys| (id.to_owned(), keys.iter().filter_map(ids).collect())))
}

/// All usage plans of the account, tags included.
async fn list(aws: &Reader) -> Result<Arc<Vec<Found>>, Fault> {
    aws.once("apigateway:GetUsagePlans", async {
        let at = whole_account("usage-plans");
        Ok(pages!(&at, aws, "GetUsagePlans", &[], aws.apigateway().get_usage_plans()).unwrap_or_default())
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_named_as_plans_do() {
        assert_eq!(plan_key("POST /outreach/send-email"), "/outreach/send-email/POST");
        assert_eq!(method_of("/outreach/send-email/POST"), "POST /outreach/send-email");
    }
}
