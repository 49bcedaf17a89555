//! JSON-Patch-like operations: which there are differs from resource to resource.

use serde_json::Value;

use super::bad;
use crate::services::{Refusal, text};

/// One operation, its path split and unescaped.
pub(super) struct Operation<'v> {
    pub op: &'v str,
    pub path: Vec<String>,
    /// As it came, for messages.
    pub whole: &'v str,
    pub value: &'v str,
}

/// The operations of an `Update…` call.
pub(super) fn operations(input: &Value) -> Result<Vec<Operation<'_>>, Refusal> {
    let all = input["patchOperations"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter()
        .map(|one| {
            let whole = text(one, "path");
            let path = whole.strip_prefix('/').ok_or_else(|| bad(format!("Invalid patch path {whole}")))?;
            let unescape = |part: &str| part.replace("~1", "/").replace("~0", "~");
            let path = path.split('/').map(unescape).collect();
            Ok(Operation { op: text(one, "op"), path, whole, value: text(one, "value") })
        })
        .collect()
}

impl Operation<'_> {
    /// The refusal of an operation that the resource does not have.
    pub(super) fn refused(&self, allowed: &str) -> Refusal {
        bad(format!(
            "Invalid patch path  '{}' specified for op '{}'. Must be one of: [{allowed}]",
            self.whole, self.op
        ))
    }

    pub(super) fn number(&self) -> Result<f64, Refusal> {
        self.value.parse().map_err(|_| bad(format!("Invalid number {} for {}", self.value, self.whole)))
    }

    pub(super) fn integer(&self) -> Result<i64, Refusal> {
        self.value.parse().map_err(|_| bad(format!("Invalid number {} for {}", self.value, self.whole)))
    }

    pub(super) fn boolean(&self) -> Result<bool, Refusal> {
        self.value.parse().map_err(|_| bad(format!("Invalid boolean {} for {}", self.value, self.whole)))
    }
}
