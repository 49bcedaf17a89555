//! Whether a resource policy lets a service of AWS in: what services ask before they keep a reference to a resource.

use serde_json::Value;

use super::World;

/// Whether an allow statement names the service (or anybody) and the action, and does not keep this account out.
/// Other conditions are not evaluated, and neither are denials.
pub(crate) fn allows(policy: &str, service: &str, action: &str, world: &World<'_>) -> bool {
    let policy: Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = match &policy["Statement"] {
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    statements.iter().any(|statement| {
        let principal = &statement["Principal"];
        let named = many(&principal["Service"]).any(|one| one == service)
            || many(principal).chain(many(&principal["AWS"])).any(|one| one == "*");
        let acts = many(&statement["Action"]).any(|pattern| covers(pattern, action));
        statement["Effect"] == "Allow" && named && acts && !excludes(&statement["Condition"], world.account)
    })
}

fn many(value: &Value) -> impl Iterator<Item = &str> {
    let items = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    items.iter().filter_map(Value::as_str)
}

fn covers(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    match pattern.strip_suffix('*') {
        Some(start) => action.starts_with(start),
        None => pattern == action,
    }
}

/// Whether a condition on the asking account names only others.
fn excludes(conditions: &Value, account: &str) -> bool {
    let operators = ["StringEquals", "StringLike"].into_iter().filter_map(|name| conditions.get(name));
    operators.filter_map(Value::as_object).flatten().any(|(key, values)| {
        let about_account =
            ["aws:sourceaccount", "aws:sourceowner"].iter().any(|one| key.eq_ignore_ascii_case(one));
        about_account && !many(values).any(|one| one == account)
    })
}
