//! What Lambda refuses in a configuration, and in what a function refers to.

use serde_json::Value;

use super::{constraint, invalid};
use crate::services::{Refusal, World, iam, strings, text};

/// Runtimes in use today; others are refused.
const RUNTIMES: &[&str] = &[
    "nodejs20.x",
    "nodejs22.x",
    "nodejs24.x",
    "java11",
    "java17",
    "java21",
    "java25",
    "python3.10",
    "python3.11",
    "python3.12",
    "python3.13",
    "python3.14",
    "dotnet8",
    "dotnet10",
    "ruby3.3",
    "ruby3.4",
    "provided.al2",
    "provided.al2023",
];

/// Bytes of all names and values.
const ENVIRONMENT_BYTES_MAX: usize = 4096;

const RESERVED: &[&str] = &["_HANDLER", "_X_AMZN_TRACE_ID", "TZ"];

pub(super) fn name(name: &str) -> Result<(), Refusal> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if (1..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    let pattern =
        "satisfy regular expression pattern: [a-zA-Z0-9-_]+ and have length less than or equal to 64";
    Err(constraint("functionName", name, pattern))
}

/// Every member that a request may set.
pub(super) fn configuration(input: &Value, world: &World<'_>) -> Result<(), Refusal> {
    for (member, low, high) in [("MemorySize", 128, 10_240), ("Timeout", 1, 900)] {
        let Some(given) = input.get(member).filter(|given| !given.is_null()) else { continue };
        between(member, given, low, high)?;
    }
    if let Some(size) = input["EphemeralStorage"].get("Size") {
        between("EphemeralStorage.size", size, 512, 10_240)?;
    }
    if text(input, "Description").chars().count() > 256 {
        let given = text(input, "Description");
        return Err(constraint("description", given, "have length less than or equal to 256"));
    }
    if let Some(runtime) = input.get("Runtime").and_then(Value::as_str)
        && !RUNTIMES.contains(&runtime)
    {
        return Err(invalid(format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: \
             {RUNTIMES:?} or be a valid ARN"
        )));
    }
    if let Some(role) = input.get("Role").and_then(Value::as_str) {
        assumable(role, world)?;
    }
    environment(&strings(input["Environment"].get("Variables")))?;
    logging(&input["LoggingConfig"])?;
    key(text(input, "KMSKeyArn"), world)
}

pub(super) fn between(member: &str, given: &Value, low: i64, high: i64) -> Result<(), Refusal> {
    let number = given.as_i64().unwrap_or(i64::MIN);
    if number < low {
        let what = format!("have value greater than or equal to {low}");
        return Err(constraint(&lower(member), &given.to_string(), &what));
    }
    if number > high {
        let what = format!("have value less than or equal to {high}");
        return Err(constraint(&lower(member), &given.to_string(), &what));
    }
    Ok(())
}

fn lower(member: &str) -> String {
    let mut letters = member.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

fn role_of<'w>(arn: &str, world: &'w World<'_>) -> Option<&'w Value> {
    let path = arn.strip_prefix(&format!("arn:aws:iam::{}:role/", world.account))?;
    let role = world.get(iam::ROLES, path.rsplit('/').next()?)?;
    let created = u128::from(role["created"].as_u64().unwrap_or_default());
    (u128::from(world.now_ms) >= created + world.weather.propagation.as_millis()).then_some(role)
}

/// A role that is not there, that Lambda has not seen yet, or that does not trust it: one answer for all.
fn assumable(arn: &str, world: &World<'_>) -> Result<(), Refusal> {
    if !arn.starts_with("arn:aws:iam::") {
        let what = "satisfy regular expression pattern: \
                    arn:(aws[a-zA-Z-]*)?:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+";
        return Err(constraint("role", arn, what));
    }
    let trusts = |role: &&Value| text(role, "trust").contains("\"lambda.amazonaws.com\"");
    match role_of(arn, world).filter(trusts) {
        Some(_) => Ok(()),
        None => Err(invalid("The role defined for the function cannot be assumed by Lambda.")),
    }
}

/// Whether the role's own policies allow an action on something. Resources and conditions are not looked at.
pub(super) fn role_may(arn: &str, action: &str, world: &World<'_>) -> bool {
    let Some(role) = role_of(arn, world) else { return false };
    let attached = role["attached"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let managed = attached.map(|arn| arn.strip_prefix("arn:aws:iam::aws:policy/")).any(|name| match name {
        None => true,
        Some(name) => {
            let name = name.rsplit('/').next().unwrap_or(name);
            ["AdministratorAccess", "AmazonSQSFullAccess", "AWSLambdaSQSQueueExecutionRole"].contains(&name)
        }
    });
    let allows = |document: &String| {
        let Ok(policy) = serde_json::from_str::<Value>(document) else { return false };
        let statements = match &policy["Statement"] {
            Value::Array(many) => many.iter().collect(),
            one => vec![one],
        };
        statements.iter().any(|one| {
            let actions = match &one["Action"] {
                Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
                single => single.as_str().into_iter().collect::<Vec<_>>(),
            };
            text(one, "Effect") == "Allow" && actions.iter().any(|pattern| matches(pattern, action))
        })
    };
    managed || strings(role.get("inline")).values().any(allows)
}

/// Whether a pattern with `*` and `?` fits, whatever the case: the rule for actions.
fn matches(pattern: &str, text: &str) -> bool {
    fits(pattern.to_ascii_lowercase().as_bytes(), text.to_ascii_lowercase().as_bytes())
}

/// Whether a pattern with `*` and `?` fits.
pub(super) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => (0..=text.len()).any(|skip| fits(rest, &text[skip..])),
        (Some((b'?', rest)), Some((_, tail))) => fits(rest, tail),
        (Some((one, rest)), Some((first, tail))) => one == first && fits(rest, tail),
        _ => false,
    }
}

