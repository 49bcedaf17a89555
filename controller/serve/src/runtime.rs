//! Functions as processes that speak the Lambda Runtime API.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`pool`] | who runs what, who waits, who is stopped: a state machine without processes |
//! | [`api`] | one process's side of the Runtime API, as requests and answers |
//! | [`code`] | unpacked artefacts by digest |
//! | [`process`] | a child process, its environment and what it prints |
//! | [`driver`] | carries out what the pool decides |
//! | [`failure`] | the payloads of functions that failed, as Lambda writes them |

pub mod api;
pub mod code;
pub mod driver;
pub mod failure;
pub mod pool;
pub mod process;

pub use driver::{Functions, Settings};
