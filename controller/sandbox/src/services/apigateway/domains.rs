//! Domains of one's own, and which API each of their base paths leads to.
//!
//! Refusals are as API Gateway words them where its words are known (messages quoted in issues of deployment tools).

use std::net::{IpAddr, Ipv4Addr};

use serde_json::{Value, json};

use super::{
    APIS, DOMAINS, MAPPINGS, STAGES, bad, check_tags, conflict, items, missing, new_id,
    patch::{self, Operation},
};
use crate::{
    Account,
    services::{Refusal, World, ses, strings, text},
};

/// Hosted zones of regional endpoints (AWS General Reference, "API Gateway endpoints"); elsewhere one is made up.
const ZONES: &[(&str, &str)] = &[
    ("us-east-1", "Z1UJRXOUMOOFQ8"),
    ("us-west-2", "Z2OJLYMUO9EFXC"),
    ("eu-west-1", "ZLY8HYME6SFDD"),
    ("eu-central-1", "Z1U9ULNL0V5AJ3"),
];
const NO_ZONE: &str = "Z0000000000000";

/// CloudFront's, for domains at the edge.
const EDGE_ZONE: &str = "Z2FDTNDATAQYW2";

/// What stands for an empty base path, or for no stage.
const NONE: &str = "(none)";

fn existing<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let found = world.get(DOMAINS, text(input, "domainName"));
    found.ok_or_else(|| missing("Invalid domain name identifier specified"))
}

fn is_edge(domain: &Value) -> bool {
    domain["endpoint"] == "EDGE"
}

/// Whether a change is still on its way.
fn is_updating(domain: &Value, world: &World<'_>) -> bool {
    let changed = domain["changed"].as_u64();
    let wait = world.weather.deployment.as_millis();
    changed.is_some_and(|at| u128::from(world.now_ms) < u128::from(at) + wait)
}

fn shown(name: &str, domain: &Value, world: &World<'_>) -> Value {
    let zone = ZONES.iter().find(|(region, _)| *region == world.region).map_or(NO_ZONE, |(_, zone)| zone);
    let mut shown = json!({
        "domainName": name,
        "endpointConfiguration": { "types": [domain["endpoint"]], "ipAddressType": domain["ip"] },
        "domainNameStatus": if is_updating(domain, world) { "UPDATING" } else { "AVAILABLE" },
        "securityPolicy": domain["policy"],
        "routingMode": domain["routing"],
        "mutualTlsAuthentication": domain["truststore"],
        "tags": domain["tags"],
    });
    let names = match is_edge(domain) {
        true => ["certificateArn", "distributionDomainName", "distributionHostedZoneId"],
        false => ["regionalCertificateArn", "regionalDomainName", "regionalHostedZoneId"],
    };
    let values =
        [&domain["certificate"], &domain["target"], &json!(if is_edge(domain) { EDGE_ZONE } else { zone })];
    for (member, value) in names.into_iter().zip(values) {
        shown[member] = value.clone();
    }
    shown
}

fn check_certificate(arn: &str, edge: bool, world: &World<'_>) -> Result<(), Refusal> {
    let region = if edge { "us-east-1" } else { world.region };
    let parts: Vec<&str> = arn.split(':').collect();
    match parts.as_slice() {
        [] | [""] => {
            let kind = if edge { "EDGE" } else { "REGIONAL" };
            Err(bad(format!("A certificate was not provided for the endpoint type {kind}.")))
        }
        ["arn", "aws", "acm", of, ..] if *of != region => {
            Err(bad(format!("Invalid certificate ARN: {arn}. Certificate must be in '{region}'.")))
        }
        ["arn", "aws", "acm", _, owner, id] if *owner == world.account && id.starts_with("certificate/") => {
            Ok(())
        }
        ["arn", "aws", "acm", _, _, _] => {
            Err(bad("The certificate provided must be owned by the account creating the domain."))
        }
        _ => Err(bad(format!("Invalid certificate ARN: {arn}."))),
    }
}

