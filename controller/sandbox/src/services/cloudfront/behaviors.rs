//! Cache behaviours: what they need, and what AWS fills in.

use serde_json::{Value, json};

use super::{check_word, fill, invalid, items, keys::KEY_GROUP, listing, policies::HEADERS, texts};
use crate::services::{Refusal, World, text};

const KEY_GROUPS_MAX: usize = 4;

/// AWS's own policies, which every account has (developer guide, "Use managed … policies").
const CACHE_POLICIES: &[&str] = &[
    "658327ea-f89d-4fab-a63d-7e88639e58f6", // CachingOptimized
    "4135ea2d-6df8-44a3-9df3-4b5a84be39ad", // CachingDisabled
    "b2884449-e4de-46a7-ac36-70bc7f1ddd6d", // CachingOptimizedForUncompressedObjects
    "83da9c7e-98b4-4e11-a168-04f0df8e2c65", // UseOriginCacheControlHeaders
    "4cc15a8a-d715-48a4-82b8-cc0b614638fe", // UseOriginCacheControlHeaders-QueryStrings
    "2e54312d-136d-493c-8eb9-b001f22f67d2", // Amplify
    "08627262-05a9-4f76-9ded-b50ca2e3a84f", // Elemental-MediaPackage
];
const ORIGIN_REQUEST_POLICIES: &[&str] = &[
    "216adef6-5c7f-47e4-b989-5492eafa07d3", // AllViewer
    "b689b0a8-53d0-40ab-baf2-68738e2966ac", // AllViewerExceptHostHeader
    "33f36d7e-f396-46d9-90e0-52428a34d9dc", // AllViewerAndCloudFrontHeaders-2022-06
    "59781a5b-3903-41f3-afcb-af62929ccde1", // CORS-CustomOrigin
    "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf", // CORS-S3Origin
    "775133bc-15f2-49f9-abea-afb2e0bf67d2", // Elemental-MediaTailor-PersonalizedManifests
    "acba4595-bd28-49b8-b9fe-13317c0390fa", // UserAgentRefererHeaders
];
const HEADERS_POLICIES: &[&str] = &[
    "60669652-455b-4ae9-85a4-c4c02393f86c", // SimpleCORS
    "5cc3b908-e619-4b99-88e5-2cf7f45965bd", // CORS-With-Preflight
    "67f7725c-6f97-4210-82d7-5512b31e9d03", // SecurityHeadersPolicy
    "e61eb60c-9c35-4d20-a928-2b84e02af89c", // CORS-and-SecurityHeadersPolicy
    "eaab4381-ed33-4a86-88ca-d9558dc6cd63", // CORS-with-preflight-and-SecurityHeadersPolicy
];

/// What CloudFront can be told to let through, in the order in which it lists them.
const METHODS: &[&[&str]] = &[
    &["HEAD", "GET"],
    &["HEAD", "GET", "OPTIONS"],
    &["HEAD", "DELETE", "POST", "GET", "OPTIONS", "PUT", "PATCH"],
];

/// All behaviours of a configuration, the default one first.
pub(super) fn all(config: &Value) -> impl Iterator<Item = &Value> {
    std::iter::once(&config["DefaultCacheBehavior"]).chain(items(&config["CacheBehaviors"]))
}

/// Checks them and fills in what was not sent.
pub(super) fn settle(world: &World<'_>, config: &mut Value) -> Result<(), Refusal> {
    let origins: Vec<String> = items(&config["Origins"])
        .chain(items(&config["OriginGroups"]))
        .map(|origin| text(origin, "Id").to_owned())
        .collect();
    if !config["DefaultCacheBehavior"].is_object() {
        return Err(invalid("The parameter DefaultCacheBehavior is required."));
    }
    settle_one(world, &mut config["DefaultCacheBehavior"], &origins)?;
    fill(config, "CacheBehaviors", json!({ "Quantity": "0" }));
    let mut paths = Vec::new();
    for item in config["CacheBehaviors"]["Items"].as_array_mut().into_iter().flatten() {
        let behavior = &mut item["CacheBehavior"];
        let path = text(behavior, "PathPattern").to_owned();
        if path.is_empty() || paths.contains(&path) {
            return Err(invalid("The parameter PathPattern needs to be unique."));
        }
        paths.push(path);
        settle_one(world, behavior, &origins)?;
    }
    Ok(())
}

