//! Configuration sets: each group of settings is kept as it was sent, under its name in the answers.
//!
//! Messages were seen on AWS (floci-io/floci pull requests 1412 and 1479).

use serde_json::{Value, json};

use super::{bad, done, identities, is_name, missing, paging, tags, unlisted};
use crate::services::{Refusal, World, page, strings, text};

pub(super) const SETS: &str = "ses/configuration-sets";

const MAX_DELIVERY_S: std::ops::RangeInclusive<u64> = 300..=50_400;

/// The pools that every account has.
const AWS_POOLS: &[&str] = &["ses-shared-pool", "ses-default-dedicated-pool"];

/// One group of settings.
pub(super) struct Group {
    /// The last part of the path that sets it.
    pub path: &'static str,
    pub operation: &'static str,
    /// The member of the answer that holds it.
    member: &'static str,
    /// Whether the request holds it under that name too, or each of its members by itself.
    wrapped: bool,
}

const fn group(path: &'static str, operation: &'static str, member: &'static str) -> Group {
    Group { path, operation, member, wrapped: false }
}

pub(super) const GROUPS: &[Group] = &[
    group("tracking-options", "PutConfigurationSetTrackingOptions", "TrackingOptions"),
    group("delivery-options", "PutConfigurationSetDeliveryOptions", "DeliveryOptions"),
    group("reputation-options", "PutConfigurationSetReputationOptions", "ReputationOptions"),
    group("sending", "PutConfigurationSetSendingOptions", "SendingOptions"),
    group("suppression-options", "PutConfigurationSetSuppressionOptions", "SuppressionOptions"),
    group("archiving-options", "PutConfigurationSetArchivingOptions", "ArchivingOptions"),
    Group {
        path: "vdm-options",
        operation: "PutConfigurationSetVdmOptions",
        member: "VdmOptions",
        wrapped: true,
    },
];

/// The set that a call names.
pub(super) fn existing<'w>(name: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let found = world.get(SETS, name);
    found.ok_or_else(|| missing(format!("Configuration set <{name}> does not exist.")))
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "ConfigurationSetName");
    if !is_name(name) {
        return Err(bad(format!(
            "Invalid configuration set name <{name}>: only alphanumeric ASCII characters, '_', and '-' are \
             allowed."
        )));
    }
    let mut set = json!({ "tags": tags::given(input)?, "destinations": {} });
    for group in GROUPS {
        set[group.member] = settled(group, &input[group.member], world)?;
    }
    if world.get(SETS, name).is_some() {
        let message = format!("Configuration set <{name}> already exists.");
        return Err(Refusal::new("AlreadyExistsException", message));
    }
    world.put(SETS, name, set);
    Ok(done())
}

/// A group as the answers show it: defaults filled in, null where it says nothing.
fn settled(group: &Group, given: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let says_something =
        given.as_object().is_some_and(|members| members.values().any(|member| !member.is_null()));
    match group.member {
        "TrackingOptions" if says_something => check_tracking(given, world)?,
        "DeliveryOptions" => {
            check_delivery(given)?;
            let mut given = if says_something { given.clone() } else { json!({}) };
            if given["TlsPolicy"].is_null() {
                given["TlsPolicy"] = "OPTIONAL".into();
            }
            return Ok(given);
        }
        // Left out, both are on (version 2 of the API); a switch that is left out inside its group is off, which
        // is how clients say so.
        "ReputationOptions" => {
            let on = given.is_null() || given["ReputationMetricsEnabled"] == true;
            return Ok(json!({ "ReputationMetricsEnabled": on }));
        }
        "SendingOptions" => {
            return Ok(json!({ "SendingEnabled": given.is_null() || given["SendingEnabled"] == true }));
        }
        "SuppressionOptions" => check_reasons(&given["SuppressedReasons"])?,
        _ => {}
    }
    Ok(if says_something { given.clone() } else { Value::Null })
}

fn check_tracking(given: &Value, world: &World<'_>) -> Result<(), Refusal> {
    let domain = text(given, "CustomRedirectDomain");
    if domain.is_empty() {
        return Err(bad("CustomRedirectDomain must be specified."));
    }
    if !identities::is_verified(domain, world) {
        return Err(bad(format!("Domain <{domain}> is not verified under this account.")));
    }
    one_of(given, "HttpsPolicy", "httpsPolicy", &["OPTIONAL", "REQUIRE", "REQUIRE_OPEN_ONLY"])
}

fn check_delivery(given: &Value) -> Result<(), Refusal> {
    one_of(given, "TlsPolicy", "tlsPolicy", &["OPTIONAL", "REQUIRE"])?;
    // Pools of one's own cannot be made here.
    let pool = given["SendingPoolName"].as_str();
    if let Some(pool) = pool.filter(|pool| !AWS_POOLS.contains(pool)) {
        return Err(bad(format!("SendingPool <{pool}> doesn't exist")));
    }
    match given["MaxDeliverySeconds"].as_u64() {
        Some(seconds) if !MAX_DELIVERY_S.contains(&seconds) => Err(bad(
            "1 validation error detected: Value at 'maxDeliverySeconds' failed to satisfy constraint: Member \
             must have value between 300 and 50400",
        )),
        _ => Ok(()),
    }
}

fn one_of(given: &Value, member: &str, path: &str, allowed: &[&str]) -> Result<(), Refusal> {
    match given[member].as_str() {
        Some(value) if !allowed.contains(&value) => Err(unlisted(path, allowed)),
        _ => Ok(()),
    }
}

pub(super) fn check_reasons(reasons: &Value) -> Result<(), Refusal> {
    let unknown =
        reasons.as_array().into_iter().flatten().find(|one| *one != "BOUNCE" && *one != "COMPLAINT");
    match unknown {
        Some(reason) => {
            let reason = reason.as_str().unwrap_or_default();
            Err(bad(format!("Reason {reason} is invalid, must be one of [BOUNCE, COMPLAINT].")))
        }
        None => Ok(()),
    }
}

pub(super) fn put(group: &Group, input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "ConfigurationSetName").to_owned();
    existing(&name, world)?;
    let given = if group.wrapped {
        input[group.member].clone()
    } else {
        let mut given = input.clone();
        given.as_object_mut().map(|members| members.remove("ConfigurationSetName"));
        given
    };
    let settled = settled(group, &given, world)?;
    world.edit(SETS, &name, |set| set[group.member] = settled);
    Ok(done())
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let names: Vec<&str> = world.all(SETS).into_keys().collect();
    let (size, token) = paging(input);
    let (names, next) = page(&names, token, size);
    json!({ "ConfigurationSets": names, "NextToken": next })
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "ConfigurationSetName");
    let set = existing(name, world)?;
    let mut answer = json!({ "ConfigurationSetName": name, "Tags": tags::out(&strings(set.get("tags"))) });
    for group in GROUPS {
        answer[group.member] = set[group.member].clone();
    }
    Ok(answer)
}

/// That identities name it as their default hinders nobody: their mail is refused from then on.
pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "ConfigurationSetName");
    existing(name, world)?;
    world.remove(SETS, name);
    Ok(done())
}
