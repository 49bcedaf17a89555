//! What S3 refuses inside the documents of sub-resources.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::{BUCKETS, xml::Element, xml::malformed};
use crate::services::{Refusal, World, text};

type Checked = Result<(), Refusal>;

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidArgument", message)
}

fn one_of(found: Option<&str>, allowed: &[&str]) -> Checked {
    found.is_some_and(|found| allowed.contains(&found)).then_some(()).ok_or_else(malformed)
}

pub(super) fn versioning(document: &Element, _: &World<'_>) -> Checked {
    one_of(document.text_of("Status"), &["Enabled", "Suspended"]).map_err(|_| {
        let message = "The Versioning element must be specified";
        Refusal::new("IllegalVersioningConfigurationException", message)
    })
}

pub(super) fn ownership(document: &Element, _: &World<'_>) -> Checked {
    let rule = document.get("Rule").ok_or_else(malformed)?;
    let allowed = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"];
    one_of(rule.text_of("ObjectOwnership"), &allowed)
}

pub(super) fn public_access(document: &Element, _: &World<'_>) -> Checked {
    document.children.iter().try_for_each(|switch| one_of(Some(&switch.text), &["true", "false"]))
}

pub(super) fn blocks_public_policy(document: Option<&str>) -> bool {
    let document = document.unwrap_or_default().as_bytes();
    let document = Element::parse(document, "PublicAccessBlockConfiguration").unwrap_or_default();
    document.text_of("BlockPublicPolicy") == Some("true")
}

pub(super) fn encryption(document: &Element, _: &World<'_>) -> Checked {
    let rule = document.get("Rule").ok_or_else(malformed)?;
    let how = rule.get("ApplyServerSideEncryptionByDefault").ok_or_else(malformed)?;
    let algorithm = how.text_of("SSEAlgorithm");
    one_of(algorithm, &["AES256", "aws:kms", "aws:kms:dsse"])?;
    if algorithm == Some("AES256") && how.get("KMSMasterKeyID").is_some() {
        return Err(invalid(
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms",
        ));
    }
    let mut blocked =
        rule.get("BlockedEncryptionTypes").into_iter().flat_map(|types| types.all("EncryptionType"));
    blocked.try_for_each(|kind| one_of(Some(&kind.text), &["NONE", "SSE-C"]))
}

pub(super) fn cors(document: &Element, _: &World<'_>) -> Checked {
    let rules: Vec<_> = document.all("CORSRule").collect();
    if rules.is_empty() || rules.len() > 100 {
        return Err(malformed());
    }
    for rule in rules {
        if rule.get("AllowedMethod").is_none() || rule.get("AllowedOrigin").is_none() {
            return Err(malformed());
        }
        for method in rule.all("AllowedMethod").map(|method| method.text.as_str()) {
            if !["GET", "PUT", "POST", "DELETE", "HEAD"].contains(&method) {
                let message =
                    format!("Found unsupported HTTP method in CORS config. Unsupported method is {method}");
                return Err(Refusal::new("InvalidRequest", message));
            }
        }
        for origin in rule.all("AllowedOrigin").map(|origin| origin.text.as_str()) {
            if origin.matches('*').count() > 1 {
                let message = format!("AllowedOrigin \"{origin}\" can not have more than one wildcard.");
                return Err(Refusal::new("InvalidRequest", message));
            }
        }
    }
    Ok(())
}

pub(super) fn logging(document: &Element, world: &World<'_>) -> Checked {
    let Some(enabled) = document.get("LoggingEnabled") else { return Ok(()) };
    let target = enabled.text_of("TargetBucket").ok_or_else(malformed)?;
    enabled.get("TargetPrefix").ok_or_else(malformed)?;
    let found = world.get(BUCKETS, target);
    let refuse = |message: &str| Err(Refusal::new("InvalidTargetBucketForLogging", message));
    match found {
        None => refuse("The target bucket for logging does not exist"),
        Some(found) if text(found, "owner") != world.account => {
            refuse("The owner for the bucket to be logged and the target bucket must be the same.")
        }
        Some(_) => Ok(()),
    }
}

pub(super) fn notifications(document: &Element, world: &World<'_>) -> Checked {
    let mut ids = BTreeSet::new();
    for target in &document.children {
        if target.name == "EventBridgeConfiguration" {
            continue;
        }
        if !ids.insert(target.text_of("Id").unwrap_or_default()) {
            return Err(invalid("Configuration ID's must be unique"));
        }
        if target.get("Event").is_none() {
            return Err(malformed());
        }
        if let Some(queue) = target.text_of("Queue") {
            check_queue(queue, world)?;
        }
    }
    Ok(())
}

