//! Distributions: what is refused, what is filled in, and how long a change is on its way.

use serde_json::{Value, json};

use super::{Noun, behaviors, check_word, fill, invalid, items, keys, listing, policies, stamp, texts};
use crate::services::{Refusal, World, text};

pub(super) const NOUN: Noun = Noun {
    path: "distribution",
    root: "Distribution",
    config: "DistributionConfig",
    list: "DistributionList",
    collection: "cloudfront/distributions",
    absent: "NoSuchDistribution",
    taken: "DistributionAlreadyExists",
    update_config: true,
    operations: [
        "CreateDistribution",
        "GetDistribution",
        "GetDistributionConfig",
        "UpdateDistribution",
        "DeleteDistribution",
        "ListDistributions",
    ],
    settle,
    refuse_delete: |world, found| match text(&found["config"], "Enabled") == "true"
        || status(world, found) != DEPLOYED
    {
        true => {
            let message = "The distribution you are trying to delete has not been disabled.";
            Err(Refusal::new("DistributionNotDisabled", message).status(409))
        }
        false => Ok(()),
    },
    show,
    summary,
};

const DEPLOYED: &str = "Deployed";

pub(super) fn arn(world: &World<'_>, id: &str) -> String {
    format!("arn:aws:cloudfront::{}:distribution/{id}", world.account)
}

