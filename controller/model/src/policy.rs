//! IAM-style policy documents as typed values, compared by meaning.
//!
//! What AWS rewrites on the way is undone by parsing (IAM user guide, "Grammar of the IAM JSON policy language"):
//! one value and a list of one are the same, lists are sets, statement order does not matter, `Sid: ""` is no Sid,
//! an account id is the ARN of its root, `"*"` is `{"AWS": "*"}`. `Version` is never defaulted: a missing one means
//! 2008-10-17, which evaluates policy variables differently from 2012-10-17.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value;

/// A policy document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    #[serde(rename = "Version", default = "oldest")]
    pub version: String,
    #[serde(rename = "Id", default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(rename = "Statement", deserialize_with = "one_or_many")]
    pub statements: BTreeSet<Statement>,
}

/// One statement; empty sets are not written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct Statement {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sid: String,
    pub effect: Effect,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "principals")]
    pub principal: Principals,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "principals")]
    pub not_principal: Principals,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "one_or_many")]
    pub action: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "one_or_many")]
    pub not_action: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "one_or_many")]
    pub resource: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty", deserialize_with = "one_or_many")]
    pub not_resource: BTreeSet<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "conditions")]
    pub condition: Conditions,
}

/// Principal type (`AWS`, `Service`, `Federated`) to its members.
pub type Principals = BTreeMap<String, BTreeSet<String>>;

/// Operator to key to values. Keys are case-insensitive in IAM and kept in the author's case.
pub type Conditions = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Whether a statement gives or takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Effect {
    Allow,
    Deny,
}

/// Why a document cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("this is not a policy document: {0}")]
pub struct PolicyError(#[from] serde_json::Error);

fn oldest() -> String {
    "2008-10-17".to_owned()
}

impl Policy {
    /// A document of the current version.
    pub fn new(statements: impl IntoIterator<Item = Statement>) -> Self {
        let statements = statements.into_iter().collect();
        Self { version: "2012-10-17".to_owned(), id: String::new(), statements }
    }

    /// Reads what AWS returned (after URL-decoding, where IAM encodes).
    ///
    /// # Errors
    /// When the text is not JSON, or not a policy this type knows in full: an unknown element is never dropped.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        Ok(serde_json::from_str(text)?)
    }

    /// The text to send to AWS: sorted, without white space, which some services count.
    ///
    /// # Panics
    /// Never: every member can be written as JSON.
    #[must_use]
    pub fn document(&self) -> String {
        serde_json::to_string(self).expect("a policy is plain data")
    }

    /// Principals that AWS has rewritten to a unique id because what they named was deleted.
    #[must_use]
    pub fn deleted_principals(&self) -> BTreeSet<&str> {
        let ids = ["AROA", "AIDA", "AGPA", "ANPA"];
        let all =
            self.statements.iter().filter_map(|one| one.principal.get("AWS")).flatten().map(String::as_str);
        all.filter(|member| ids.iter().any(|id| member.starts_with(id))).collect()
    }
}

impl Statement {
    /// Allows these actions on these resources.
    pub fn allow<A: Into<String>, R: Into<String>>(
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self {
            sid: String::new(),
            effect: Effect::Allow,
            principal: Principals::new(),
            not_principal: Principals::new(),
            action: actions.into_iter().map(Into::into).collect(),
            not_action: BTreeSet::new(),
            resource: resources.into_iter().map(Into::into).collect(),
            not_resource: BTreeSet::new(),
            condition: Conditions::new(),
        }
    }

    /// Denies these actions on these resources.
    pub fn deny<A: Into<String>, R: Into<String>>(
        actions: impl IntoIterator<Item = A>,
        resources: impl IntoIterator<Item = R>,
    ) -> Self {
        Self { effect: Effect::Deny, ..Self::allow(actions, resources) }
    }

    #[must_use]
    pub fn sid(mut self, sid: &str) -> Self {
        sid.clone_into(&mut self.sid);
        self
    }

    /// To a service (`sns.amazonaws.com`).
    #[must_use]
    pub fn to_service(self, service: &str) -> Self {
        self.to("Service", service)
    }

    /// To an account or role by ARN, account id or `*`.
    #[must_use]
    pub fn to_aws(self, principal: &str) -> Self {
        self.to("AWS", &root_of(principal))
    }

    /// To those who sign in by an identity provider (`cognito-identity.amazonaws.com`, or the ARN of one).
    #[must_use]
    pub fn to_federated(self, provider: &str) -> Self {
        self.to("Federated", provider)
    }

