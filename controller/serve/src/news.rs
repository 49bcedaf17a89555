//! What happens while serving, for whoever shows it: this crate prints nothing itself.

use std::sync::Arc;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// An API has an address now.
    Serving {
        api: String,
        /// With the stage: `http://127.0.0.1:9000/sandbox`.
        url: String,
        /// Methods and paths, ready to be called: `GET`, `/outreach/health`.
        routes: Vec<Route>,
    },
    /// The account has an address, for `AWS_ENDPOINT_URL`.
    Account { url: String },
    /// A function printed a line.
    Line { function: String, text: String },
    /// A request was answered.
    Request {
        method: String,
        /// Without the query: that may hold what nobody must read.
        path: String,
        status: u16,
        took_ms: u64,
        /// Of the function that was called.
        function: Option<String>,
        /// What went wrong, where the client is not told.
        why: Option<String>,
    },
    /// An event was brought to a function.
    Delivered {
        /// `schedule nightly`, `queue events`.
        from: String,
        function: String,
        failed: Option<String>,
    },
    /// Something that a person must know.
    Trouble(String),
}

/// A route, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub method: String,
    pub path: String,
    pub key_required: bool,
}

/// Takes the news.
pub type Sink = Arc<dyn Fn(News) + Send + Sync>;
