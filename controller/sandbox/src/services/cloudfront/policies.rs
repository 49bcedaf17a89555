//! Origin access controls and response headers policies.

use serde_json::{Value, json};

use super::{Noun, check_word, distributions, fill, invalid, items, keys::check_comment, stamp};
use crate::services::{Refusal, World, text};

const ACCESS_CONTROLS_MAX: usize = 100;

pub(super) const ACCESS_CONTROL: Noun = Noun {
    path: "origin-access-control",
    root: "OriginAccessControl",
    config: "OriginAccessControlConfig",
    list: "OriginAccessControlList",
    collection: "cloudfront/origin-access-controls",
    absent: "NoSuchOriginAccessControl",
    taken: "OriginAccessControlAlreadyExists",
    update_config: true,
    operations: [
        "CreateOriginAccessControl",
        "GetOriginAccessControl",
        "GetOriginAccessControlConfig",
        "UpdateOriginAccessControl",
        "DeleteOriginAccessControl",
        "ListOriginAccessControls",
    ],
    settle: settle_control,
    refuse_delete: |world, found| match used_by_origins(world, text(found, "id")) {
        true => {
            let message = "Cannot delete the origin access control because it's in use by one or more \
                           distributions.";
            Err(Refusal::new("OriginAccessControlInUse", message).status(409))
        }
        false => Ok(()),
    },
    show: |_, _| json!({}),
    summary: |_, found| {
        let mut summary = found["config"].clone();
        summary["Id"] = found["id"].clone();
        json!({ "OriginAccessControlSummary": summary })
    },
};

pub(super) const HEADERS: Noun = Noun {
    path: "response-headers-policy",
    root: "ResponseHeadersPolicy",
    config: "ResponseHeadersPolicyConfig",
    list: "ResponseHeadersPolicyList",
    collection: "cloudfront/response-headers-policies",
    absent: "NoSuchResponseHeadersPolicy",
    taken: "ResponseHeadersPolicyAlreadyExists",
    update_config: false,
    operations: [
        "CreateResponseHeadersPolicy",
        "GetResponseHeadersPolicy",
        "GetResponseHeadersPolicyConfig",
        "UpdateResponseHeadersPolicy",
        "DeleteResponseHeadersPolicy",
        "ListResponseHeadersPolicies",
    ],
    settle: settle_headers,
    refuse_delete: |world, found| {
        let id = text(found, "id");
        let message = "Cannot delete the response headers policy because it is attached to one or more cache \
                       behaviors in a CloudFront distribution.";
        let uses = |behavior: &Value| text(behavior, "ResponseHeadersPolicyId") == id;
        distributions::refuse_used(world, uses, "ResponseHeadersPolicyInUse", message)
    },
    show: |_, found| json!({ "LastModifiedTime": stamp(found, "changed") }),
    summary: |_, found| {
        let modified = stamp(found, "changed");
        let policy = json!({
            "Id": found["id"], "LastModifiedTime": modified, "ResponseHeadersPolicyConfig": found["config"],
        });
        json!({ "ResponseHeadersPolicySummary": { "Type": "custom", "ResponseHeadersPolicy": policy } })
    },
};

fn used_by_origins(world: &World<'_>, id: &str) -> bool {
    let uses = |found: &Value| {
        items(&found["config"]["Origins"]).any(|origin| text(origin, "OriginAccessControlId") == id)
    };
    world.all(distributions::NOUN.collection).into_values().any(uses)
}

fn settle_control(world: &World<'_>, mut config: Value, old: Option<&Value>) -> Result<Value, Refusal> {
    if !(1..=64).contains(&text(&config, "Name").chars().count()) {
        return Err(invalid("The parameter Name must have 1 to 64 characters."));
    }
    if text(&config, "Description").chars().count() > 256 {
        return Err(invalid("The parameter Description is too long. It can have up to 256 characters."));
    }
    check_word(&config, "SigningProtocol", &["sigv4"])?;
    check_word(&config, "SigningBehavior", &["always", "never", "no-override"])?;
    check_word(&config, "OriginAccessControlOriginType", &["s3", "lambda", "mediastore", "mediapackagev2"])?;
    match old {
        Some(old) => {
            let sort = "OriginAccessControlOriginType";
            if old["config"][sort] != config[sort] && used_by_origins(world, text(old, "id")) {
                return Err(invalid("The origin type cannot change while the access control is in use."));
            }
        }
        None if world.all(ACCESS_CONTROL.collection).len() >= ACCESS_CONTROLS_MAX => {
            let message =
                "The number of origin access controls in your AWS account exceeds the maximum allowed.";
            return Err(Refusal::new("TooManyOriginAccessControls", message));
        }
        None => {}
    }
    fill(&mut config, "Description", json!(""));
    Ok(config)
}

/// Headers that a policy may not set (developer guide, "Restrictions on custom headers").
const RESERVED: &[&str] = &["connection", "content-length", "host", "transfer-encoding", "upgrade", "via"];

fn settle_headers(_: &World<'_>, mut config: Value, _: Option<&Value>) -> Result<Value, Refusal> {
    if !(1..=128).contains(&text(&config, "Name").chars().count()) {
        return Err(invalid("The parameter Name must have 1 to 128 characters."));
    }
    check_comment(&config)?;
    fill(&mut config, "Comment", json!(""));
    let sections = [
        "CorsConfig",
        "SecurityHeadersConfig",
        "ServerTimingHeadersConfig",
        "CustomHeadersConfig",
        "RemoveHeadersConfig",
    ];
    if sections.iter().all(|section| config[section].is_null()) {
        return Err(invalid("The policy must contain at least one header configuration."));
    }
    let cors = &config["CorsConfig"];
    if !cors.is_null() {
        for list in ["AccessControlAllowOrigins", "AccessControlAllowHeaders", "AccessControlAllowMethods"] {
            if items(&cors[list]).next().is_none() {
                return Err(invalid(format!("The parameter {list} must have at least one item.")));
            }
        }
        let any = |list: &str| super::texts(&cors[list]).any(|one| one == "*" || one == "ALL");
        let loose = any("AccessControlAllowHeaders") || any("AccessControlAllowMethods");
        if text(cors, "AccessControlAllowCredentials") == "true" && loose {
            let message = "With AccessControlAllowCredentials, headers and methods cannot be wildcards.";
            return Err(invalid(message));
        }
    }
    for header in items(&config["CustomHeadersConfig"]).chain(items(&config["RemoveHeadersConfig"])) {
        let name = text(header, "Header");
        if name.is_empty() || RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
            return Err(invalid(format!("The header {name} cannot be used in a policy.")));
        }
    }
    let rate = text(&config["ServerTimingHeadersConfig"], "SamplingRate");
    if !rate.is_empty() && !rate.parse::<f64>().is_ok_and(|rate| (0.0..=100.0).contains(&rate)) {
        return Err(invalid("The parameter SamplingRate must be between 0 and 100."));
    }
    Ok(config)
}