    fn to(mut self, of: &str, member: &str) -> Self {
        self.principal.entry(of.to_owned()).or_default().insert(member.to_owned());
        self
    }

    /// Only under this condition, such as `("ArnEquals", "aws:SourceArn", arn)`.
    #[must_use]
    pub fn when(mut self, operator: &str, key: &str, value: impl Into<String>) -> Self {
        let keys = self.condition.entry(operator.to_owned()).or_default();
        keys.entry(key.to_owned()).or_default().insert(value.into());
        self
    }
}

/// What `want` allows and `live` did not: one line for each principal, in the words of a person.
///
/// Cautious: what cannot be shown to be covered is reported, so a narrower condition on a new statement still counts
/// as gained. A deny that goes away counts too.
#[must_use]
pub fn gained(live: Option<&Policy>, want: Option<&Policy>) -> Vec<String> {
    let statements = |policy: Option<&Policy>, effect| -> Vec<Statement> {
        let all = policy.into_iter().flat_map(|policy| &policy.statements);
        all.filter(|one| one.effect == effect).cloned().collect()
    };
    let held = statements(live, Effect::Allow);
    let gives =
        statements(want, Effect::Allow).into_iter().filter(|one| !held.iter().any(|old| old.covers(one)));
    let kept = statements(want, Effect::Deny);
    let freed =
        statements(live, Effect::Deny).into_iter().filter(|one| !kept.iter().any(|deny| deny.covers(one)));
    let words = gives.map(|one| one.in_words("may"));
    words.chain(freed.map(|one| one.in_words("is no longer denied"))).collect()
}

impl Statement {
    /// Whether everything that `other` says is said by `self` too.
    fn covers(&self, other: &Self) -> bool {
        let principals = |wide: &Principals, narrow: &Principals| {
            wide.get("AWS").is_some_and(|all| all.contains("*"))
                || narrow
                    .iter()
                    .all(|(of, members)| wide.get(of).is_some_and(|known| known.is_superset(members)))
        };
        let plain = |one: &Self| {
            one.not_action.is_empty() && one.not_resource.is_empty() && one.not_principal.is_empty()
        };
        if !plain(self) || !plain(other) {
            return self == other;
        }
        principals(&self.principal, &other.principal)
            && matched(&self.action, &other.action, true)
            && matched(&self.resource, &other.resource, false)
            && (self.condition.is_empty() || self.condition == other.condition)
    }

    fn in_words(&self, verb: &str) -> String {
        let list = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
        let who: Vec<String> = self.principal.values().map(list).collect();
        let who = if who.is_empty() { "its holder".to_owned() } else { who.join(", ") };
        let actions = match self.not_action.is_empty() {
            true => list(&self.action),
            false => format!("everything but {}", list(&self.not_action)),
        };
        let on = match (self.resource.is_empty(), self.not_resource.is_empty()) {
            (true, true) => String::new(),
            (false, _) => format!(" on {}", list(&self.resource)),
            (true, false) => format!(" on everything but {}", list(&self.not_resource)),
        };
        let only = if self.condition.is_empty() { "" } else { ", under conditions" };
        format!("{who} {verb} {actions}{on}{only}")
    }
}

/// Whether each of `narrow` is matched by one of `wide`, where `*` stands for anything.
fn matched(wide: &BTreeSet<String>, narrow: &BTreeSet<String>, fold_case: bool) -> bool {
    let form = |text: &str| if fold_case { text.to_ascii_lowercase() } else { text.to_owned() };
    narrow.iter().all(|one| wide.iter().any(|pattern| wildcard(&form(pattern), &form(one))))
}

/// IAM's wildcard: `*` for any run of characters.
fn wildcard(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = pattern.rsplit_once('*').map(|(_, last)| last) else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    last.is_empty() || text.ends_with(last)
}

/// AWS stores an account id as the ARN of the account's root.
fn root_of(principal: &str) -> String {
    if principal.len() == 12 && principal.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("arn:aws:iam::{principal}:root");
    }
    principal.to_owned()
}

fn one_or_many<'de, D, T>(from: D) -> Result<BTreeSet<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Ord + for<'a> Deserialize<'a>,
{
    let read = |value: Value| T::deserialize(value).map_err(D::Error::custom);
    match Value::deserialize(from)? {
        Value::Array(items) => items.into_iter().map(read).collect(),
        one => Ok(BTreeSet::from([read(one)?])),
    }
}

