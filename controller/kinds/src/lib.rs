//! One file per resource kind in [`kinds`], and the list [`KINDS`]. The only crate that knows the AWS SDK.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`resource`] | the trait that a kind implements |
//! | [`aws`] | the doorway to AWS: names, clients, paced and journalled calls, one list call for many resources |
//! | [`bound`] | the one place where a resource's type is forgotten |
//! | [`specs`] | what is declared, typed again kind by kind |
//! | [`quotas`] | AWS's quotas, reckoned over what is declared |
//! | [`objects`] | objects in a bucket, written once or by compare-and-swap |
//! | [`reads`] | what a role needs that may look at everything and change nothing |
//! | [`kinds`] | table, queue, topic … each with the AWS surprises it meets |
//!
//! A new kind is one file in `kinds/` and two lines in `kinds.rs`; a test compares the folder with the list.

pub mod aws;
pub mod bound;
pub mod estate;
pub mod kinds;
pub mod objects;
pub mod quotas;
pub mod reads;
pub mod resource;
pub mod specs;

pub use aws::{Clients, Names, Place, Reader, Scope, Writer};
pub use bound::{Handle, Kind, World};
pub use estate::{Managing, Watching};
pub use kinds::KINDS;
pub use objects::Objects;
pub use resource::{Live, Resource};