fn status(world: &World<'_>, found: &Value) -> &'static str {
    let changed = u128::from(found["changed"].as_u64().unwrap_or_default());
    if u128::from(world.now_ms) < changed + world.weather.deployment.as_millis() {
        "InProgress"
    } else {
        DEPLOYED
    }
}

fn domain(found: &Value) -> String {
    format!("d{}.cloudfront.net", text(found, "id").to_ascii_lowercase())
}

fn show(world: &World<'_>, found: &Value) -> Value {
    let mut groups: Vec<&str> =
        behaviors::all(&found["config"]).flat_map(|behavior| texts(&behavior["TrustedKeyGroups"])).collect();
    groups.sort_unstable();
    groups.dedup();
    let enabled = !groups.is_empty();
    let mut active = listing(
        "KeyGroup",
        groups.into_iter().map(|id| {
            let config = world.get(keys::KEY_GROUP.collection, id).map(|group| &group["config"]);
            let ids = config.into_iter().flat_map(texts).map(|key| json!(key));
            json!({ "KeyGroupId": id, "KeyPairIds": listing("KeyPairId", ids) })
        }),
    );
    active["Enabled"] = enabled.into();
    json!({
        "ARN": arn(world, text(found, "id")), "Status": status(world, found), "DomainName": domain(found),
        "LastModifiedTime": stamp(found, "changed"), "InProgressInvalidationBatches": "0",
        "ActiveTrustedKeyGroups": active, "ActiveTrustedSigners": { "Enabled": "false", "Quantity": "0" },
    })
}

/// A list leaves out the access logs, the root object and the caller reference.
fn summary(world: &World<'_>, found: &Value) -> Value {
    let mut summary = found["config"].clone();
    for member in ["CallerReference", "DefaultRootObject", "Logging", "ContinuousDeploymentPolicyId"] {
        summary[member] = Value::Null;
    }
    let shown = show(world, found);
    for member in ["ARN", "Status", "DomainName", "LastModifiedTime"] {
        summary[member] = shown[member].clone();
    }
    summary["Id"] = found["id"].clone();
    summary["ETag"] = found["etag"].clone();
    json!({ "DistributionSummary": summary })
}

/// Refuses to delete what a behaviour of any distribution uses.
pub(super) fn refuse_used(
    world: &World<'_>,
    uses: impl Fn(&Value) -> bool,
    code: &str,
    message: &str,
) -> Result<(), Refusal> {
    let used = |found: &Value| behaviors::all(&found["config"]).any(&uses);
    match world.all(NOUN.collection).into_values().any(used) {
        true => Err(Refusal::new(code, message).status(409)),
        false => Ok(()),
    }
}

fn settle(world: &World<'_>, mut config: Value, old: Option<&Value>) -> Result<Value, Refusal> {
    if text(&config, "CallerReference").is_empty() {
        return Err(invalid("The parameter CallerReference is required."));
    }
    if old.is_some_and(|old| old["config"]["CallerReference"] != config["CallerReference"]) {
        let message = "The update contains modifications that are not allowed.";
        return Err(Refusal::new("IllegalUpdate", message));
    }
    keys::check_comment(&config)?;
    check_word(&config, "Enabled", &["true", "false"])?;
    settle_origins(world, &mut config)?;
    behaviors::settle(world, &mut config)?;
    settle_domain(world, &mut config, old.map(|old| text(old, "id")))?;
    settle_logs(world, &mut config)?;
    settle_answers(&mut config)?;
    for (member, default) in [
        ("DefaultRootObject", json!("")),
        ("OriginGroups", json!({ "Quantity": "0" })),
        ("PriceClass", json!("PriceClass_All")),
        ("WebACLId", json!("")),
        ("HttpVersion", json!("http2")),
        ("IsIPV6Enabled", json!("false")),
        ("ContinuousDeploymentPolicyId", json!("")),
        ("Staging", json!("false")),
    ] {
        fill(&mut config, member, default);
    }
    check_word(&config, "PriceClass", &["PriceClass_100", "PriceClass_200", "PriceClass_All"])?;
    check_word(&config, "HttpVersion", &["http1.1", "http2", "http3", "http2and3"])?;
    if text(&config, "DefaultRootObject").starts_with('/') {
        let message = "The default root object file name is too big or contains an invalid character.";
        return Err(Refusal::new("InvalidDefaultRootObject", message));
    }
    let acl = text(&config, "WebACLId");
    if acl.starts_with("arn:") && !acl.starts_with("arn:aws:wafv2:us-east-1:") {
        let message = "A web ACL ID specified is not valid. It must be a global one.";
        return Err(Refusal::new("InvalidWebACLId", message));
    }
    Ok(config)
}

fn settle_origins(world: &World<'_>, config: &mut Value) -> Result<(), Refusal> {
    let mut ids = Vec::new();
    for item in config["Origins"]["Items"].as_array_mut().into_iter().flatten() {
        let origin = &mut item["Origin"];
        let id = text(origin, "Id").to_owned();
        if id.is_empty() || ids.contains(&id) {
            return Err(invalid("The parameter Origin Id must be unique."));
        }
        ids.push(id);
        settle_origin(world, origin)?;
    }
    match ids.is_empty() {
        true => Err(invalid("The parameter Origins is required.")),
        false => Ok(()),
    }
}

fn settle_origin(world: &World<'_>, origin: &mut Value) -> Result<(), Refusal> {
    let domain = text(origin, "DomainName").to_owned();
    let is_bucket = domain.contains(".s3.") && domain.ends_with(".amazonaws.com");
    let sorts = ["S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig"];
    if domain.is_empty() || sorts.iter().filter(|sort| !origin[**sort].is_null()).count() != 1 {
        let message =
            "The Amazon S3 origin server or custom origin specified does not exist or is not valid.";
        return Err(Refusal::new("InvalidOrigin", message));
    }
    if origin["S3OriginConfig"].is_object() {
        if !is_bucket {
            return Err(invalid("The parameter Origin DomainName does not refer to a valid S3 bucket."));
        }
        fill(&mut origin["S3OriginConfig"], "OriginAccessIdentity", json!(""));
        fill(&mut origin["S3OriginConfig"], "OriginReadTimeout", json!("30"));
    }
    if origin["CustomOriginConfig"].is_object() {
        let server = &mut origin["CustomOriginConfig"];
        check_word(server, "OriginProtocolPolicy", &["http-only", "match-viewer", "https-only"])?;
        fill(server, "OriginReadTimeout", json!("30"));
        fill(server, "OriginKeepaliveTimeout", json!("5"));
        let tls = ["TLSv1", "TLSv1.1", "TLSv1.2"].map(|one| json!(one));
        fill(server, "OriginSslProtocols", listing("SslProtocol", tls));
    }
    check_access(world, origin, is_bucket)?;
    let path = text(origin, "OriginPath");
    if !path.is_empty() && (!path.starts_with('/') || path.ends_with('/')) {
        let message = "The relative path is too big, is not URL-encoded, or does not begin with a slash (/).";
        return Err(Refusal::new("InvalidRelativePath", message));
    }
    fill(origin, "OriginPath", json!(""));
    fill(origin, "CustomHeaders", json!({ "Quantity": "0" }));
    fill(origin, "ConnectionAttempts", json!("3"));
    fill(origin, "ConnectionTimeout", json!("10"));
    fill(origin, "OriginShield", json!({ "Enabled": "false" }));
    fill(origin, "OriginAccessControlId", json!(""));
    for (member, most) in [("ConnectionAttempts", 3), ("ConnectionTimeout", 10)] {
        if !text(origin, member).parse::<u32>().is_ok_and(|given| (1..=most).contains(&given)) {
            return Err(invalid(format!("The parameter {member} must be between 1 and {most}.")));
        }
    }
    let shield = &origin["OriginShield"];
    if text(shield, "Enabled") == "true" && text(shield, "OriginShieldRegion").is_empty() {
        return Err(invalid("The parameter OriginShieldRegion is required."));
    }
    Ok(())
}

fn check_access(world: &World<'_>, origin: &Value, is_bucket: bool) -> Result<(), Refusal> {
    let id = text(origin, "OriginAccessControlId");
    if id.is_empty() {
        return Ok(());
    }
    let Some(control) = world.get(policies::ACCESS_CONTROL.collection, id) else {
        let message = "The origin access control is not valid.";
        return Err(Refusal::new("InvalidOriginAccessControl", message));
    };
    if !text(&origin["S3OriginConfig"], "OriginAccessIdentity").is_empty() {
        let message = "An origin cannot contain both an origin access control (OAC) and an origin access identity \
                       (OAI).";
        return Err(Refusal::new("IllegalOriginAccessConfiguration", message));
    }
    if text(&control["config"], "OriginAccessControlOriginType") == "s3" && !is_bucket {
        let message =
            "An origin access control is associated with an origin whose domain name is not supported.";
        return Err(Refusal::new("InvalidDomainNameForOriginAccessControl", message));
    }
    Ok(())
}

const TLS: &[&str] = &[
    "TLSv1",
    "TLSv1_2016",
    "TLSv1.1_2016",
    "TLSv1.2_2018",
    "TLSv1.2_2019",
    "TLSv1.2_2021",
    "TLSv1.2_2025",
    "TLSv1.3_2025",
];

/// Names of its own, the certificate for them, and the oldest TLS. With CloudFront's own certificate that is always
/// TLSv1, whatever was sent.
fn settle_domain(world: &World<'_>, config: &mut Value, id: Option<&str>) -> Result<(), Refusal> {
    fill(config, "Aliases", json!({ "Quantity": "0" }));
    fill(config, "ViewerCertificate", json!({ "CloudFrontDefaultCertificate": "true" }));
    let invalid_certificate = |message: &str| Err(Refusal::new("InvalidViewerCertificate", message));
    let certificate = config["ViewerCertificate"].clone();
    let arn = text(&certificate, "ACMCertificateArn");
    if arn.is_empty() {
        if items(&config["Aliases"]).next().is_some() {
            let message = "To add an alternate domain name (CNAME) to a CloudFront distribution, you must attach a \
                           trusted certificate that validates your authorization to use the domain name.";
            return invalid_certificate(message);
        }
        config["ViewerCertificate"] = json!({
            "CloudFrontDefaultCertificate": "true", "SSLSupportMethod": "vip", "MinimumProtocolVersion": "TLSv1",
            "CertificateSource": "cloudfront",
        });
        return Ok(());
    }
    if text(&certificate, "CloudFrontDefaultCertificate") == "true" {
        return invalid_certificate("Only one of the certificates may be specified.");
    }
    if !arn.starts_with("arn:aws:acm:us-east-1:") {
        let message = "The specified SSL certificate doesn't exist, isn't in us-east-1 region, isn't valid, or \
                       doesn't include a valid certificate chain.";
        return invalid_certificate(message);
    }
    check_word(&certificate, "SSLSupportMethod", &["sni-only", "vip", "static-ip"])?;
    if !TLS.contains(&text(&certificate, "MinimumProtocolVersion")) {
        let message = "The minimum protocol version specified is not valid.";
        return Err(Refusal::new("InvalidMinimumProtocolVersion", message));
    }
    let shown = &mut config["ViewerCertificate"];
    shown["CloudFrontDefaultCertificate"] = "false".into();
    shown["Certificate"] = arn.into();
    shown["CertificateSource"] = "acm".into();
    let taken = |alias: &str| {
        let others = world.all(NOUN.collection).into_iter().filter(|(other, _)| Some(*other) != id);
        let mut others = others.map(|(_, found)| found);
        others.any(|found| texts(&found["config"]["Aliases"]).any(|one| one == alias))
    };
    if texts(&config["Aliases"]).any(taken) {
        let message =
            "One or more of the CNAMEs you provided are already associated with a different resource.";
        return Err(Refusal::new("CNAMEAlreadyExists", message).status(409));
    }
    Ok(())
}

/// Access logs of the older sort are written with ACLs, so their bucket must have them switched on.
fn settle_logs(world: &World<'_>, config: &mut Value) -> Result<(), Refusal> {
    let none = json!({ "Enabled": "false", "IncludeCookies": "false", "Bucket": "", "Prefix": "" });
    fill(config, "Logging", none.clone());
    if text(&config["Logging"], "Enabled") != "true" {
        config["Logging"] = none;
        return Ok(());
    }
    let domain = text(&config["Logging"], "Bucket");
    let bucket = domain.split_once(".s3").map(|(name, _)| name).unwrap_or_default();
    let Some(found) = world.get("s3/buckets", bucket) else {
        return Err(invalid(format!(
            "The S3 bucket that you specified for CloudFront logs doesn't exist: {domain}"
        )));
    };
    if found["settings"]["BucketOwnershipControls"].to_string().contains("BucketOwnerEnforced") {
        let message = format!(
            "The S3 bucket that you specified for CloudFront logs does not enable ACL access: {domain}"
        );
        return Err(invalid(message));
    }
    Ok(())
}

const ERROR_CODES: &[&str] = &["400", "403", "404", "405", "414", "416", "500", "501", "502", "503", "504"];

/// Who may look, and what they see when something is wrong.
fn settle_answers(config: &mut Value) -> Result<(), Refusal> {
    let open = json!({ "GeoRestriction": { "RestrictionType": "none", "Quantity": "0" } });
    fill(config, "Restrictions", open);
    let geo = &config["Restrictions"]["GeoRestriction"];
    check_word(geo, "RestrictionType", &["none", "whitelist", "blacklist"])?;
    if (text(geo, "RestrictionType") == "none") != items(geo).next().is_none() {
        let message = "The specified geo restriction parameter is not valid.";
        return Err(Refusal::new("InvalidGeoRestrictionParameter", message));
    }
    fill(config, "CustomErrorResponses", json!({ "Quantity": "0" }));
    for item in config["CustomErrorResponses"]["Items"].as_array_mut().into_iter().flatten() {
        let answer = &mut item["CustomErrorResponse"];
        if !ERROR_CODES.contains(&text(answer, "ErrorCode")) {
            let message = "An invalid error code was specified.";
            return Err(Refusal::new("InvalidErrorCode", message));
        }
        let (page, code) = (text(answer, "ResponsePagePath"), text(answer, "ResponseCode"));
        if page.is_empty() != code.is_empty() || (!page.is_empty() && !page.starts_with('/')) {
            let message =
                "A response code is specified together with the path of a page, which begins with /.";
            return Err(Refusal::new("InvalidResponseCode", message));
        }
        fill(answer, "ErrorCachingMinTTL", json!("10"));
    }
    Ok(())
}
