//! What every function shares: how it starts, what a request and an answer are.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`entry`] | from the process to a handler: picks it by `_HANDLER`, reads its variables, polls the Runtime API |
//! | [`aws`], [`table`] | clients of AWS; tables, usable only as a variable's type allows |
//! | [`health`] | the health endpoint that every API has |
//! | [`request`] | an event of API Gateway as one request, whatever form its parts came in |
//! | [`reply`] | answers and failures in the shapes of the contract, with CORS |
//! | [`auth`], [`limit`], [`idempotency`] | who calls, how often, and whether for the first time |
//! | [`secret`], [`http`] | secrets, fetched once; calls of what is not AWS |
//! | [`address`], [`keyed`] | addresses as RFC 5322 writes them; signatures, and what stands for an address in a log |
//! | [`metric`] | metrics, as lines of the log |
//! | [`time`] | time as an input, and as text |
//! | `stand_in` | for tests: what is not AWS, without a network |
//! | [`log`] | one JSON line an event; nothing of a body or an address |

#![expect(clippy::disallowed_methods, reason = "a function is configured by its environment")]

pub mod address;
pub mod auth;
pub mod aws;
pub mod entry;
pub mod health;
pub mod http;
pub mod idempotency;
pub mod keyed;
pub mod limit;
pub mod log;
pub mod metric;
pub mod reply;
pub mod request;
pub mod secret;
#[cfg(any(test, feature = "stand-in"))]
pub mod stand_in;
pub mod table;
pub mod time;

pub use aws::Aws;
pub use entry::{Call, Entry, Tools, api, event, run};
pub use reply::{Failed, Reply};
pub use request::Request;
pub use time::Clock;
