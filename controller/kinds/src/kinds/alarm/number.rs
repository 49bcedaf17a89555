//! Decimal numbers that are compared by value.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A decimal number, kept as the shortest text that names its double, which is what CloudWatch keeps: `5.0`
/// and `5` are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number(String);

/// Why a text is not a number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a finite decimal number, such as 0.05")]
pub struct NumberError(String);

impl Number {
    /// The double that it names.
    pub(crate) fn value(&self) -> f64 {
        self.0.parse().expect("a number is made of a double")
    }
}

impl TryFrom<f64> for Number {
    type Error = NumberError;

    fn try_from(value: f64) -> Result<Self, NumberError> {
        if !value.is_finite() {
            return Err(NumberError(value.to_string()));
        }
        // Adding zero makes -0 a 0.
        Ok(Self((value + 0.0).to_string()))
    }
}

impl From<i32> for Number {
    fn from(value: i32) -> Self {
        Self(value.to_string())
    }
}

impl FromStr for Number {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let value: f64 = text.parse().map_err(|_| NumberError(text.to_owned()))?;
        Self::try_from(value)
    }
}

impl TryFrom<String> for Number {
    type Error = NumberError;

    fn try_from(text: String) -> Result<Self, NumberError> {
        text.parse()
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_value() {
        for (a, b) in [("5", "5.0"), ("0.05", ".050"), ("-0", "0"), ("1e3", "1000"), ("1e-7", "0.0000001")] {
            assert_eq!(a.parse::<Number>().unwrap(), b.parse::<Number>().unwrap(), "{a} and {b}");
        }
        assert_ne!("0.05".parse::<Number>(), "0.5".parse::<Number>());
        assert_eq!(Number::from(-3), "-3".parse().unwrap());
        assert_eq!("0.1".parse::<Number>().unwrap().value().to_string(), "0.1");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "x", "NaN", "inf", "1,5", "1e999"] {
            assert!(text.parse::<Number>().is_err(), "{text:?} was accepted");
        }
    }
}
