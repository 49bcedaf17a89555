//! `stack/kind/name`: the identity of a resource in plans, journals, tags and on the command line.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize, de};

/// Identifies one declared resource; never an AWS id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    stack: String,
    kind: String,
    name: String,
}

/// Why a text is not an address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AddressError {
    #[error("`{0}` is not an address: expected stack/kind/name, such as shared/table/audit")]
    Shape(String),
    #[error("`{text}` is not an address: `{part}` may hold only {allowed}")]
    Part { text: String, part: String, allowed: &'static str },
}

impl Address {
    /// Makes an address of its three parts.
    ///
    /// # Errors
    /// When a part is empty or holds a character that tags and file names could not carry.
    pub fn new(stack: &str, kind: &str, name: &str) -> Result<Self, AddressError> {
        let text = || format!("{stack}/{kind}/{name}");
        let lower = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let check = |part: &str, allowed: &'static str, extra: &[char]| {
            if !part.is_empty() && part.chars().all(|c| lower(c) || extra.contains(&c)) {
                return Ok(());
            }
            Err(AddressError::Part { text: text(), part: part.to_owned(), allowed })
        };
        check(stack, "a-z, 0-9, - and _", &['-', '_'])?;
        check(kind, "a-z, 0-9 and spaces", &[' '])?;
        check(name, "a-z, 0-9, -, _ and .", &['-', '_', '.'])?;
        Ok(Self { stack: stack.to_owned(), kind: kind.to_owned(), name: name.to_owned() })
    }

    pub fn stack(&self) -> &str {
        &self.stack
    }

    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.stack, self.kind, self.name)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let mut parts = text.split('/');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(stack), Some(kind), Some(name), None) => Self::new(stack, kind, name),
            _ => Err(AddressError::Shape(text.to_owned())),
        }
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_and_parses_back() {
        for text in ["shared/table/audit", "outreach/rest api/outreach", "a/log group/x.y_z-1"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn refuses_what_tags_could_not_carry() {
        for text in ["", "a/b", "a/b/c/d", "A/b/c", "a//c", "a/b/ö", "a/b/c*"] {
            assert!(text.parse::<Address>().is_err(), "{text:?} was accepted");
        }
    }
}
