//! What the deployed code and the stacks agree on, declared once.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`stream`] | the two streams of mail, whose names are the topics that people unsubscribe from |
//! | [`table`] | the keys, indexes and expiry of every table |
//!
//! Nothing here is heavier than serde: every function and every stack compiles it.

pub mod stream;
pub mod table;
