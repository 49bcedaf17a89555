//! Releases: which code a stage runs, how it gets there without being built again, and how it goes back.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`manifest`] | digests, revision, contracts and tools of one release; its name is the digest of its bytes |
//! | [`store`] | manifests and artefacts in control buckets: written once, read with their digests checked |
//! | [`live`] | what the aliases of a stage serve, and the release that it is |
//! | [`needs`] | whether a stage sets every variable that the code of a release reads |
//! | [`pin`] | the one line of an environment that says which release it runs |
//! | [`difference`] | the steps of a plan that change code, and those that change configuration |
//!
//! A promotion is nothing but a new line in a file and a plan: whoever is interrupted runs it again. What is written
//! before the plan is written once, under its digest.

pub mod difference;
pub mod live;
pub mod manifest;
pub mod needs;
pub mod pin;
pub mod store;

pub use difference::Difference;
pub use live::Serving;
pub use manifest::{Manifest, Revision};
pub use store::Kept;
