//! Update expressions: `SET #a = if_not_exists(#a, :zero) + :one REMOVE b ADD hits :one DELETE tags :some`.

use serde_json::{Map, Value, json};

use super::{
    expression::{Given, Path, Step, Tokens, at, broken},
    invalid, values,
};
use crate::services::Refusal;

/// What one clause does to one path.
#[derive(Clone, Debug)]
enum Change {
    Set(Path, Source),
    Remove(Path),
    Add(Path, Value),
    Delete(Path, Value),
}

/// The right side of an assignment.
#[derive(Clone, Debug)]
enum Source {
    Value(Value),
    Path(Path),
    IfNotExists(Path, Box<Self>),
    Append(Box<Self>, Box<Self>),
    Sum(Box<Self>, Box<Self>, i128),
}

/// A whole update expression.
#[derive(Clone, Debug)]
pub(super) struct Changes(Vec<Change>);

impl Changes {
    pub(super) fn parse(text: &str, given: &Given<'_>) -> Result<Self, Refusal> {
        let mut tokens = Tokens::cut(text, given)?;
        let (mut changes, mut clauses): (Vec<Change>, Vec<String>) = (Vec::new(), Vec::new());
        while !tokens.peek().is_empty() {
            let clause = tokens.next().to_ascii_uppercase();
            if clauses.contains(&clause) {
                return Err(broken(format!("The \"{clause}\" section can only be used once")));
            }
            loop {
                changes.push(change(&clause, &mut tokens)?);
                if !tokens.take(",") {
                    break;
                }
            }
            clauses.push(clause);
        }
        for (index, one) in changes.iter().enumerate() {
            let path = one.path();
            if changes[..index].iter().any(|other| {
                let other = other.path();
                path.starts_with(other) || other.starts_with(path)
            }) {
                return Err(broken("Two document paths overlap with each other"));
            }
        }
        Ok(Self(changes))
    }

    /// The attributes that it names, without what is inside them.
    pub(super) fn attributes(&self) -> Vec<String> {
        let first = |change: &Change| match change.path().first() {
            Some(Step::Member(name)) => name.clone(),
            _ => String::new(),
        };
        self.0.iter().map(first).collect()
    }

    /// The item after it. Every right side is read from the item as it was.
    pub(super) fn apply(&self, item: &Map<String, Value>) -> Result<Map<String, Value>, Refusal> {
        let before = Value::Object(item.clone());
        let mut after = item.clone();
        for change in &self.0 {
            match change {
                Change::Set(path, source) => put(&mut after, path, source.of(&before)?)?,
                Change::Remove(path) => remove(&mut after, path),
                Change::Add(path, value) => {
                    let added = match at(&before, path) {
                        None => value.clone(),
                        Some(known) if known.get("N").is_some() => values::sum(known, value, 1)?,
                        Some(known) => set(known, value, true)?,
                    };
                    put(&mut after, path, added)?;
                }
                Change::Delete(path, value) => {
                    let Some(known) = at(&before, path) else { continue };
                    let left = set(known, value, false)?;
                    if left.as_object().is_some_and(|set| set.values().all(|set| *set == json!([]))) {
                        remove(&mut after, path);
                    } else {
                        put(&mut after, path, left)?;
                    }
                }
            }
        }
        Ok(after)
    }
}

impl Change {
    fn path(&self) -> &[Step] {
        match self {
            Self::Set(path, _) | Self::Remove(path) | Self::Add(path, _) | Self::Delete(path, _) => path,
        }
    }
}

fn change(clause: &str, tokens: &mut Tokens<'_, '_>) -> Result<Change, Refusal> {
    if !["SET", "REMOVE", "ADD", "DELETE"].contains(&clause) {
        return Err(broken(format!("Syntax error; token: \"{clause}\"")));
    }
    let path = tokens.path()?;
    if clause == "REMOVE" {
        return Ok(Change::Remove(path));
    }
    if clause == "SET" {
        tokens.expect("=")?;
        return Ok(Change::Set(path, sum(tokens)?));
    }
    let token = tokens.next();
    let value = tokens.given.value(&token)?;
    let countable = ["N", "SS", "NS", "BS"].iter().any(|of| value.get(of).is_some());
    if !countable || (clause == "DELETE" && value.get("N").is_some()) {
        return Err(broken(format!("Incorrect operand type for operator or function; operator: {clause}")));
    }
    Ok(if clause == "ADD" { Change::Add(path, value) } else { Change::Delete(path, value) })
}

