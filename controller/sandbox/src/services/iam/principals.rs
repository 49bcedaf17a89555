//! Principals of policies: roles that are there, that are too young to be seen, and that are gone.

use serde_json::Value;

use super::{ROLES, arn_of, documents::statements};
use crate::services::{World, text};

/// The AWS principals of a statement, and any other as its own text.
pub(super) fn members(statement: &Value) -> impl Iterator<Item = &str> {
    let all: Vec<&Value> = match &statement["Principal"] {
        Value::Object(kinds) => kinds.values().collect(),
        Value::Null => Vec::new(),
        one => vec![one],
    };
    all.into_iter().flat_map(texts)
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// The first principal of a policy that names a role of this account which is not there, or not seen yet
/// (`weather.propagation`), or the unique id of a deleted one. Each service has its own code for that.
pub(crate) fn unseen_principal(document: &Value, world: &World<'_>) -> Option<String> {
    let ours = format!("arn:aws:iam::{}:role/", world.account);
    let roles = world.all(ROLES);
    let is_seen = |role: &Value| {
        let created = u128::from(role["created"].as_u64().unwrap_or_default());
        u128::from(world.now_ms) >= created + world.weather.propagation.as_millis()
    };
    let unseen = |principal: &&str| {
        if principal.starts_with("AROA") {
            return !roles.values().any(|role| text(role, "id") == *principal);
        }
        let named = roles.iter().find(|(name, role)| arn_of(name, role, world) == *principal);
        principal.starts_with(&ours) && !named.is_some_and(|(_, role)| is_seen(role))
    };
    let aws = statements(document).into_iter().flat_map(|one| texts(&one["Principal"]["AWS"]));
    aws.filter(unseen).map(str::to_owned).next()
}

/// Whether a role is there, is seen by other services (`weather.propagation`), and lets `service` assume it.
pub(crate) fn trusts(role_arn: &str, service: &str, world: &World<'_>) -> bool {
    let roles = world.all(ROLES);
    let Some((_, role)) = roles.iter().find(|(name, role)| arn_of(name, role, world) == role_arn) else {
        return false;
    };
    let created = u128::from(role["created"].as_u64().unwrap_or_default());
    let seen = u128::from(world.now_ms) >= created + world.weather.propagation.as_millis();
    let trust: Value = serde_json::from_str(text(role, "trust")).unwrap_or_default();
    let allows =
        |one: &Value| one["Effect"] == "Allow" && texts(&one["Principal"]["Service"]).contains(&service);
    seen && statements(&trust).into_iter().any(allows)
}

/// What IAM does to a policy that names a role which is deleted: the ARN becomes the role's unique id.
pub(super) fn rewritten(document: &str, arn: &str, id: &str) -> Option<String> {
    let mut parsed: Value = serde_json::from_str(document).ok()?;
    let mut changed = false;
    let mut one = |value: &mut Value| {
        if value == arn {
            *value = id.into();
            changed = true;
        }
    };
    let all = match &mut parsed["Statement"] {
        Value::Array(all) => all.iter_mut().collect(),
        single => vec![single],
    };
    for statement in all {
        match statement.get_mut("Principal").and_then(|principal| principal.get_mut("AWS")) {
            Some(Value::Array(items)) => items.iter_mut().for_each(&mut one),
            Some(single) => one(single),
            None => {}
        }
    }
    changed.then(|| parsed.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_deleted_role_becomes_an_id() {
        let document =
            r#"{"Statement":[{"Principal":{"AWS":["arn:a","arn:b"]}},{"Principal":{"AWS":"arn:a"}}]}"#;
        let after =
            r#"{"Statement":[{"Principal":{"AWS":["AROA1","arn:b"]}},{"Principal":{"AWS":"AROA1"}}]}"#;
        assert_eq!(rewritten(document, "arn:a", "AROA1").as_deref(), Some(after));
        assert_eq!(rewritten(document, "arn:c", "AROA1"), None);
        assert_eq!(rewritten(r#"{"Statement":{"Principal":"*"}}"#, "arn:a", "AROA1"), None);
    }
}
