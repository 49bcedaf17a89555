//! One JSON line an event, on standard output, where Lambda takes it from.
//!
//! Lines carry request ids, routes, statuses and durations. Bodies, addresses and tokens are never given to a log:
//! what tells one person from another is a keyed hash (A33).

use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Sends the lines of `tracing` to standard output as JSON. Levels follow `AWS_LAMBDA_LOG_LEVEL`.
pub fn begin() {
    let level = std::env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_else(|_| "INFO".to_owned());
    let level: LevelFilter = level.parse().unwrap_or(LevelFilter::INFO);
    let quiet = level.min(LevelFilter::WARN);
    let filter = Targets::new().with_default(level).with_targets(
        ["lambda_runtime", "hyper", "hyper_util", "rustls", "aws_smithy_runtime"].map(|of| (of, quiet)),
    );
    let lines = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_target(false)
        .without_time()
        .with_max_level(LevelFilter::TRACE)
        .finish();
    // A second start in one process is a test's: the first one's sink stays.
    let _ = lines.with(filter).try_init();
}
