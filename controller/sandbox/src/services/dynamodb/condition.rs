//! Conditions, key conditions and filters: `#day = :day AND (size(tags) > :n OR NOT begins_with(a, :b))`.

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    expression::{Given, Path, Step, Tokens, at, broken},
    values,
};
use crate::services::Refusal;

/// A condition on an item.
#[derive(Clone, Debug)]
pub(super) enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Compare(Operand, Comparison, Operand),
    Between(Operand, Operand, Operand),
    In(Operand, Vec<Operand>),
    Exists(Path),
    IsType(Path, Operand),
    BeginsWith(Operand, Operand),
    Contains(Operand, Operand),
}

#[derive(Clone, Debug)]
pub(super) enum Operand {
    Path(Path),
    Size(Path),
    Value(Value),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    Other,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
}

impl Condition {
    /// Reads a whole expression.
    pub(super) fn parse(text: &str, given: &Given<'_>) -> Result<Self, Refusal> {
        let mut tokens = Tokens::cut(text, given)?;
        let condition = any(&mut tokens)?;
        tokens.end()?;
        Ok(condition)
    }

    /// Whether it holds for an item; null is an item that is not there.
    pub(super) fn holds(&self, item: &Value) -> bool {
        let of = |operand: &Operand| operand.of(item);
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(item)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(item)),
            Self::Not(part) => !part.holds(item),
            Self::Exists(path) => at(item, path).is_some(),
            Self::IsType(path, of_type) => at(item, path).is_some_and(|value| {
                let wanted = of_type.of(item);
                wanted.is_some_and(|wanted| value.get(wanted["S"].as_str().unwrap_or_default()).is_some())
            }),
            Self::Compare(left, comparison, right) => match (of(left), of(right)) {
                (Some(left), Some(right)) => comparison.holds(&left, &right),
                // What is absent equals nothing, and differs from everything.
                (left, right) => *comparison == Comparison::Other && left.is_some() != right.is_some(),
            },
            Self::Between(value, low, high) => match (of(value), of(low), of(high)) {
                (Some(value), Some(low), Some(high)) => {
                    Comparison::MoreOrEqual.holds(&value, &low)
                        && Comparison::LessOrEqual.holds(&value, &high)
                }
                _ => false,
            },
            Self::In(value, list) => {
                let Some(value) = of(value) else { return false };
                list.iter().filter_map(of).any(|one| Comparison::Equal.holds(&value, &one))
            }
            Self::BeginsWith(value, start) => match (of(value), of(start)) {
                (Some(value), Some(start)) => {
                    let (value, start) = (value["S"].as_str(), start["S"].as_str());
                    value.zip(start).is_some_and(|(value, start)| value.starts_with(start))
                }
                _ => false,
            },
            Self::Contains(value, part) => match (of(value), of(part)) {
                (Some(value), Some(part)) => values::contains(&value, &part),
                _ => false,
            },
        }
    }

    /// Reads a key condition: equality of the hash, and at most one comparison of the range.
    pub(super) fn of_keys(
        text: &str,
        given: &Given<'_>,
        hash: &str,
        range: Option<&str>,
    ) -> Result<Self, Refusal> {
        let condition = Self::parse(text, given)?;
        let parts = match condition.clone() {
            Self::All(parts) => parts,
            one => vec![one],
        };
        let is = |operand: &Operand, name: &str| match operand {
            Operand::Path(path) => *path == [Step::Member(name.to_owned())],
            _ => false,
        };
        let on_hash = |part: &Self| match part {
            Self::Compare(left, Comparison::Equal, Operand::Value(_)) => is(left, hash),
            _ => false,
        };
        let on_range = |part: &Self| match part {
            Self::Compare(left, comparison, Operand::Value(_)) => {
                *comparison != Comparison::Other && range.is_some_and(|range| is(left, range))
            }
            Self::Between(left, ..) | Self::BeginsWith(left, _) => range.is_some_and(|range| is(left, range)),
            _ => false,
        };
        let hashes = parts.iter().filter(|part| on_hash(part)).count();
        if hashes != 1 {
            return Err(super::invalid(format!("Query condition missed key schema element: {hash}")));
        }
        if parts.len() > 2 || parts.iter().filter(|part| on_range(part)).count() != parts.len() - 1 {
            return Err(super::invalid("Query key condition not supported"));
        }
        Ok(condition)
    }
}

impl Operand {
    fn of(&self, item: &Value) -> Option<Value> {
        match self {
            Self::Path(path) => at(item, path).cloned(),
            Self::Size(path) => at(item, path).and_then(values::size),
            Self::Value(value) => Some(value.clone()),
        }
    }

    fn parse(tokens: &mut Tokens<'_, '_>) -> Result<Self, Refusal> {
        if tokens.is_keyword("size") && tokens.is_function() {
            tokens.next();
            tokens.expect("(")?;
            let path = tokens.path()?;
            tokens.expect(")")?;
            return Ok(Self::Size(path));
        }
        if tokens.peek().starts_with(':') {
            let token = tokens.next();
            return Ok(Self::Value(tokens.given.value(&token)?));
        }
        Ok(Self::Path(tokens.path()?))
    }
}

impl Comparison {
    fn named(token: &str) -> Option<Self> {
        Some(match token {
            "=" => Self::Equal,
            "<>" => Self::Other,
            "<" => Self::Less,
            "<=" => Self::LessOrEqual,
            ">" => Self::More,
            ">=" => Self::MoreOrEqual,
            _ => return None,
        })
    }

