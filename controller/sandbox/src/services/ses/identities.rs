//! Domains and addresses that mail is sent from. They are verified when their DNS records are published, which
//! happens outside: whoever uses the account says when.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{bad, done, missing, paging, sets, tags, unlisted};
use crate::services::{Refusal, World, page, strings, text};

pub(super) const IDENTITIES: &str = "ses/identities";

/// Domains whose records are published, and addresses whose owner opened the link, with the time.
pub(crate) const DNS: &str = "ses/dns";

/// How long SES looks for records before it gives up.
const PATIENCE_MS: u64 = 72 * 3_600_000;

const KEY_LENGTHS: &[&str] = &["RSA_1024_BIT", "RSA_2048_BIT"];
const BEHAVIOURS: &[&str] = &["USE_DEFAULT_VALUE", "REJECT_MESSAGE"];

pub(super) fn existing<'w>(name: &str, world: &'w World<'_>) -> Result<&'w Value, Refusal> {
    let found = world.get(IDENTITIES, name);
    found.ok_or_else(|| missing(format!("Email identity {name} does not exist.")))
}

fn is_address(name: &str) -> bool {
    name.contains('@')
}

/// The domain of an address, or of a domain.
pub(super) fn domain_of(name: &str) -> &str {
    name.rsplit('@').next().unwrap_or_default()
}

/// Whether SES has found the records of `name`, which exists here since `since_ms`.
fn seen(name: &str, since_ms: u64, world: &World<'_>) -> bool {
    let published = world.get(DNS, name).and_then(Value::as_u64);
    published.is_some_and(|at| {
        let delay = world.weather.propagation.as_millis();
        u128::from(world.now_ms) >= u128::from(at.max(since_ms)) + delay
    })
}

fn status(name: &str, since_ms: u64, world: &World<'_>) -> &'static str {
    match (seen(name, since_ms, world), world.now_ms > since_ms + PATIENCE_MS) {
        (true, _) => "SUCCESS",
        (false, true) => "FAILED",
        (false, false) => "PENDING",
    }
}

/// The identities that cover an address or a domain, the nearest first: itself, its domain, and the domains above.
fn covering<'w>(name: &str, world: &'w World<'_>) -> Vec<(String, &'w Value)> {
    let mut names = vec![name.to_owned()];
    let mut domain = domain_of(name);
    loop {
        names.push(domain.to_owned());
        match domain.split_once('.') {
            Some((_, above)) if above.contains('.') => domain = above,
            _ => break,
        }
    }
    names.dedup();
    names.into_iter().filter_map(|name| Some((name.clone(), world.get(IDENTITIES, &name)?))).collect()
}

/// Whether mail may be sent from this address or domain.
pub(super) fn is_verified(name: &str, world: &World<'_>) -> bool {
    let verified = |(name, identity): &(String, &Value)| seen(name, born(identity), world);
    covering(name, world).iter().any(verified)
}

/// The identity whose settings count for mail from this address: its own before its domain's.
pub(super) fn settings_of<'w>(address: &str, world: &'w World<'_>) -> Option<&'w Value> {
    covering(address, world).into_iter().next().map(|(_, identity)| identity)
}

/// Whether the MAIL FROM domain of an identity is set and not usable, and mail is to be refused then.
pub(super) fn refuses_for_mail_from(identity: &Value, world: &World<'_>) -> bool {
    let mail_from = &identity["mail_from"];
    text(mail_from, "behaviour") == "REJECT_MESSAGE"
        && mail_from["domain"]
            .as_str()
            .is_some_and(|domain| !seen(domain, mail_from["since"].as_u64().unwrap_or_default(), world))
}

fn born(identity: &Value) -> u64 {
    identity["created"].as_u64().unwrap_or_default()
}

/// Three tokens that are always the same for a domain in an account.
fn tokens(domain: &str, world: &World<'_>) -> Vec<String> {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let one = |number: u8| {
        let seed = format!("{}/{}/{domain}/{number}", world.account, world.region);
        let digest = Sha256::digest(seed.as_bytes());
        digest.iter().map(|byte| char::from(ALPHABET[usize::from(byte & 31)])).collect()
    };
    (1..=3).map(one).collect()
}

pub(super) fn create(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "EmailIdentity");
    let domain = domain_of(name);
    let shape = domain.contains('.') && !name.starts_with('@') && !name.contains(char::is_whitespace);
    if !shape || name.matches('@').count() > 1 {
        return Err(bad(format!("Invalid email identity: {name}")));
    }
    let tags = tags::given(input)?;
    let set = text(input, "ConfigurationSetName");
    if !set.is_empty() {
        sets::existing(set, world)?;
    }
    let signing = &input["DkimSigningAttributes"];
    check_key(signing)?;
    if is_address(name) && signing.is_object() {
        return Err(bad("DkimSigningAttributes can only be given for a domain."));
    }
    if world.get(IDENTITIES, name).is_some() {
        let message = format!("Email identity {name} already exist.");
        return Err(Refusal::new("AlreadyExistsException", message));
    }
    let key = signing["NextSigningKeyLength"].as_str().unwrap_or("RSA_2048_BIT");
    let identity = json!({
        "signing": !is_address(name), "key": key, "first_key": key,
        "mail_from": { "behaviour": "USE_DEFAULT_VALUE" },
        "feedback": true, "set": set, "tags": tags, "created": world.now_ms,
    });
    world.put(IDENTITIES, name, identity);
    let shown = get(input, world)?;
    Ok(json!({
        "IdentityType": shown["IdentityType"],
        "VerifiedForSendingStatus": shown["VerifiedForSendingStatus"],
        "DkimAttributes": shown["DkimAttributes"],
    }))
}