fn strings<E: serde::de::Error>(value: &Value) -> Result<BTreeSet<String>, E> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        // Numbers and booleans in conditions come back as strings.
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        other => Err(E::custom(format!("expected a string, found {other}"))),
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        single => Ok(BTreeSet::from([one(single)?])),
    }
}

fn principals<'de, D: Deserializer<'de>>(from: D) -> Result<Principals, D::Error> {
    match Value::deserialize(from)? {
        Value::String(all) => Ok(Principals::from([("AWS".to_owned(), BTreeSet::from([root_of(&all)]))])),
        Value::Object(of) => of
            .iter()
            .map(|(kind, members)| {
                Ok((kind.clone(), strings(members)?.iter().map(|member| root_of(member)).collect()))
            })
            .collect(),
        other => Err(D::Error::custom(format!("expected a principal, found {other}"))),
    }
}

fn conditions<'de, D: Deserializer<'de>>(from: D) -> Result<Conditions, D::Error> {
    let operators = BTreeMap::<String, BTreeMap<String, Value>>::deserialize(from)?;
    let keys = |keys: BTreeMap<String, Value>| {
        keys.into_iter().map(|(key, values)| Ok((key, strings(&values)?))).collect::<Result<_, D::Error>>()
    };
    operators.into_iter().map(|(operator, of)| Ok((operator, keys(of)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn same(a: &str, b: &str) {
        assert_eq!(Policy::parse(a).unwrap(), Policy::parse(b).unwrap());
    }

    #[test]
    fn what_aws_rewrites_is_no_difference() {
        same(
            r#"{"Version":"2012-10-17","Statement":{"Sid":"","Effect":"Allow","Principal":{"AWS":"123456789012"},
                "Action":"sqs:SendMessage","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":true}}}}"#,
            r#"{"Statement":[{"Effect":"Allow","Action":["sqs:SendMessage"],"Resource":["*"],
                "Principal":{"AWS":["arn:aws:iam::123456789012:root"]},
                "Condition":{"Bool":{"aws:SecureTransport":["true"]}}}],"Version":"2012-10-17"}"#,
        );
        same(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":["a:B","a:A"]}]}"#,
            r#"{"Statement":[{"Action":["a:A","a:B"],"Effect":"Deny","Principal":{"AWS":"*"}}],
                "Version":"2012-10-17"}"#,
        );
    }

    #[test]
    fn an_element_that_is_not_known_is_an_error_and_a_missing_version_is_the_oldest() {
        assert!(
            Policy::parse(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Acton":"x"}]}"#)
                .is_err()
        );
        assert_eq!(Policy::parse(r#"{"Statement":[]}"#).unwrap().version, "2008-10-17");
    }

    #[test]
    fn says_who_gains_what_and_nothing_when_it_narrows() {
        let send = |who: &str| Statement::allow(["sqs:SendMessage"], ["arn:q"]).to_service(who);
        let (sns, events) = (send("sns.amazonaws.com"), send("events.amazonaws.com"));
        let live = Policy::new([sns.clone()]);
        let want = Policy::new([sns.clone(), events.clone()]);
        assert_eq!(gained(Some(&live), Some(&want)), ["events.amazonaws.com may sqs:SendMessage on arn:q"]);
        assert_eq!(gained(Some(&want), Some(&live)), Vec::<String>::new());
        let wide = Policy::new([Statement::allow(["sqs:*"], ["*"]).to_service("sns.amazonaws.com")]);
        assert_eq!(gained(Some(&wide), Some(&live)), Vec::<String>::new());
        assert_eq!(gained(Some(&live), Some(&wide)).len(), 1);
        let deny = Policy::new([Statement::deny(["s3:*"], ["*"]).to_aws("*")]);
        assert_eq!(gained(Some(&deny), None), ["* is no longer denied s3:* on *"]);
    }

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, text, wanted) in [
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*", "", true),
            ("s3:Get*", "s3:GetObject", true),
            ("a", "ab", false),
        ] {
            assert_eq!(wildcard(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn prints_and_parses_back() {
        let policy = Policy::new([Statement::allow(["sqs:SendMessage"], ["arn:q"])
            .sid("topic")
            .to_service("sns.amazonaws.com")
            .when("ArnEquals", "aws:SourceArn", "arn:t")]);
        assert_eq!(Policy::parse(&policy.document()).unwrap(), policy);
    }
}
