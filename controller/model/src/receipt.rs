//! What the last apply wrote, kept on the resource itself in the tag `dn:applied`.
//!
//! There is no state file, so nothing else could tell "the spec was edited" from "somebody changed it by hand".
//! A receipt is a list of short hashes, one for each top-level field, in a tag value of at most 256 characters.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Fields, Tags};

/// The tag that holds the receipt.
pub const TAG: &str = "dn:applied";

/// Characters of a tag value that AWS accepts everywhere (EC2 tag rules, the strictest).
const TAG_VALUE_MAX: usize = 256;
const NAME_DIGITS: usize = 3;
const VALUE_DIGITS: usize = 5;

/// The hashes of the fields as they were written.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Receipt(BTreeMap<String, String>);

/// Who a difference comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The live value is what we wrote; the spec has changed since.
    Spec,
    /// The spec is what we wrote; the live value was changed by someone else.
    Outside,
    /// Both moved, or there is no receipt to tell.
    Unknown,
}

impl Receipt {
    /// The receipt of a layout. Rows `index.a`, `index.b` count as one field, `index`.
    #[must_use]
    pub fn of(fields: &Fields) -> Self {
        let mut groups: BTreeMap<&str, Vec<(&str, &Value)>> = BTreeMap::new();
        for row in fields.rows() {
            groups.entry(group(&row.name)).or_default().push((&row.name, &row.value));
        }
        Self(groups.into_iter().map(|(name, rows)| (digits(name, NAME_DIGITS), hash(&rows))).collect())
    }

    /// Reads the tag; anything unreadable is no receipt.
    #[must_use]
    pub fn read(tags: &Tags) -> Option<Self> {
        let text = tags.get(TAG)?;
        let one =
            |chunk: &str| Some((chunk.get(..NAME_DIGITS)?.to_owned(), chunk.get(NAME_DIGITS..)?.to_owned()));
        text.split(' ').map(one).collect::<Option<_>>().map(Self)
    }

    /// The tag's value.
    ///
    /// # Panics
    /// When a kind has more top-level fields than fit: a bug of the kind, found by its laws.
    #[must_use]
    pub fn write(&self) -> String {
        let text = self.0.iter().map(|(name, value)| format!("{name}{value}")).collect::<Vec<_>>().join(" ");
        assert!(text.len() <= TAG_VALUE_MAX, "a receipt of {} fields does not fit a tag", self.0.len());
        text
    }

    /// Tells where a difference in `field` comes from, given both sides as they are now.
    #[must_use]
    pub fn origin(&self, field: &str, want: &Fields, live: &Fields) -> Origin {
        let name = digits(group(field), NAME_DIGITS);
        let written = self.0.get(&name);
        let now = |fields: &Fields| Self::of(fields).0.remove(&name);
        match (written, now(want), now(live)) {
            (Some(written), Some(want), _) if *written == want => Origin::Outside,
            (Some(written), _, Some(live)) if *written == live => Origin::Spec,
            (None, Some(_), None) => Origin::Spec,
            _ => Origin::Unknown,
        }
    }
}

fn group(field: &str) -> &str {
    field.split_once('.').map_or(field, |(group, _)| group)
}

fn hash(rows: &[(&str, &Value)]) -> String {
    let text: String = rows.iter().map(|(name, value)| format!("{name}\0{value}\0")).collect();
    digits(&text, VALUE_DIGITS)
}

/// A short hash in characters that every tag may hold.
fn digits(text: &str, count: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    Sha256::digest(text.as_bytes())[..count]
        .iter()
        .map(|byte| char::from(ALPHABET[usize::from(byte & 63)]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(a: u32, b: u32) -> Fields {
        let mut to = Fields::default();
        to.field("a", &a);
        to.field("b", &b);
        to
    }

    #[test]
    fn tells_an_edited_spec_from_an_edited_resource() {
        let applied = layout(1, 1);
        let tags = Tags::from([(TAG.to_owned(), Receipt::of(&applied).write())]);
        let receipt = Receipt::read(&tags).unwrap();
        assert_eq!(receipt, Receipt::of(&applied));
        assert_eq!(receipt.origin("a", &applied, &layout(2, 1)), Origin::Outside);
        assert_eq!(receipt.origin("b", &layout(1, 7), &applied), Origin::Spec);
        assert_eq!(receipt.origin("a", &layout(3, 1), &layout(2, 1)), Origin::Unknown);
    }

    #[test]
    fn a_broken_tag_is_no_receipt() {
        assert_eq!(Receipt::read(&Tags::from([(TAG.to_owned(), "ä".to_owned())])), None);
        assert_eq!(Receipt::read(&Tags::new()), None);
    }
}