fn check_key(signing: &Value) -> Result<(), Refusal> {
    match signing["NextSigningKeyLength"].as_str() {
        Some(length) if !KEY_LENGTHS.contains(&length) => {
            Err(unlisted("dkimSigningAttributes.nextSigningKeyLength", KEY_LENGTHS))
        }
        _ => Ok(()),
    }
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Value {
    let all = world.all(IDENTITIES).into_iter().map(|(name, identity)| {
        json!({
            "IdentityType": kind_of(name),
            "IdentityName": name,
            "SendingEnabled": is_verified(name, world),
            "VerificationStatus": verification(name, identity, world),
        })
    });
    let (size, token) = paging(input);
    let (all, next) = page(&all.collect::<Vec<_>>(), token, size);
    json!({ "EmailIdentities": all, "NextToken": next })
}

fn kind_of(name: &str) -> &'static str {
    if is_address(name) { "EMAIL_ADDRESS" } else { "DOMAIN" }
}

/// An address counts as verified when its domain is.
fn verification(name: &str, identity: &Value, world: &World<'_>) -> &'static str {
    if is_verified(name, world) { "SUCCESS" } else { status(name, born(identity), world) }
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "EmailIdentity");
    let identity = existing(name, world)?;
    let verification = verification(name, identity, world);
    let dkim = if is_address(name) {
        json!({ "SigningEnabled": identity["signing"], "Status": "NOT_STARTED" })
    } else {
        json!({
            "SigningEnabled": identity["signing"],
            "Status": status(name, born(identity), world),
            "Tokens": tokens(name, world),
            "SigningHostedZone": "dkim.amazonses.com",
            "SigningAttributesOrigin": "AWS_SES",
            "NextSigningKeyLength": identity["key"],
            "CurrentSigningKeyLength": identity["first_key"],
            "LastKeyGenerationTimestamp": born(identity) as f64 / 1000.0,
        })
    };
    let mail_from = &identity["mail_from"];
    let since = mail_from["since"].as_u64().unwrap_or_default();
    Ok(json!({
        "IdentityType": kind_of(name),
        "FeedbackForwardingStatus": identity["feedback"],
        "VerifiedForSendingStatus": verification == "SUCCESS",
        "VerificationStatus": verification,
        "DkimAttributes": dkim,
        "MailFromAttributes": {
            "MailFromDomain": mail_from["domain"],
            "MailFromDomainStatus": mail_from["domain"].as_str().map(|domain| status(domain, since, world)),
            "BehaviorOnMxFailure": mail_from["behaviour"],
        },
        "Policies": {},
        "Tags": tags::out(&strings(identity.get("tags"))),
        "ConfigurationSetName": identity["set"].as_str().filter(|set| !set.is_empty()),
    }))
}

pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "EmailIdentity");
    existing(name, world)?;
    world.remove(IDENTITIES, name);
    Ok(done())
}

fn edit(input: &Value, world: &mut World<'_>, change: impl FnOnce(&mut Value)) -> Result<Value, Refusal> {
    let name = text(input, "EmailIdentity");
    existing(name, world)?;
    world.edit(IDENTITIES, name, change);
    Ok(done())
}

pub(super) fn put_signing(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    edit(input, world, |identity| identity["signing"] = (input["SigningEnabled"] == true).into())
}

/// The tokens stay; the key that is used now stays until SES changes it for the next.
pub(super) fn put_key(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "EmailIdentity");
    if is_address(name) {
        return Err(bad("Signing attributes can only be given for a domain."));
    }
    if text(input, "SigningAttributesOrigin") != "AWS_SES" {
        return Err(bad("the embedded account signs with keys of SES only"));
    }
    check_key(&input["SigningAttributes"])?;
    let key = input["SigningAttributes"]["NextSigningKeyLength"].clone();
    edit(input, world, |identity| {
        if key.is_string() {
            identity["key"] = key;
        }
    })
}

pub(super) fn put_mail_from(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, domain) = (text(input, "EmailIdentity"), text(input, "MailFromDomain"));
    let behaviour = input["BehaviorOnMxFailure"].as_str().unwrap_or("USE_DEFAULT_VALUE");
    if !BEHAVIOURS.contains(&behaviour) {
        return Err(unlisted("behaviorOnMxFailure", BEHAVIOURS));
    }
    // Here alone, what is not there is a bad request.
    existing(name, world).map_err(|refusal| bad(refusal.message))?;
    if !domain.is_empty() && !domain.ends_with(&format!(".{}", domain_of(name))) {
        return Err(bad(format!(
            "Provided MAIL-FROM domain <{domain}> is not subdomain of the domain of the identity <{name}>."
        )));
    }
    let now_ms = world.now_ms;
    edit(input, world, |identity| {
        let kept = &identity["mail_from"];
        let since = if kept["domain"] == domain { kept["since"].clone() } else { now_ms.into() };
        let domain = Some(domain).filter(|domain| !domain.is_empty());
        identity["mail_from"] = json!({ "domain": domain, "behaviour": behaviour, "since": since });
    })
}

pub(super) fn put_feedback(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    edit(input, world, |identity| identity["feedback"] = (input["EmailForwardingEnabled"] == true).into())
}

pub(super) fn put_set(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let set = text(input, "ConfigurationSetName");
    if !set.is_empty() {
        sets::existing(set, world)?;
    }
    edit(input, world, |identity| identity["set"] = set.into())
}
