//! Who may call a function: the whole policy of its alias `live`.
//!
//! It has no name, no ARN and no tags: the function's name is its own. Statements that are not declared are
//! drift and are removed. It has no outputs.
//!
//! Surprises (aws-semantics 11): every alias, every version and the unqualified function have policies of
//! their own; AWS adds and removes single statements and changes none, so a changed one is removed and added,
//! and for that moment its caller is refused; with the last statement the policy goes, so there is no empty
//! one; "no function" and "no policy" are one answer.

use std::collections::BTreeMap;

use model::{Address, Fault, Fields, Outputs, Ref, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::function::{Function, LIVE};
use crate::{Live, Place, Reader, Resource, Scope, Writer, aws::Absent};

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// Who may call the alias `live` of one function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FunctionPolicy {
    /// By name.
    pub function: Ref<Function>,
    /// By statement id: letters, digits, `-` and `_`. At least one; at most 20 KB together.
    pub statements: BTreeMap<String, Permission>,
    /// Statements in shapes that [`Permission`] has no words for, as AWS wrote them. A spec has none; those
    /// found are removed.
    pub strays: BTreeMap<String, String>,
}

/// What one caller may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permission {
    /// A service (`apigateway.amazonaws.com`), an account or an ARN.
    pub principal: String,
    /// `lambda:InvokeFunction`.
    pub action: String,
    /// On whose behalf a service calls: an ARN, which may hold `*`. Empty is anybody's, as found and never
    /// declared.
    pub source_arn: Text,
    /// Of the source, where its ARN does not tell (buckets).
    pub source_account: Option<String>,
}

impl Permission {
    /// A service may call on behalf of one source.
    #[must_use]
    pub fn of_service(service: &str, source_arn: impl Into<Text>) -> Self {
        Self {
            principal: service.to_owned(),
            action: "lambda:InvokeFunction".to_owned(),
            source_arn: source_arn.into(),
            source_account: None,
        }
    }

    /// Only when the source is this account's.
    #[must_use]
    pub fn in_account(mut self, account: &str) -> Self {
        self.source_account = Some(account.to_owned());
        self
    }

    /// `None` for a statement that says more, or less, than this type can.
    fn read(statement: &Value) -> Option<Self> {
        const KNOWN: &[&str] = &["Sid", "Effect", "Principal", "Action", "Resource", "Condition"];
        let members = statement.as_object()?;
        if members.keys().any(|name| !KNOWN.contains(&name.as_str())) || members.get("Effect")? != "Allow" {
            return None;
        }
        let principal = match members.get("Principal")? {
            Value::Object(of) if of.len() == 1 => {
                of.get("Service").or_else(|| of.get("AWS")).and_then(Value::as_str)?
            }
            one => one.as_str()?,
        };
        let (mut source_arn, mut source_account) = (Text::default(), None);
        let conditions = members.get("Condition").and_then(Value::as_object).into_iter().flatten();
        for (operator, keys) in conditions {
            for (key, value) in keys.as_object()? {
                match (operator.as_str(), key.to_ascii_lowercase().as_str()) {
                    ("ArnLike", "aws:sourcearn") => source_arn = value.as_str()?.into(),
                    ("StringEquals", "aws:sourceaccount") => {
                        source_account = Some(value.as_str()?.to_owned())
                    }
                    _ => return None,
                }
            }
        }
        let action = members.get("Action")?.as_str()?.to_owned();
        Some(Self { principal: account_of(principal).to_owned(), action, source_arn, source_account })
    }
}

/// AWS writes an account as the ARN of its root.
fn account_of(principal: &str) -> &str {
    let account = principal.strip_prefix("arn:aws:iam::").and_then(|rest| rest.strip_suffix(":root"));
    account.unwrap_or(principal)
}

type Statements = (BTreeMap<String, Permission>, BTreeMap<String, String>);

/// The statements of a policy document, sorted into those we have words for and the others.
fn read(document: &str) -> Result<Statements, serde_json::Error> {
    let document: Value = serde_json::from_str(document)?;
    let (mut known, mut strays) = (BTreeMap::new(), BTreeMap::new());
    for statement in document["Statement"].as_array().into_iter().flatten() {
        let sid = statement["Sid"].as_str().unwrap_or_default().to_owned();
        match Permission::read(statement) {
            Some(permission) => drop(known.insert(sid, permission)),
            None => drop(strays.insert(sid, statement.to_string())),
        }
    }
    Ok((known, strays))
}

