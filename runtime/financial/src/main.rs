//! The financial API: monthly reports.

use std::process::ExitCode;

use contract::function::FinancialHealth;
use support::health;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::run([health::entry::<FinancialHealth>()]).await
}