fn sum(tokens: &mut Tokens<'_, '_>) -> Result<Source, Refusal> {
    let left = source(tokens)?;
    let sign = match tokens.peek() {
        "+" => 1,
        "-" => -1,
        _ => return Ok(left),
    };
    tokens.next();
    Ok(Source::Sum(Box::new(left), Box::new(source(tokens)?), sign))
}

fn source(tokens: &mut Tokens<'_, '_>) -> Result<Source, Refusal> {
    if tokens.is_function() {
        let name = tokens.next();
        tokens.expect("(")?;
        let made = match name.as_str() {
            "if_not_exists" => {
                let path = tokens.path()?;
                tokens.expect(",")?;
                Source::IfNotExists(path, Box::new(source(tokens)?))
            }
            "list_append" => {
                let first = source(tokens)?;
                tokens.expect(",")?;
                Source::Append(Box::new(first), Box::new(source(tokens)?))
            }
            other => return Err(broken(format!("Invalid function name; function: {other}"))),
        };
        tokens.expect(")")?;
        return Ok(made);
    }
    if tokens.peek().starts_with(':') {
        let token = tokens.next();
        return Ok(Source::Value(tokens.given.value(&token)?));
    }
    Ok(Source::Path(tokens.path()?))
}

impl Source {
    fn of(&self, item: &Value) -> Result<Value, Refusal> {
        let missing =
            || invalid("The provided expression refers to an attribute that does not exist in the item");
        match self {
            Self::Value(value) => Ok(value.clone()),
            Self::Path(path) => at(item, path).cloned().ok_or_else(missing),
            Self::IfNotExists(path, or) => at(item, path).cloned().map_or_else(|| or.of(item), Ok),
            Self::Sum(left, right, sign) => values::sum(&left.of(item)?, &right.of(item)?, *sign),
            Self::Append(first, second) => {
                let (first, second) = (first.of(item)?, second.of(item)?);
                let (Some(first), Some(second)) = (first["L"].as_array(), second["L"].as_array()) else {
                    return Err(invalid("An operand in the update expression has an incorrect data type"));
                };
                let both = [first.as_slice(), second.as_slice()].concat();
                Ok(json!({ "L": both }))
            }
        }
    }
}

/// A set with the members of another added or taken away.
fn set(known: &Value, value: &Value, added: bool) -> Result<Value, Refusal> {
    let wrong = || invalid("An operand in the update expression has an incorrect data type");
    let of = ["SS", "NS", "BS"].into_iter().find(|of| value.get(of).is_some()).ok_or_else(wrong)?;
    let members = known[of].as_array().ok_or_else(wrong)?;
    let given = value[of].as_array().ok_or_else(wrong)?;
    let mut members: Vec<Value> =
        members.iter().filter(|one| added || !given.contains(one)).cloned().collect();
    if added {
        for one in given {
            if !members.contains(one) {
                members.push(one.clone());
            }
        }
    }
    Ok(json!({ of: members }))
}

fn no_parent() -> Refusal {
    invalid("The document path provided in the update expression is invalid for update")
}

