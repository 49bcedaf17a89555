//! The proxy of the CRM: users and payouts.

use std::process::ExitCode;

use contract::function::DnApiHealth;
use support::health;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::run([health::entry::<DnApiHealth>()]).await
}
