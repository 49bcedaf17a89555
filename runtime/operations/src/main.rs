//! What looks after the environment while nobody does: the nightly comparison of what is live with what was applied.
//!
//! The one service that uses crates of the controller: it compares with the same stacks, kinds and engine as `dn`
//! does, holding a `Reader`, which cannot write, under a role that may not.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`nightly`] | reads what was applied, looks, keeps the report, tells what is new |
//! | [`report`] | what is kept, and whether it is news |

use std::process::ExitCode;

use contract::function::Drift;

mod nightly;
mod report;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::run([support::event::<Drift, _, _, _, _>(nightly::handle)]).await
}