fn check_policy(policy: &str) -> Result<(), Refusal> {
    let known = ["TLS_1_0", "TLS_1_2"].contains(&policy) || policy.starts_with("SecurityPolicy_TLS");
    known.then_some(()).ok_or_else(|| bad(format!("Invalid security policy {policy}")))
}

fn check_routing(mode: &str) -> Result<(), Refusal> {
    let modes = ["BASE_PATH_MAPPING_ONLY", "ROUTING_RULE_ONLY", "ROUTING_RULE_THEN_BASE_PATH_MAPPING"];
    modes.contains(&mode).then_some(()).ok_or_else(|| bad(format!("Invalid routing mode {mode}")))
}

/// Whose certificates callers show; without an address, nobody asks.
fn truststore(uri: &str, version: &str) -> Result<Value, Refusal> {
    if uri.is_empty() {
        return Ok(Value::Null);
    }
    if !uri.starts_with("s3://") {
        return Err(bad("Invalid truststore URI. The truststore must be an S3 URI."));
    }
    let version = Some(version).filter(|version| !version.is_empty());
    Ok(json!({ "truststoreUri": uri, "truststoreVersion": version }))
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "domainName");
    let fits = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '*')
    };
    if !name.contains('.') || !name.split('.').all(fits) {
        return Err(bad(format!("The domain name {name} is invalid")));
    }
    if world.get(DOMAINS, name).is_some() {
        return Err(bad("The domain name you provided already exists."));
    }
    let endpoint = input["endpointConfiguration"]["types"][0].as_str().unwrap_or("EDGE");
    let edge = match endpoint {
        "EDGE" => true,
        "REGIONAL" => false,
        other => return Err(bad(format!("the embedded account has no domains of type {other}"))),
    };
    let (own, other) = match edge {
        true => ("certificateArn", "regionalCertificateArn"),
        false => ("regionalCertificateArn", "certificateArn"),
    };
    if !text(input, other).is_empty() {
        let (mine, theirs) = if edge { ("REGIONAL", "EDGE") } else { ("EDGE", "REGIONAL") };
        return Err(bad(format!("Cannot import certificates for {mine} while {theirs} is active.")));
    }
    check_certificate(text(input, own), edge, world)?;
    let policy = input["securityPolicy"].as_str().unwrap_or("TLS_1_0");
    check_policy(policy)?;
    let routing = input["routingMode"].as_str().unwrap_or("BASE_PATH_MAPPING_ONLY");
    check_routing(routing)?;
    let asked = &input["mutualTlsAuthentication"];
    let truststore = truststore(text(asked, "truststoreUri"), text(asked, "truststoreVersion"))?;
    let tags = strings(input.get("tags"));
    check_tags(&tags)?;
    let id = new_id(world);
    let target = match edge {
        true => format!("d{id}.cloudfront.net"),
        false => format!("d-{id}.execute-api.{}.amazonaws.com", world.region),
    };
    let domain = json!({
        "endpoint": endpoint, "certificate": input[own], "policy": policy, "routing": routing,
        "ip": input["endpointConfiguration"]["ipAddressType"].as_str().unwrap_or("ipv4"),
        "truststore": truststore, "tags": tags, "target": target,
    });
    let answer = shown(name, &domain, world);
    world.put(DOMAINS, name, domain);
    Ok(answer)
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    Ok(shown(text(input, "domainName"), existing(input, world)?, world))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let all: Vec<Value> =
        world.all(DOMAINS).into_iter().map(|(name, domain)| shown(name, domain, world)).collect();
    items(input, &all)
}

pub(super) fn update(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut domain = existing(input, world)?.clone();
    if is_updating(&domain, world) {
        return Err(conflict("The domain name is being updated. Please try again later."));
    }
    for op in patch::operations(input)? {
        change(&mut domain, &op, world)?;
    }
    domain["changed"] = world.now_ms.into();
    let name = text(input, "domainName");
    let answer = shown(name, &domain, world);
    world.put(DOMAINS, name, domain);
    Ok(answer)
}

