//! The words of expressions, and what they stand for: `#day`, `:day`, `tags[0].name`.

use std::{cell::RefCell, collections::BTreeSet};

use serde_json::Value;

use super::invalid;
use crate::services::Refusal;

/// Reserved words that rows are likely to use as names; DynamoDB has some 570.
const RESERVED: &[&str] = &[
    "action",
    "all",
    "bucket",
    "comment",
    "condition",
    "connection",
    "count",
    "counter",
    "data",
    "date",
    "day",
    "domain",
    "duration",
    "end",
    "error",
    "exists",
    "file",
    "filter",
    "format",
    "function",
    "group",
    "hash",
    "hour",
    "index",
    "items",
    "key",
    "keys",
    "language",
    "level",
    "limit",
    "list",
    "location",
    "method",
    "minute",
    "month",
    "name",
    "names",
    "number",
    "offset",
    "order",
    "owner",
    "parameters",
    "path",
    "percent",
    "range",
    "region",
    "result",
    "role",
    "second",
    "size",
    "source",
    "start",
    "state",
    "status",
    "subject",
    "text",
    "time",
    "timestamp",
    "token",
    "total",
    "ttl",
    "type",
    "url",
    "user",
    "users",
    "uuid",
    "value",
    "values",
    "views",
    "year",
    "zone",
];

/// The names and values of a request, and which of them its expressions have used.
pub(super) struct Given<'v> {
    names: &'v Value,
    values: &'v Value,
    used: RefCell<BTreeSet<String>>,
}

impl<'v> Given<'v> {
    pub(super) fn of(input: &'v Value) -> Self {
        let (names, values) = (&input["ExpressionAttributeNames"], &input["ExpressionAttributeValues"]);
        Self { names, values, used: RefCell::default() }
    }

    pub(super) fn name(&self, token: &str) -> Result<String, Refusal> {
        if !token.starts_with('#') {
            if RESERVED.contains(&token.to_ascii_lowercase().as_str()) {
                let rule = "Attribute name is a reserved keyword; reserved keyword";
                return Err(broken(format!("{rule}: {token}")));
            }
            return Ok(token.to_owned());
        }
        self.used.borrow_mut().insert(token.to_owned());
        let name = self.names[token].as_str();
        name.map(str::to_owned).ok_or_else(|| {
            broken(format!("An expression attribute name used in the document path is not defined: {token}"))
        })
    }

    pub(super) fn value(&self, token: &str) -> Result<Value, Refusal> {
        self.used.borrow_mut().insert(token.to_owned());
        self.values.get(token).cloned().ok_or_else(|| {
            broken(format!("An expression attribute value used in expression is not defined: {token}"))
        })
    }

    /// Refuses names and values that no expression used, as DynamoDB does.
    pub(super) fn check_used(&self) -> Result<(), Refusal> {
        for (given, what) in [(self.names, "Names"), (self.values, "Values")] {
            for token in given.as_object().into_iter().flatten().map(|(token, _)| token) {
                if !self.used.borrow().contains(token) {
                    let message =
                        format!("Value provided in ExpressionAttribute{what} unused in expressions");
                    return Err(invalid(format!("{message}: keys: {{{token}}}")));
                }
            }
        }
        Ok(())
    }
}

pub(super) fn broken(message: impl std::fmt::Display) -> Refusal {
    invalid(format!("Invalid expression: {message}"))
}

/// An expression cut into words; read from front to back.
pub(super) struct Tokens<'g, 'v> {
    tokens: Vec<String>,
    at: usize,
    pub(super) given: &'g Given<'v>,
}

impl<'g, 'v> Tokens<'g, 'v> {
    pub(super) fn cut(text: &str, given: &'g Given<'v>) -> Result<Self, Refusal> {
        let mut tokens = Vec::new();
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let word = |c: char| c.is_ascii_alphanumeric() || "_#:".contains(c);
            let length = if word(first) {
                rest.find(|c| !word(c)).unwrap_or(rest.len())
            } else if ["<>", "<=", ">="].iter().any(|two| rest.starts_with(two)) {
                2
            } else if "()=<>,.[]+-".contains(first) {
                1
            } else {
                return Err(broken(format!("Syntax error; token: \"{first}\"")));
            };
            tokens.push(rest[..length].to_owned());
            rest = rest[length..].trim_start();
        }
        Ok(Self { tokens, at: 0, given })
    }

    pub(super) fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    pub(super) fn is_keyword(&self, word: &str) -> bool {
        self.peek().eq_ignore_ascii_case(word)
    }

    pub(super) fn next(&mut self) -> String {
        let token = self.peek().to_owned();
        self.at += 1;
        token
    }

    pub(super) fn take(&mut self, word: &str) -> bool {
        let there = self.is_keyword(word);
        self.at += usize::from(there);
        there
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), Refusal> {
        if self.take(word) {
            return Ok(());
        }
        Err(broken(format!("Syntax error; token: \"{}\", expected: {word}", self.peek())))
    }

    pub(super) fn is_function(&self) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|next| next == "(")
    }

    pub(super) fn path(&mut self) -> Result<Path, Refusal> {
        let token = self.next();
        let mut path = vec![Step::Member(self.given.name(&token)?)];
        loop {
            if self.take(".") {
                let token = self.next();
                path.push(Step::Member(self.given.name(&token)?));
            } else if self.take("[") {
                let index = self.next();
                path.push(Step::Index(index.parse().map_err(|_| broken("an index is a number"))?));
                self.expect("]")?;
            } else {
                return Ok(path);
            }
        }
    }

    pub(super) fn end(&self) -> Result<(), Refusal> {
        if self.at >= self.tokens.len() {
            return Ok(());
        }
        Err(broken(format!("Syntax error; token: \"{}\"", self.peek())))
    }
}

/// One step into an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Member(String),
    Index(usize),
}

pub(super) type Path = Vec<Step>;

/// What a path leads to.
pub(super) fn at<'i>(item: &'i Value, path: &[Step]) -> Option<&'i Value> {
    let mut steps = path.iter();
    let Some(Step::Member(first)) = steps.next() else { return None };
    let mut value = item.get(first)?;
    for step in steps {
        value = match step {
            Step::Member(name) => value.get("M")?.get(name)?,
            Step::Index(index) => value.get("L")?.get(index)?,
        };
    }
    Some(value)
}
