//! A KMS key.
pub struct Key;
