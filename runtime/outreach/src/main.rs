//! The outreach API: campaigns and newsletters.

use std::process::ExitCode;

use contract::function::OutreachHealth;
use support::health;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::run([health::entry::<OutreachHealth>()]).await
}