fn put(item: &mut Map<String, Value>, path: &[Step], value: Value) -> Result<(), Refusal> {
    let (Some(Step::Member(first)), rest) = (path.first(), path.get(1..).unwrap_or_default()) else {
        return Err(no_parent());
    };
    if rest.is_empty() {
        item.insert(first.clone(), value);
        return Ok(());
    }
    let mut inside = item.get_mut(first).ok_or_else(no_parent)?;
    for (index, step) in rest.iter().enumerate() {
        let last = index + 1 == rest.len();
        inside = match step {
            Step::Member(name) => {
                let members = inside.get_mut("M").and_then(Value::as_object_mut).ok_or_else(no_parent)?;
                if last {
                    members.insert(name.clone(), value);
                    return Ok(());
                }
                members.get_mut(name).ok_or_else(no_parent)?
            }
            Step::Index(index) => {
                let members = inside.get_mut("L").and_then(Value::as_array_mut).ok_or_else(no_parent)?;
                if last {
                    // Beyond the end is after the last.
                    match members.get_mut(*index) {
                        Some(member) => *member = value,
                        None => members.push(value),
                    }
                    return Ok(());
                }
                members.get_mut(*index).ok_or_else(no_parent)?
            }
        };
    }
    Ok(())
}

fn remove(item: &mut Map<String, Value>, path: &[Step]) {
    let Some((last, before)) = path.split_last() else { return };
    let Some(Step::Member(first)) = path.first() else { return };
    if before.is_empty() {
        item.remove(first);
        return;
    }
    let mut inside = item.get_mut(first);
    for step in &before[1..] {
        inside = inside.and_then(|inside| match step {
            Step::Member(name) => inside.get_mut("M")?.get_mut(name),
            Step::Index(index) => inside.get_mut("L")?.get_mut(*index),
        });
    }
    let Some(inside) = inside else { return };
    match last {
        Step::Member(name) => {
            inside.get_mut("M").and_then(Value::as_object_mut).map(|members| members.remove(name));
        }
        Step::Index(index) => {
            if let Some(members) = inside.get_mut("L").and_then(Value::as_array_mut)
                && *index < members.len()
            {
                members.remove(*index);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(text: &str) -> Result<Value, Refusal> {
        let input = json!({ "ExpressionAttributeValues": {
            ":one": { "N": "1" }, ":zero": { "N": "0" }, ":b": { "SS": ["b"] }, ":l": { "L": [{ "S": "z" }] },
            ":s": { "S": "s" },
        } });
        let item = json!({
            "n": { "N": "4" }, "set": { "SS": ["a", "b"] }, "only": { "SS": ["b"] },
            "m": { "M": { "k": { "S": "v" }, "l": { "L": [{ "S": "a" }] } } },
        });
        let item = item.as_object().expect("an object");
        Changes::parse(text, &Given::of(&input))?.apply(item).map(Value::Object)
    }

    #[test]
    fn each_clause_does_what_it_says() {
        let after = changed(
            "SET fresh = if_not_exists(fresh, :zero) + :one, m.k = :s, m.l = list_append(m.l, :l), old = n \
             REMOVE gone ADD n :one, born :one, set :b DELETE only :b",
        );
        let after = after.expect("an item");
        assert_eq!(
            (&after["fresh"]["N"], &after["n"]["N"], &after["born"]["N"]),
            (&json!("1"), &json!("5"), &json!("1"))
        );
        assert_eq!(after["old"]["N"], "4", "right sides are read from the item as it was");
        assert_eq!(
            after["m"],
            json!({ "M": { "k": { "S": "s" }, "l": { "L": [{ "S": "a" }, { "S": "z" }] } } })
        );
        assert_eq!(after["set"]["SS"], json!(["a", "b"]));
        assert_eq!(after.get("only"), None, "an emptied set is gone");
        assert_eq!(changed("REMOVE m.l[0], n").expect("an item")["m"]["M"]["l"], json!({ "L": [] }));
    }

    #[test]
    fn what_dynamodb_refuses_is_refused() {
        for (text, part) in [
            ("SET a = :one SET b = :one", "can only be used once"),
            ("SET n = :one, n = :zero", "overlap"),
            ("SET m.k = :s REMOVE m", "overlap"),
            ("SET a = gone + :one", "does not exist in the item"),
            ("SET gone.k = :one", "invalid for update"),
            ("SET n = n + :s", "incorrect data type"),
            ("ADD n :s", "Incorrect operand type"),
            ("PUT n = :one", "Syntax error"),
        ] {
            let refusal = changed(text).expect_err(text);
            assert!(refusal.message.contains(part), "{text}: {}", refusal.message);
        }
    }
}
