//! Values of attributes: their order, their arithmetic, their size.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{bad_values, invalid};
use crate::services::Refusal;

/// A decimal number as `mantissa / 10^scale`. DynamoDB keeps 38 digits, which an `i128` holds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    /// Reads `-12.50` and `1e3`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (number, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let exponent: i32 = exponent.parse().ok()?;
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if !fraction.chars().all(|c| c.is_ascii_digit()) || whole.len() + fraction.len() > 39 {
            return None;
        }
        let digits: i128 = format!("{whole}{fraction}").parse().ok()?;
        let scale = i32::try_from(fraction.len()).ok()? - exponent;
        if scale >= 0 {
            return Some(Self { mantissa: digits, scale: scale.try_into().ok()? });
        }
        let shift = 10_i128.checked_pow(scale.unsigned_abs())?;
        Some(Self { mantissa: digits.checked_mul(shift)?, scale: 0 })
    }

    fn scaled(self, scale: u32) -> Option<i128> {
        self.mantissa.checked_mul(10_i128.checked_pow(scale - self.scale)?)
    }

    fn both(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        Some((self.scaled(scale)?, other.scaled(scale)?, scale))
    }

    fn compare(self, other: Self) -> Ordering {
        match self.both(other) {
            Some((left, right, _)) => left.cmp(&right),
            // Too far apart to be written with one scale: the rounded values tell.
            None => self.rounded().total_cmp(&other.rounded()),
        }
    }

    fn rounded(self) -> f64 {
        self.mantissa as f64 / 10_f64.powi(self.scale.try_into().unwrap_or(i32::MAX))
    }

    fn text(self) -> String {
        let digits = self.mantissa.unsigned_abs().to_string();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let scale = self.scale as usize;
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        let fraction = fraction.trim_end_matches('0');
        if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    Decimal::parse(value["N"].as_str()?)
}

/// Whether two values are the same; numbers by what they mean, sets whatever their order.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    let sorted = |value: &Value| {
        let set = ["SS", "NS", "BS"].iter().find_map(|of| value[of].as_array());
        set.map(|set| {
            let mut texts: Vec<String> = set.iter().map(ToString::to_string).collect();
            texts.sort();
            texts
        })
    };
    match (decimal(left), decimal(right), sorted(left), sorted(right)) {
        (Some(left), Some(right), ..) => left.compare(right) == Ordering::Equal,
        (.., Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

/// The order of two texts, numbers or bytes; none between different types.
pub(super) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    if let (Some(left), Some(right)) = (decimal(left), decimal(right)) {
        return Some(left.compare(right));
    }
    let both = |of: &str| Some((left[of].as_str()?, right[of].as_str()?));
    if let Some((left, right)) = both("S") {
        return Some(left.as_bytes().cmp(right.as_bytes()));
    }
    let (left, right) = both("B")?;
    Some(bytes(left).cmp(&bytes(right)))
}

fn bytes(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.decode(text).unwrap_or_default()
}

/// Whether a text holds a part, or a set or list a member.
pub(super) fn contains(value: &Value, part: &Value) -> bool {
    if let (Some(text), Some(part)) = (value["S"].as_str(), part["S"].as_str()) {
        return text.contains(part);
    }
    if let Some(list) = value["L"].as_array() {
        return list.iter().any(|one| equal(one, part));
    }
    [("SS", "S"), ("NS", "N"), ("BS", "B")]
        .iter()
        .any(|(set, of)| value[set].as_array().is_some_and(|set| set.iter().any(|one| *one == part[of])))
}

/// What `size(path)` is.
pub(super) fn size(value: &Value) -> Option<Value> {
    let (of, inside) = value.as_object()?.iter().next()?;
    let size = match (of.as_str(), inside) {
        ("S", Value::String(text)) => text.len(),
        ("B", Value::String(text)) => bytes(text).len(),
        (_, Value::Array(members)) => members.len(),
        (_, Value::Object(members)) => members.len(),
        _ => return None,
    };
    Some(json!({ "N": size.to_string() }))
}

/// The sum or difference of two numbers.
pub(super) fn sum(left: &Value, right: &Value, sign: i128) -> Result<Value, Refusal> {
    let wrong = || invalid("An operand in the update expression has an incorrect data type");
    let (left, right) = (decimal(left).ok_or_else(wrong)?, decimal(right).ok_or_else(wrong)?);
    let (left, right, scale) =
        left.both(right).ok_or_else(|| bad_values("Number overflow. Attempting to store a number"))?;
    Ok(json!({ "N": Decimal { mantissa: left + sign * right, scale }.text() }))
}

/// Refuses what no attribute may be.
pub(super) fn check(value: &Value) -> Result<(), Refusal> {
    let (of, inside) = match value.as_object().map(|members| (members.len(), members.iter().next())) {
        Some((1, Some((of, inside)))) => (of.as_str(), inside),
        _ => return Err(bad_values("Supplied AttributeValue has more than one or no datatypes set")),
    };
    match (of, inside) {
        ("N", Value::String(number)) if Decimal::parse(number).is_none() => {
            Err(bad_values(format!("The parameter cannot be converted to a numeric value: {number}")))
        }
        ("SS" | "NS" | "BS", Value::Array(members)) if members.is_empty() => {
            Err(bad_values("An AttributeValue may not contain an empty set"))
        }
        ("L", Value::Array(members)) => members.iter().try_for_each(check),
        ("M", Value::Object(members)) => members.values().try_for_each(check),
        ("S" | "N" | "B", Value::String(_))
        | ("BOOL" | "NULL", Value::Bool(_))
        | ("SS" | "NS" | "BS", Value::Array(_)) => Ok(()),
        _ => Err(bad_values(
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact() {
        let number = |text: &str| json!({ "N": text });
        let big = "1763769600000.12345678901234567890123";
        assert_eq!(sum(&number("0.1"), &number("0.2"), 1).unwrap(), number("0.3"));
        assert_eq!(sum(&number("5"), &number("7.50"), -1).unwrap(), number("-2.5"));
        assert_eq!(sum(&number(big), &number("0"), 1).unwrap(), number(big));
        assert!(equal(&number("1e2"), &number("100.0")));
        assert_eq!(compare(&number("9"), &number("10")), Some(Ordering::Less));
        assert_eq!(compare(&number("9"), &json!({ "S": "10" })), None);
        assert!(check(&number("one")).is_err() && check(&json!({ "SS": [] })).is_err());
        assert!(check(&json!({ "M": { "a": { "L": [{ "BOOL": true }] } } })).is_ok());
    }
}