/// S3 sends a test message: the queue must exist and let S3 in.
fn check_queue(arn: &str, world: &World<'_>) -> Checked {
    let queue = arn.rsplit(':').next().and_then(|name| world.get("sqs/queues", name));
    let policy = queue.and_then(|queue| queue["attributes"].get("Policy")).and_then(Value::as_str);
    if policy.is_some_and(|policy| policy.contains("s3.amazonaws.com")) {
        return Ok(());
    }
    Err(invalid("Unable to validate the following destination configurations"))
}

pub(super) fn lifecycle(document: &Element, _: &World<'_>) -> Checked {
    let rules: Vec<_> = document.all("Rule").collect();
    if rules.is_empty() || rules.len() > 1000 {
        return Err(malformed());
    }
    let mut ids = BTreeSet::new();
    for rule in rules {
        if rule.text_of("ID").is_some_and(|id| !ids.insert(id.to_owned())) {
            return Err(invalid("Rule ID must be unique. Found same ID for more than one rule"));
        }
        if rule.text_of("ID").is_some_and(|id| id.len() > 255) {
            return Err(invalid("ID length should not exceed allowed limit of 255"));
        }
        one_of(rule.text_of("Status"), &["Enabled", "Disabled"])?;
        if rule.get("Filter").is_some() == rule.get("Prefix").is_some() {
            return Err(malformed());
        }
        lifecycle_actions(rule)?;
    }
    Ok(())
}

fn lifecycle_actions(rule: &Element) -> Checked {
    const ACTIONS: &[&str] = &[
        "Expiration",
        "Transition",
        "NoncurrentVersionExpiration",
        "NoncurrentVersionTransition",
        "AbortIncompleteMultipartUpload",
    ];
    if !ACTIONS.iter().any(|action| rule.get(action).is_some()) {
        let message = "At least one action needs to be specified in a rule.";
        return Err(Refusal::new("InvalidRequest", message));
    }
    let expires =
        rule.get("Expiration").map(|expiration| expiration.number_of("Days")).transpose()?.flatten();
    if expires.is_some_and(|days| days < 1) {
        return Err(invalid("'Days' for Expiration action must be a positive integer"));
    }
    for transition in rule.all("Transition") {
        let class = transition.text_of("StorageClass").ok_or_else(malformed)?;
        let Some(days) = transition.number_of("Days")? else { continue };
        if class.ends_with("_IA") && days < 30 {
            return Err(invalid(format!(
                "'Days' in Transition action must be greater than or equal to 30 for storageClass '{class}'"
            )));
        }
        if expires.is_some_and(|expires| expires <= days) {
            let message = "'Days' in the Expiration action for prefix must be greater than 'Days' in \
                           the Transition action";
            return Err(invalid(message));
        }
    }
    if let Some(abort) = rule.get("AbortIncompleteMultipartUpload") {
        if abort.number_of("DaysAfterInitiation")?.is_none_or(|days| days < 1) {
            return Err(invalid(
                "'DaysAfterInitiation' for AbortIncompleteMultipartUpload action must be a positive integer",
            ));
        }
        if rule.get("Filter").is_some_and(|filter| filter.get("Tag").is_some()) {
            let message = "AbortIncompleteMultipartUpload cannot be specified with Tags.";
            return Err(Refusal::new("InvalidRequest", message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(inside: &str) -> Result<(), String> {
        let text = format!(
            "<LifecycleConfiguration><Rule><ID>a</ID><Status>Enabled</Status><Filter/>{inside}</Rule>\
             </LifecycleConfiguration>"
        );
        let document = Element::parse(text.as_bytes(), "LifecycleConfiguration").unwrap();
        lifecycle_actions(document.get("Rule").unwrap()).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_lifecycle_rule_must_do_something_possible() {
        assert_eq!(rule("<Expiration><Days>7</Days></Expiration>"), Ok(()));
        assert_eq!(rule(""), Err("InvalidRequest".to_owned()));
        assert_eq!(rule("<Expiration><Days>0</Days></Expiration>"), Err("InvalidArgument".to_owned()));
        let early = "<Transition><Days>7</Days><StorageClass>STANDARD_IA</StorageClass></Transition>";
        assert_eq!(rule(early), Err("InvalidArgument".to_owned()));
        let late = "<Transition><Days>40</Days><StorageClass>GLACIER</StorageClass></Transition>";
        assert_eq!(
            rule(&format!("<Expiration><Days>30</Days></Expiration>{late}")),
            Err("InvalidArgument".to_owned())
        );
        assert_eq!(rule(&format!("<Expiration><Days>90</Days></Expiration>{late}")), Ok(()));
    }
}
