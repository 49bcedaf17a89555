//! One JSON line an event, on standard output, where Lambda takes it from.
//!
//! Lines carry request ids, routes, statuses and durations. Bodies, addresses and tokens are never given to a log:
//! what tells one person from another is a keyed hash (A33).

use tracing_subscriber::EnvFilter;

/// Sends the lines of `tracing` to standard output as JSON. Levels follow `AWS_LAMBDA_LOG_LEVEL`.
pub fn begin() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "INFO".to_owned());
    let filter = EnvFilter::try_new(format!("{level},lambda_runtime=warn,hyper=warn"));
    let filter = filter.unwrap_or_else(|_| EnvFilter::new("info"));
    // A second start in one process is a test's: the first one's sink stays.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_env_filter(filter)
        .try_init();
}