fn settle_one(world: &World<'_>, behavior: &mut Value, origins: &[String]) -> Result<(), Refusal> {
    if !origins.iter().any(|origin| origin == text(behavior, "TargetOriginId")) {
        let message = "One or more of your origins or origin groups do not exist.";
        return Err(Refusal::new("NoSuchOrigin", message).status(404));
    }
    check_word(behavior, "ViewerProtocolPolicy", &["allow-all", "https-only", "redirect-to-https"])?;
    check_policies(world, behavior)?;
    check_key_groups(world, behavior)?;
    settle_methods(behavior)?;
    for list in ["TrustedSigners", "TrustedKeyGroups"] {
        fill(behavior, list, json!({ "Enabled": "false", "Quantity": "0" }));
    }
    for list in ["LambdaFunctionAssociations", "FunctionAssociations"] {
        fill(behavior, list, json!({ "Quantity": "0" }));
    }
    fill(behavior, "SmoothStreaming", json!("false"));
    fill(behavior, "Compress", json!("false"));
    fill(behavior, "FieldLevelEncryptionId", json!(""));
    fill(behavior, "GrpcConfig", json!({ "Enabled": "false" }));
    Ok(())
}

fn check_policies(world: &World<'_>, behavior: &Value) -> Result<(), Refusal> {
    let cache = text(behavior, "CachePolicyId");
    match (cache.is_empty(), behavior["ForwardedValues"].is_null()) {
        (true, true) => return Err(invalid("The parameter ForwardedValues is required.")),
        (false, false) => {
            let message = "The parameter ForwardedValues cannot be used when a cache policy is associated to the \
                           cache behavior.";
            return Err(invalid(message));
        }
        _ => {}
    }
    let missing = |code: &str, what: &str| {
        Err(Refusal::new(code, format!("The specified {what} does not exist.")).status(404))
    };
    if !cache.is_empty() && !CACHE_POLICIES.contains(&cache) {
        return missing("NoSuchCachePolicy", "cache policy");
    }
    let request = text(behavior, "OriginRequestPolicyId");
    if !request.is_empty() && !ORIGIN_REQUEST_POLICIES.contains(&request) {
        return missing("NoSuchOriginRequestPolicy", "origin request policy");
    }
    let headers = text(behavior, "ResponseHeadersPolicyId");
    let known = || HEADERS_POLICIES.contains(&headers) || world.get(HEADERS.collection, headers).is_some();
    if !headers.is_empty() && !known() {
        return missing("NoSuchResponseHeadersPolicy", "response headers policy");
    }
    Ok(())
}

fn check_key_groups(world: &World<'_>, behavior: &Value) -> Result<(), Refusal> {
    let groups = &behavior["TrustedKeyGroups"];
    let ids: Vec<&str> = texts(groups).collect();
    if text(groups, "Enabled") == "true" && ids.is_empty() {
        return Err(invalid("The parameter TrustedKeyGroups is enabled and names no key group."));
    }
    if ids.len() > KEY_GROUPS_MAX {
        let message =
            "The number of key groups referenced by this distribution is more than the maximum allowed.";
        return Err(Refusal::new("TooManyKeyGroupsAssociatedToDistribution", message));
    }
    if ids.iter().any(|id| world.get(KEY_GROUP.collection, id).is_none()) {
        return Err(Refusal::new("TrustedKeyGroupDoesNotExist", "The specified key group does not exist."));
    }
    Ok(())
}

fn settle_methods(behavior: &mut Value) -> Result<(), Refusal> {
    let in_order = |list: &Value| {
        let mut given: Vec<&str> = texts(list).collect();
        given.sort_unstable();
        METHODS.iter().find(|methods| {
            let mut methods = methods.to_vec();
            methods.sort_unstable();
            methods == given
        })
    };
    let wrong = || invalid("The parameter AllowedMethods or CachedMethods contains a wrong set of methods.");
    let sent = &behavior["AllowedMethods"];
    let (allowed, cached) = if sent.is_null() {
        (METHODS[0], METHODS[0])
    } else {
        let cached = match &sent["CachedMethods"] {
            Value::Null => METHODS[0],
            list => in_order(list).filter(|methods| methods.len() < 7).ok_or_else(wrong)?,
        };
        (*in_order(sent).ok_or_else(wrong)?, cached)
    };
    if !cached.iter().all(|method| allowed.contains(method)) {
        return Err(wrong());
    }
    let methods = |of: &[&str]| listing("Method", of.iter().map(|one| json!(one)));
    behavior["AllowedMethods"] = methods(allowed);
    behavior["AllowedMethods"]["CachedMethods"] = methods(cached);
    Ok(())
}
