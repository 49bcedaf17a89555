//! The embedded account: a simulated AWS account below the SDK.
//!
//! The real kinds, the real engine and the real SDK clients run against it; only the HTTP connection is replaced.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`account`] | an account to plug into the SDK, to fork, and to ask what was called |
//! | `trail` | who changed what, as CloudTrail tells it |
//! | `blobs` | bodies that are too large for a document, by digest |
//! | [`store`] | documents in memory and, where asked for, in an append-only file shared by processes |
//! | [`clock`] | wall time, or virtual time that a simulation advances |
//! | [`mail`] | what was sent, and what happens to mail outside AWS |
//! | [`weather`] | latency, published rates, states that take time, windows of "not found" |
//! | [`trouble`] | failure, lost answers, death and foreign hands at a chosen call |
//! | [`wire`] | the protocols: JSON, query and XML, CBOR, REST |
//! | [`services`] | what AWS keeps and what it refuses, one file a service |
//!
//! It keeps every field that the kinds write and refuses what AWS refuses. It is no place for secrets: its file
//! holds everything in clear.

pub mod account;
mod blobs;
pub mod clock;
pub mod mail;
mod services;
pub mod store;
mod trail;
pub mod trouble;
pub mod weather;
mod wire;

pub use account::{Account, Served};
pub use clock::Clock;
pub use mail::SentMail;
pub use services::{
    DeployedApi, DeployedFunction, DeployedRoute, EventSource, GatewayAnswer, Limit, Notification, Refusal,
    Schedule, Usage, Validator, World,
};
pub use trouble::{Trouble, What, When};
pub use weather::Weather;