fn change(domain: &mut Value, op: &Operation<'_>, world: &World<'_>) -> Result<(), Refusal> {
    let edge = is_edge(domain);
    let old = |name: &str| text(&domain["truststore"], name).to_owned();
    let (old_uri, old_version) = (old("truststoreUri"), old("truststoreVersion"));
    match (op.op, op.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
        ("replace", [path @ ("certificateArn" | "regionalCertificateArn")]) => {
            if (*path == "certificateArn") != edge {
                return Err(bad("A certificate of another endpoint type was given."));
            }
            check_certificate(op.value, edge, world)?;
            domain["certificate"] = op.value.into();
        }
        ("replace", ["securityPolicy"]) => {
            check_policy(op.value)?;
            domain["policy"] = op.value.into();
        }
        ("replace", ["routingMode"]) => {
            check_routing(op.value)?;
            domain["routing"] = op.value.into();
        }
        ("replace", ["endpointConfiguration", "ipAddressType"])
            if ["ipv4", "dualstack"].contains(&op.value) =>
        {
            domain["ip"] = op.value.into();
        }
        ("replace", ["mutualTlsAuthentication", "truststoreUri"]) => {
            domain["truststore"] = truststore(op.value, &old_version)?;
        }
        ("replace", ["mutualTlsAuthentication", "truststoreVersion"]) => {
            domain["truststore"] = truststore(&old_uri, op.value)?;
        }
        _ => {
            return Err(op.refused(
                "/certificateArn, /regionalCertificateArn, /securityPolicy, /routingMode, \
                 /endpointConfiguration/ipAddressType, /mutualTlsAuthentication",
            ));
        }
    }
    Ok(())
}

/// A domain takes its mappings with it.
pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    let name = text(input, "domainName");
    for path in paths_of(name, world) {
        world.remove(MAPPINGS, &format!("{name}/{path}"));
    }
    world.remove(DOMAINS, name);
    Ok(json!({}))
}

fn paths_of(domain: &str, world: &World<'_>) -> Vec<String> {
    let prefix = format!("{domain}/");
    world.all(MAPPINGS).keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect()
}

fn mapping_key(input: &Value) -> String {
    let path = Some(text(input, "basePath")).filter(|path| !path.is_empty()).unwrap_or(NONE);
    format!("{}/{path}", text(input, "domainName"))
}

fn mapping<'w>(input: &Value, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    existing(input, world)?;
    let found = world.get(MAPPINGS, &mapping_key(input));
    found.ok_or_else(|| missing("Invalid base path mapping identifier specified"))
}

fn check_target(api: &str, stage: &str, world: &World<'_>) -> Result<(), Refusal> {
    if world.get(APIS, api).is_none() {
        return Err(bad("Invalid REST API identifier specified"));
    }
    if stage != NONE && world.get(STAGES, &format!("{api}/{stage}")).is_none() {
        return Err(bad("Invalid stage identifier specified"));
    }
    Ok(())
}

pub(super) fn map(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    let (key, paths) = (mapping_key(input), paths_of(text(input, "domainName"), world));
    let (_, path) = key.split_once('/').unwrap_or_default();
    if paths.iter().any(|one| one == path) {
        return Err(conflict("Base path already exists for this domain name"));
    }
    if !paths.is_empty() && (path == NONE || paths.iter().any(|one| one == NONE)) {
        return Err(conflict(
            "Only one base path mapping is allowed if the base path is empty, and there is already \
                             another.",
        ));
    }
    if path != NONE && !path.chars().all(|c| c.is_ascii_alphanumeric() || "$-_.+!*'()".contains(c)) {
        return Err(bad("API Gateway V1 doesn't support the slash character (/) in base path mappings."));
    }
    let stage = Some(text(input, "stage")).filter(|stage| !stage.is_empty()).unwrap_or(NONE);
    check_target(text(input, "restApiId"), stage, world)?;
    let mapping = json!({ "basePath": path, "restApiId": input["restApiId"], "stage": stage });
    world.put(MAPPINGS, &key, mapping.clone());
    Ok(mapping)
}

