//! Bucket policies: what S3 refuses, and which ones it calls public.

use serde_json::{Value, json};

use crate::services::Refusal;

const BYTES_MAX: usize = 20 * 1024;

/// Condition keys that tie a statement to somebody known (S3 user guide, "The meaning of public").
const KNOWN_CALLERS: &[&str] = &[
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principalaccount",
    "aws:sourcearn",
    "aws:sourceaccount",
    "aws:sourceorgid",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
];

/// Reads a policy as S3 does; an account id as principal becomes the ARN of its root.
pub(super) fn accept(body: &[u8], bucket: &str) -> Result<Value, Refusal> {
    let malformed = |message: &str| Refusal::new("MalformedPolicy", message);
    if body.len() > BYTES_MAX {
        return Err(malformed("Policies must not exceed the maximum allowed size of 20480 bytes"));
    }
    let mut policy: Value = serde_json::from_slice(body)
        .map_err(|_| malformed("Policies must be valid JSON and the first byte must be '{'"))?;
    if policy.get("Statement").is_some_and(Value::is_object) {
        policy["Statement"] = json!([policy["Statement"]]);
    }
    let Some(statements) = policy["Statement"].as_array_mut().filter(|list| !list.is_empty()) else {
        return Err(malformed("Missing required field Statement"));
    };
    for statement in statements {
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(malformed("Missing required field Effect"));
        }
        let actions = many(statement.get("Action").or_else(|| statement.get("NotAction")));
        if actions.is_empty() {
            return Err(malformed("Missing required field Action"));
        }
        if !actions.iter().all(|action| *action == "*" || action.to_ascii_lowercase().starts_with("s3:")) {
            return Err(malformed("Policy has invalid action"));
        }
        let resources = many(statement.get("Resource").or_else(|| statement.get("NotResource")));
        if resources.is_empty() {
            return Err(malformed("Missing required field Resource"));
        }
        if !resources.iter().all(|resource| is_in(resource, bucket)) {
            return Err(malformed("Policy has invalid resource"));
        }
        let member = if statement.get("Principal").is_some() { "Principal" } else { "NotPrincipal" };
        let Some(principal) = statement.get_mut(member) else {
            return Err(malformed("Missing required field Principal"));
        };
        normalise(principal).ok_or_else(|| malformed("Invalid principal in policy"))?;
    }
    Ok(policy)
}

fn is_in(resource: &str, bucket: &str) -> bool {
    let Some(path) = resource.strip_prefix("arn:aws:s3:::") else { return false };
    let name = path.split('/').next().unwrap_or_default();
    name == bucket || name.strip_suffix('*').is_some_and(|start| bucket.starts_with(start))
}

/// Rewrites account ids; `None` when a member is no principal.
fn normalise(principal: &mut Value) -> Option<()> {
    if principal.is_string() {
        return (principal == "*").then_some(());
    }
    for (kind, members) in principal.as_object_mut()? {
        if kind != "AWS" {
            continue;
        }
        match members {
            Value::Array(list) => list.iter_mut().try_for_each(aws_principal)?,
            one => aws_principal(one)?,
        }
    }
    Some(())
}

fn aws_principal(member: &mut Value) -> Option<()> {
    let text = member.as_str()?;
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        *member = format!("arn:aws:iam::{text}:root").into();
        return Some(());
    }
    let named =
        ["arn:aws:iam::", "arn:aws:sts::", "AROA", "AIDA"].iter().any(|start| text.starts_with(start));
    (text == "*" || named).then_some(())
}

/// Whether a statement lets in just anybody.
pub(super) fn is_public(policy: &Value) -> bool {
    policy["Statement"].as_array().into_iter().flatten().any(|statement| {
        let principal = &statement["Principal"];
        let anybody = principal == "*" || many(principal.get("AWS")).contains(&"*");
        statement["Effect"] == "Allow" && anybody && !names_the_caller(&statement["Condition"])
    })
}

fn names_the_caller(conditions: &Value) -> bool {
    let operators = conditions.as_object().into_iter().flatten();
    operators.filter_map(|(_, keys)| keys.as_object()).flatten().any(|(key, values)| {
        let fixed = !many(Some(values)).contains(&"*");
        KNOWN_CALLERS.contains(&key.to_ascii_lowercase().as_str()) && fixed
    })
}

fn many(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const B: &str = "arn:aws:s3:::b";

    fn statement(principal: Value, resource: &str) -> Value {
        json!({ "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": resource })
    }

    fn code(statement: Value) -> Result<Value, String> {
        let policy = json!({ "Version": "2012-10-17", "Statement": statement });
        accept(policy.to_string().as_bytes(), "b").map_err(|refusal| refusal.message)
    }

    #[test]
    fn a_policy_must_be_about_its_bucket_and_name_principals() {
        assert!(code(statement(json!("*"), "arn:aws:s3:::b/*")).is_ok());
        for (bad, message) in [
            (statement(json!("*"), "arn:aws:s3:::other/*"), "Policy has invalid resource"),
            (statement(json!({ "AWS": "nobody" }), "arn:aws:s3:::b"), "Invalid principal in policy"),
            (
                json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b" }),
                "Missing required field Principal",
            ),
            (
                json!({ "Effect": "Allow", "Principal": "*", "Action": "sqs:*", "Resource": B }),
                "Policy has invalid action",
            ),
        ] {
            assert_eq!(code(bad).unwrap_err(), message);
        }
        assert_eq!(accept(b"nonsense", "b").unwrap_err().code, "MalformedPolicy");
    }

    #[test]
    fn an_account_becomes_its_root() {
        let kept = code(statement(json!({ "AWS": ["123456789012"] }), "arn:aws:s3:::b")).unwrap();
        assert_eq!(kept["Statement"][0]["Principal"]["AWS"][0], "arn:aws:iam::123456789012:root");
    }

    #[test]
    fn only_a_condition_on_the_caller_makes_everybody_not_public() {
        let mut everybody = statement(json!("*"), "arn:aws:s3:::b/*");
        let public = |statement: &Value| is_public(&json!({ "Statement": [statement] }));
        assert!(public(&everybody));
        everybody["Condition"] = json!({ "Bool": { "aws:SecureTransport": "true" } });
        assert!(public(&everybody));
        everybody["Condition"] = json!({ "StringEquals": { "AWS:SourceArn": "arn:aws:cloudfront::1:d" } });
        assert!(!public(&everybody));
        assert!(!public(&statement(json!({ "Service": "ses.amazonaws.com" }), "arn:aws:s3:::b/*")));
    }
}
