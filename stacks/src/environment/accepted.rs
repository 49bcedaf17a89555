//! Differences from what is declared that people know of, each with a reason and a last day.

use model::{Address, address::AddressError, drift};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A difference that `drift` leaves out until its last day is over. A plan still shows it, and an apply puts it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// The resource: `outreach/rest api/outreach`.
    pub address: String,
    /// The field as `drift` names it, or the part before its first dot.
    pub field: Sentence,
    /// Why it is as it is, for whoever reads the report.
    pub reason: Sentence,
    /// The last day on which it is accepted, in UTC: `2026-03-31`.
    pub until: Day,
}

impl Accepted {
    /// The same with its address read.
    ///
    /// # Errors
    /// When the address is none.
    pub fn read(&self) -> Result<drift::Accepted, AddressError> {
        let address: Address = self.address.parse()?;
        let (field, reason) = (self.field.0.clone(), self.reason.0.clone());
        Ok(drift::Accepted { address, field, reason, until: self.until.0.clone() })
    }
}

/// A text that says something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Sentence(#[schemars(length(min = 1))] String);

impl TryFrom<String> for Sentence {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() { Err("is empty: say something") } else { Ok(Self(text)) }
    }
}

impl From<Sentence> for String {
    fn from(sentence: Sentence) -> Self {
        sentence.0
    }
}

/// A day of the calendar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct Day(#[schemars(regex(pattern = r"^\d{4}-\d{2}-\d{2}$"))] String);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if drift::accepted::is_day(&text) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no day: expected one such as 2026-03-31"))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0
    }
}
