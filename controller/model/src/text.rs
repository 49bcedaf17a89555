//! Values that contain what AWS decides about another resource.
//!
//! A reference is written `@{stack/kind/name#attribute}` inside any string of a spec. It makes the edge that
//! orders the plan, and it is replaced by the attribute's value as soon as that is known: from names alone,
//! from an observation, or from the step that has just created the other resource.
//!
//! `@{=stack/kind/name#attribute}` stands for what is computed from names alone. It makes no edge, so two resources
//! may name each other: a gateway its function, and that function the gateway's URL.

use std::{collections::BTreeSet, fmt, marker::PhantomData};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Address;

const OPEN: &str = "@{";
const NAMED: &str = "=";

/// A string that may contain references to other resources.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Text(String);

/// A reference found in a text: whose attribute is meant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    pub address: Address,
    pub attribute: String,
    /// Whether the other resource must be there first.
    pub orders: bool,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.orders { "" } else { NAMED };
        write!(f, "{OPEN}{mark}{}#{}}}", self.address, self.attribute)
    }
}

impl Text {
    /// A text that refers to one attribute of another resource.
    pub fn of(address: &Address, attribute: &str) -> Self {
        Self(
            Reference { address: address.clone(), attribute: attribute.to_owned(), orders: true }.to_string(),
        )
    }

    /// A text that names an attribute which is computed from names, without waiting for the other resource.
    pub fn named(address: &Address, attribute: &str) -> Self {
        Self(
            Reference { address: address.clone(), attribute: attribute.to_owned(), orders: false }
                .to_string(),
        )
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// This text followed by another.
    #[must_use]
    pub fn then(mut self, more: &str) -> Self {
        self.0.push_str(more);
        self
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A typed pointer to another resource of kind `R`: on the declaring side its address, on the side that AWS
/// filled in the id or ARN that AWS holds. Compared after resolution, as a text.
pub struct Ref<R> {
    text: Text,
    kind: PhantomData<fn() -> R>,
}

impl<R> Ref<R> {
    /// Points at a declared resource by the attribute that the pointing API wants (usually `arn`).
    pub fn to(address: &Address, attribute: &str) -> Self {
        Self { text: Text::of(address, attribute), kind: PhantomData }
    }

    /// What AWS holds: an ARN, id or name.
    pub fn live(text: impl Into<String>) -> Self {
        Self { text: Text(text.into()), kind: PhantomData }
    }

    pub fn text(&self) -> &Text {
        &self.text
    }
}

impl<R> Clone for Ref<R> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), kind: PhantomData }
    }
}

impl<R> fmt::Debug for Ref<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ref({})", self.text)
    }
}

impl<R> PartialEq for Ref<R> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<R> Eq for Ref<R> {}

impl<R> PartialOrd for Ref<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for Ref<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<'de, R> Deserialize<'de> for Ref<R> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Text::deserialize(from).map(|text| Self { text, kind: PhantomData })
    }
}

impl<R> Serialize for Ref<R> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(to)
    }
}

/// Splits a string into literal pieces and references; a malformed reference stays literal.
fn pieces(text: &str) -> impl Iterator<Item = Result<Reference, &str>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let Some(start) = rest.find(OPEN) else {
            return Some(Err(std::mem::take(&mut rest)));
        };
        if start > 0 {
            let (literal, tail) = rest.split_at(start);
            rest = tail;
            return Some(Err(literal));
        }
        let inside = rest[OPEN.len()..].split_once('}');
        let reference = inside.and_then(|(body, tail)| {
            let (address, attribute) = body.split_once('#')?;
            let named = address.strip_prefix(NAMED);
            let (orders, address) = (named.is_none(), named.unwrap_or(address).parse().ok()?);
            Some((Reference { address, attribute: attribute.to_owned(), orders }, tail))
        });
        match reference {
            Some((reference, tail)) => {
                rest = tail;
                Some(Ok(reference))
            }
            None => {
                let (literal, tail) = rest.split_at(OPEN.len());
                rest = tail;
                Some(Err(literal))
            }
        }
    })
}

/// The references inside a string.
pub fn references(text: &str) -> impl Iterator<Item = Reference> {
    pieces(text).filter_map(Result::ok)
}

/// Replaces each reference that `look_up` knows; the others stay as they are.
pub fn resolve(text: &str, look_up: &dyn Fn(&Reference) -> Option<String>) -> String {
    if !text.contains(OPEN) {
        return text.to_owned();
    }
    pieces(text)
        .map(|piece| match piece {
            Err(literal) => literal.to_owned(),
            Ok(reference) => look_up(&reference).unwrap_or_else(|| reference.to_string()),
        })
        .collect()
}

/// Collects the references of a JSON tree, in keys and in values.
pub fn references_in(value: &Value, into: &mut BTreeSet<Reference>) {
    match value {
        Value::String(text) => into.extend(references(text)),
        Value::Array(items) => items.iter().for_each(|item| references_in(item, into)),
        Value::Object(members) => {
            for (key, member) in members {
                into.extend(references(key));
                references_in(member, into);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Resolves every string of a JSON tree; what holds no reference is moved, not copied.
#[must_use]
pub fn resolve_value(value: Value, look_up: &dyn Fn(&Reference) -> Option<String>) -> Value {
    match value {
        Value::String(text) if text.contains(OPEN) => Value::String(resolve(&text, look_up)),
        Value::Array(items) => items.into_iter().map(|item| resolve_value(item, look_up)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(key, member)| {
                let key = if key.contains(OPEN) { resolve(&key, look_up) } else { key };
                (key, resolve_value(member, look_up))
            })
            .collect(),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Rewrites unresolved references for people: `(after shared/key/unsubscribe)`.
#[must_use]
pub fn for_people(text: &str) -> String {
    pieces(text)
        .map(|piece| match piece {
            Err(literal) => literal.to_owned(),
            Ok(reference) => format!("(after {})", reference.address),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_found_replaced_and_shown() {
        let key: Address = "shared/key/unsubscribe".parse().unwrap();
        let text = Text::from("arn:").then(Text::of(&key, "arn").as_str()).then("/*");
        assert_eq!(references(text.as_str()).map(|r| r.attribute).collect::<Vec<_>>(), ["arn"]);
        assert_eq!(resolve(text.as_str(), &|_| Some("K".into())), "arn:K/*");
        assert_eq!(resolve(text.as_str(), &|_| None), text.as_str());
        assert_eq!(for_people(text.as_str()), "arn:(after shared/key/unsubscribe)/*");
    }

    #[test]
    fn a_name_alone_orders_nothing() {
        let send: Address = "outreach/function/send".parse().unwrap();
        let text = Text::named(&send, "arn");
        let found: Vec<Reference> = references(text.as_str()).collect();
        assert_eq!(found.iter().map(|one| one.orders).collect::<Vec<_>>(), [false]);
        assert_eq!(resolve(text.as_str(), &|one| (one.address == send).then(|| "F".into())), "F");
        assert_eq!(resolve(text.as_str(), &|_| None), text.as_str());
    }

    #[test]
    fn policy_variables_and_broken_references_stay_literal() {
        for text in ["${aws:PrincipalTag/team}", "@{", "@{a/b/c}", "@{nonsense#x}", "}@{a/b/c#"] {
            assert_eq!(resolve(text, &|_| Some("changed".into())), text);
        }
    }
}
