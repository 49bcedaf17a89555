//! `dn serve`: the deployed APIs of an embedded account on the loopback, running the real Lambda binaries.
//!
//! What is served is read from the account, as it was applied, and read again when it changes. Nothing here prints,
//! and only [`server`] and [`runtime`] do I/O; what they decide by are functions over plain data.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`deployed`] | what is deployed, as plain data |
//! | [`gateway`] | API Gateway v1: requests to events, answers to HTTP, keys and throttles |
//! | [`runtime`] | functions as processes that speak the Lambda Runtime API |
//! | [`deliveries`] | schedules, queues and topics |
//! | [`view`] | what is deployed, read again when it changes |
//! | [`live`] | where it is read from: the embedded account |
//! | [`server`], [`http_server`] | everything together, on ports of the loopback |
//! | [`endpoint`] | the account over HTTP, for `AWS_ENDPOINT_URL` |
//! | [`news`] | what happens meanwhile, for whoever shows it |

pub mod deliveries;
pub mod deployed;
pub mod endpoint;
pub mod gateway;
pub mod http_server;
pub mod live;
pub mod news;
pub mod runtime;
pub mod server;
pub mod view;