impl Resource for FunctionPolicy {
    const KIND: &'static str = "function policy";
    const TAGGED: bool = false;

    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        self.function.text().to_string()
    }

    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self { function, statements, strays } = self;
        to.fixed("function", function);
        to.each("statements", statements);
        to.each("statements", strays);
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        if model::text::references(at.name()).next().is_some() {
            // The function is not there yet.
            return Ok(None);
        }
        let found = aws
            .read(&at.address, "lambda", "GetPolicy", || {
                aws.lambda().get_policy().function_name(at.name()).qualifier(LIVE).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(document) = found.and_then(|found| found.policy) else { return Ok(None) };
        let (statements, strays) = read(&document)
            .map_err(|error| Fault::refused(&at.address, format!("its policy cannot be read: {error}")))?;
        let open = |permission: &&Permission| permission.source_arn.as_str().is_empty();
        let findings = statements
            .iter()
            .filter(|(_, permission)| open(permission) && permission.principal.ends_with(".amazonaws.com"))
            .map(|(sid, permission)| format!("{sid} lets {} call on anybody's behalf", permission.principal))
            .collect();
        let actual = Self { function: Ref::live(at.name()), statements, strays };
        Ok(Some(Live { findings, ..Live::new(actual, Outputs::new(), None) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        self.check(at)?;
        let (have, strays) =
            live.map(|live| (live.actual.statements, live.actual.strays)).unwrap_or_default();
        let wrong =
            have.iter().filter(|(sid, one)| self.statements.get(*sid) != Some(*one)).map(|(sid, _)| sid);
        for sid in wrong.chain(strays.keys()) {
            remove(sid, at, aws).await?;
        }
        for (sid, permission) in self.statements.iter().filter(|(sid, one)| have.get(*sid) != Some(*one)) {
            add(sid, permission, at, aws).await?;
        }
        Ok(Outputs::new())
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        for sid in live.actual.statements.keys().chain(live.actual.strays.keys()) {
            remove(sid, at, aws).await?;
        }
        Ok(())
    }
}

impl FunctionPolicy {
    fn check(&self, at: &Place) -> Result<(), Fault> {
        if self.statements.is_empty() {
            return Err(Fault::refused(&at.address, "has no statements, and AWS keeps no empty policy")
                .hint("declare who may call, or leave the policy out"));
        }
        let open = self
            .statements
            .iter()
            .find(|(_, one)| one.source_arn.as_str().is_empty() && one.principal.ends_with(".amazonaws.com"));
        match open {
            None => Ok(()),
            Some((sid, permission)) => {
                let text = format!("{sid} lets {} call on anybody's behalf", permission.principal);
                Err(Fault::refused(&at.address, text).hint("give its source_arn"))
            }
        }
    }
}

async fn remove(sid: &str, at: &Place, aws: &Writer) -> Result<(), Fault> {
    aws.write(at, "lambda", "RemovePermission", || {
        let ask = aws.lambda().remove_permission().function_name(at.name()).qualifier(LIVE);
        ask.statement_id(sid).send()
    })
    .await
    .absent_on(ABSENT)?;
    Ok(())
}

async fn add(sid: &str, permission: &Permission, at: &Place, aws: &Writer) -> Result<(), Fault> {
    let source = Some(permission.source_arn.to_string()).filter(|arn| !arn.is_empty());
    aws.write(at, "lambda", "AddPermission", || {
        let ask = aws.lambda().add_permission().function_name(at.name()).qualifier(LIVE);
        ask.statement_id(sid)
            .action(&permission.action)
            .principal(&permission.principal)
            .set_source_arn(source.clone())
            .set_source_account(permission.source_account.clone())
            .send()
    })
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn statement(more: Value) -> Value {
        let mut one = json!({
            "Sid": "s", "Effect": "Allow", "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "lambda:InvokeFunction", "Resource": "arn:aws:lambda:us-east-1:1:function:f:live",
        });
        one.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        one
    }

    #[test]
    fn statements_are_read_in_full_or_not_at_all() {
        let condition = json!({ "ArnLike": { "AWS:SourceArn": "arn:t" },
                                "StringEquals": { "aws:SourceAccount": "123456789012" } });
        let read = |more: Value| Permission::read(&statement(more));
        let whole = Permission::of_service("sns.amazonaws.com", "arn:t").in_account("123456789012");
        assert_eq!(read(json!({ "Condition": condition })), Some(whole));
        let root = json!({ "Principal": { "AWS": "arn:aws:iam::123456789012:root" } });
        assert_eq!(read(root).unwrap().principal, "123456789012");
        for strange in [
            json!({ "Effect": "Deny" }),
            json!({ "NotAction": "lambda:*" }),
            json!({ "Action": ["lambda:InvokeFunction", "lambda:GetFunction"] }),
            json!({ "Condition": { "StringEquals": { "aws:PrincipalOrgID": "o-1" } } }),
            json!({ "Condition": { "ArnLike": { "AWS:SourceArn": ["arn:a", "arn:b"] } } }),
        ] {
            assert_eq!(read(strange.clone()), None, "{strange}");
        }
    }
}
