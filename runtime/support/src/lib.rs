//! What every function shares: how it starts, what a request and an answer are.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`entry`] | from the process to a handler: picks it by `_HANDLER`, reads its variables, polls the Runtime API |
//! | [`health`] | the health endpoint that every API has |
//! | [`request`] | an event of API Gateway as one request, whatever form its parts came in |
//! | [`reply`] | answers and failures in the shapes of the contract, with CORS |
//! | [`time`] | time as an input, and as text |
//! | [`log`] | one JSON line an event; nothing of a body or an address |

#![expect(clippy::disallowed_methods, reason = "a function is configured by its environment")]

pub mod entry;
pub mod health;
pub mod log;
pub mod reply;
pub mod request;
pub mod time;

pub use entry::{Call, Entry, api, event, run};
pub use reply::{Failed, Reply};
pub use request::Request;
pub use time::Clock;
