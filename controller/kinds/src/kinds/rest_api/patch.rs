//! JSON-Patch-like operations, which each resource has its own few of (aws-semantics 1.7).

use aws_sdk_apigateway::types::{Op, PatchOperation};

/// What is to be changed, in one call.
#[derive(Default)]
pub(crate) struct Patch(Vec<PatchOperation>);

impl Patch {
    pub(crate) fn replace(&mut self, path: impl Into<String>, value: impl ToString) {
        self.push(Op::Replace, path, Some(value.to_string()));
    }

    pub(crate) fn add(&mut self, path: impl Into<String>, value: impl ToString) {
        self.push(Op::Add, path, Some(value.to_string()));
    }

    pub(crate) fn remove(&mut self, path: impl Into<String>, value: Option<String>) {
        self.push(Op::Remove, path, value);
    }

    fn push(&mut self, op: Op, path: impl Into<String>, value: Option<String>) {
        self.0.push(PatchOperation::builder().op(op).path(path).set_value(value).build());
    }

    /// `None` when there is nothing to change.
    pub(crate) fn operations(self) -> Option<Vec<PatchOperation>> {
        Some(self.0).filter(|all| !all.is_empty())
    }
}

/// A part of a path: `/` is `~1`.
pub(crate) fn escaped(part: &str) -> String {
    part.replace('~', "~0").replace('/', "~1")
}

/// The other way round.
pub(crate) fn unescaped(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}