    fn holds(self, left: &Value, right: &Value) -> bool {
        let order = values::compare(left, right);
        match self {
            Self::Equal => values::equal(left, right),
            Self::Other => !values::equal(left, right),
            Self::Less => order == Some(Ordering::Less),
            Self::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            Self::More => order == Some(Ordering::Greater),
            Self::MoreOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        }
    }
}

fn any(tokens: &mut Tokens<'_, '_>) -> Result<Condition, Refusal> {
    let mut parts = vec![all(tokens)?];
    while tokens.take("OR") {
        parts.push(all(tokens)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
}

fn all(tokens: &mut Tokens<'_, '_>) -> Result<Condition, Refusal> {
    let mut parts = vec![not(tokens)?];
    while tokens.take("AND") {
        parts.push(not(tokens)?);
    }
    Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
}

fn not(tokens: &mut Tokens<'_, '_>) -> Result<Condition, Refusal> {
    if tokens.take("NOT") {
        return Ok(Condition::Not(Box::new(not(tokens)?)));
    }
    if tokens.take("(") {
        let inside = any(tokens)?;
        tokens.expect(")")?;
        return Ok(inside);
    }
    if tokens.is_function() && !tokens.is_keyword("size") {
        return function(tokens);
    }
    let left = Operand::parse(tokens)?;
    if tokens.take("BETWEEN") {
        let low = Operand::parse(tokens)?;
        tokens.expect("AND")?;
        return Ok(Condition::Between(left, low, Operand::parse(tokens)?));
    }
    if tokens.take("IN") {
        tokens.expect("(")?;
        let mut list = vec![Operand::parse(tokens)?];
        while tokens.take(",") {
            list.push(Operand::parse(tokens)?);
        }
        tokens.expect(")")?;
        return Ok(Condition::In(left, list));
    }
    let token = tokens.next();
    let comparison = Comparison::named(&token);
    let comparison = comparison.ok_or_else(|| broken(format!("Syntax error; token: \"{token}\"")))?;
    Ok(Condition::Compare(left, comparison, Operand::parse(tokens)?))
}

fn function(tokens: &mut Tokens<'_, '_>) -> Result<Condition, Refusal> {
    let name = tokens.next();
    tokens.expect("(")?;
    let condition = match name.as_str() {
        "attribute_exists" => Condition::Exists(tokens.path()?),
        "attribute_not_exists" => Condition::Not(Box::new(Condition::Exists(tokens.path()?))),
        "attribute_type" => {
            let path = tokens.path()?;
            tokens.expect(",")?;
            Condition::IsType(path, Operand::parse(tokens)?)
        }
        "begins_with" | "contains" => {
            let value = Operand::parse(tokens)?;
            tokens.expect(",")?;
            let part = Operand::parse(tokens)?;
            if name == "contains" {
                Condition::Contains(value, part)
            } else {
                Condition::BeginsWith(value, part)
            }
        }
        other => return Err(broken(format!("Invalid function name; function: {other}"))),
    };
    tokens.expect(")")?;
    Ok(condition)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(text: &str) -> bool {
        let input = json!({
            "ExpressionAttributeNames": { "#n": "n" },
            "ExpressionAttributeValues": {
                ":one": { "N": "1.0" }, ":nine": { "N": "9" }, ":ten": { "N": "10" }, ":a": { "S": "a" },
                ":map": { "S": "M" },
            },
        });
        let item = json!({
            "n": { "N": "9.5" }, "one": { "N": "1" }, "word": { "S": "abc" }, "set": { "SS": ["a", "b"] },
            "deep": { "M": { "tail": { "L": [{ "S": "a" }] } } },
        });
        Condition::parse(text, &Given::of(&input)).expect(text).holds(&item)
    }

    #[test]
    fn conditions_hold_as_documented() {
        for text in [
            "one = :one",
            "#n > :nine AND #n < :ten",
            "#n BETWEEN :nine AND :ten AND one = :one",
            "NOT attribute_exists(gone) AND attribute_not_exists(gone)",
            "begins_with(word, :a) AND contains(word, :a) AND contains(#s, :a) OR one = :nine",
            "deep.tail[0] = :a",
            "size(word) < :nine",
            "word IN (:one, :a) OR one IN (:one)",
            "attribute_type(deep, :map)",
            "gone <> :a",
            "one = :nine OR one = :one AND word <> :a",
        ] {
            assert!(holds(&text.replace("#s", "set")), "{text}");
        }
        for text in
            ["gone = :a", "#n = :nine", "NOT (one = :one OR word = :a)", "word < :nine", "deep.tail[1] = :a"]
        {
            assert!(!holds(text), "{text}");
        }
    }

    #[test]
    fn what_dynamodb_refuses_is_refused() {
        let input = json!({ "ExpressionAttributeValues": { ":a": { "S": "a" } } });
        for (text, part) in [
            ("timestamp = :a", "reserved keyword"),
            ("#x = :a", "name used in the document path is not defined"),
            ("one = :b", "value used in expression is not defined"),
            ("one = :a AND", "Syntax error"),
            ("one == :a", "Syntax error"),
            ("is_big(one)", "Invalid function name"),
            ("one = :a)", "Syntax error"),
            ("one ! :a", "Syntax error"),
        ] {
            let refusal = Condition::parse(text, &Given::of(&input)).expect_err(text);
            assert!(refusal.message.contains(part), "{text}: {}", refusal.message);
        }
    }
}