pub(super) fn get_mapping(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    mapping(input, world).cloned()
}

pub(super) fn mappings(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    existing(input, world)?;
    let prefix = format!("{}/", text(input, "domainName"));
    let all = world.all(MAPPINGS).into_iter().filter(|(key, _)| key.starts_with(&prefix));
    Ok(items(input, &all.map(|(_, one)| one.clone()).collect::<Vec<_>>()))
}

pub(super) fn remap(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let mut mapping = mapping(input, world)?.clone();
    for op in patch::operations(input)? {
        match (op.op, op.path.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            ("replace", ["restapiId"]) => mapping["restApiId"] = op.value.into(),
            ("replace", ["stage"]) => mapping["stage"] = op.value.into(),
            _ => return Err(op.refused("/basePath, /restapiId, /stage")),
        }
    }
    check_target(text(&mapping, "restApiId"), text(&mapping, "stage"), world)?;
    world.put(MAPPINGS, &mapping_key(input), mapping.clone());
    Ok(mapping)
}

pub(super) fn unmap(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    mapping(input, world)?;
    world.remove(MAPPINGS, &mapping_key(input));
    Ok(json!({}))
}

/// An API stays while a domain leads to it, and so does a stage.
pub(super) fn refuse_mapped(api: &str, stage: Option<&str>, world: &World<'_>) -> Result<(), Refusal> {
    let all = world.all(MAPPINGS);
    let leads = |one: &Value| one["restApiId"] == api && stage.is_none_or(|stage| one["stage"] == stage);
    let domains: Vec<&str> = all
        .iter()
        .filter(|(_, one)| leads(one))
        .filter_map(|(key, _)| key.split_once('/').map(|(domain, _)| domain))
        .collect();
    if domains.is_empty() {
        return Ok(());
    }
    let (what, id) = stage.map_or(("RestApi", api), |stage| ("stage", stage));
    Err(bad(format!(
        "Deleting {what} {id} failed. Please remove all base path mappings related to the {what} in your domains: {}.",
        domains.join(", ")
    )))
}

impl Account {
    /// Every base path of every domain: domain, base path (empty for the whole domain), API and stage (`None` where
    /// callers say it themselves).
    #[must_use]
    pub fn mappings(&self) -> Vec<(String, String, String, Option<String>)> {
        let documents = self.documents();
        let all = documents.get(MAPPINGS).into_iter().flatten();
        all.filter_map(|(key, mapping)| {
            let (domain, path) = key.split_once('/')?;
            let path = if path == NONE { "" } else { path };
            let stage = Some(text(mapping, "stage")).filter(|stage| *stage != NONE).map(str::to_owned);
            Some((domain.to_owned(), path.to_owned(), text(mapping, "restApiId").to_owned(), stage))
        })
        .collect()
    }

    /// The addresses of a host in a world where only this account is: targets of domains have one each, and so has a
    /// domain whose record was published ([`publish_dns`](Self::publish_dns)).
    #[must_use]
    pub fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let documents = self.documents();
        let published = documents.get(ses::DNS).is_some_and(|all| all.contains_key(host));
        let domains = documents.get(DOMAINS).into_iter().flatten();
        // TEST-NET-1, which nobody has.
        let addressed = domains.zip(1..).map(|(domain, last)| (domain, Ipv4Addr::new(192, 0, 2, last)));
        addressed
            .filter(|((name, domain), _)| domain["target"] == host || (published && *name == host))
            .map(|(_, address)| IpAddr::V4(address))
            .collect()
    }
}