fn environment(given: &std::collections::BTreeMap<String, String>) -> Result<(), Refusal> {
    let prefix = "Lambda was unable to configure your environment variables because the environment \
                  variables you have provided";
    let ours = |key: &&String| {
        key.starts_with("AWS_") || key.starts_with("LAMBDA_") || RESERVED[..2].contains(&key.as_str())
    };
    let reserved: Vec<&str> = given.keys().filter(ours).map(String::as_str).collect();
    if !reserved.is_empty() {
        return Err(invalid(format!(
            "{prefix} contains reserved keys that are currently not supported for modification. Reserved \
             keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let shaped = |key: &&String| {
        let mut letters = key.chars();
        letters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && key.len() > 1
            && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if let Some(key) = given.keys().find(|key| !shaped(key)) {
        let what =
            "satisfy constraint: [Member must satisfy regular expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]";
        return Err(constraint("environment.variables", key, what));
    }
    if given.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() > ENVIRONMENT_BYTES_MAX {
        let measured = serde_json::json!(given);
        return Err(invalid(format!("{prefix} exceeded the 4KB limit. String measured: {measured}")));
    }
    Ok(())
}

fn logging(given: &Value) -> Result<(), Refusal> {
    let format = given.get("LogFormat").and_then(Value::as_str).unwrap_or("Text");
    if !["Text", "JSON"].contains(&format) {
        return Err(constraint("loggingConfig.logFormat", format, "satisfy enum value set: [JSON, Text]"));
    }
    let levels = [
        ("ApplicationLogLevel", &["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"][..]),
        ("SystemLogLevel", &["DEBUG", "INFO", "WARN"][..]),
    ];
    for (member, allowed) in levels {
        let Some(level) = given.get(member).and_then(Value::as_str) else { continue };
        if format == "Text" {
            return Err(invalid(format!("{member} is not supported when LogFormat is set to \"Text\".")));
        }
        if !allowed.contains(&level) {
            let what = format!("satisfy enum value set: {allowed:?}");
            return Err(constraint(&format!("loggingConfig.{}", lower(member)), level, &what));
        }
    }
    Ok(())
}

fn key(arn: &str, world: &World<'_>) -> Result<(), Refusal> {
    let Some(id) = arn.strip_prefix(&format!("arn:aws:kms:{}:{}:key/", world.region, world.account)) else {
        let empty = arn.is_empty() || arn.contains(":alias/");
        let refusal = constraint("kMSKeyArn", arn, "satisfy regular expression pattern: (arn:aws:kms:.*)|()");
        return if empty { Ok(()) } else { Err(refusal) };
    };
    match world.get("kms/keys", id) {
        Some(_) => Ok(()),
        None => Err(invalid(
            "Lambda was unable to configure access to your environment variables because the KMS key is \
             invalid for CreateGrant. Please check your KMS key settings. KMS Exception: NotFoundException",
        )),
    }
}
