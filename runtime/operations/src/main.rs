//! The functions of operations; `_HANDLER` says which one this process is.

use std::process::ExitCode;

use contract::function::{Drift, Rotate};
use operations::{nightly, rotate};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let drift = support::event::<Drift, _, _, _, _>(nightly::handle);
    let rotate = support::event::<Rotate, _, _, _, _>(rotate::handle);
    support::run([drift, rotate]).await
}
