//! Events brought to functions: schedules that are due, queues that have messages, topics that were published to.

use std::sync::Arc;

use tokio::sync::watch;

use crate::server::Server;

/// Delivers until `ending` becomes true.
pub(crate) async fn deliver(_server: Arc<Server>, mut ending: watch::Receiver<bool>) {
    let _ = ending.wait_for(|ending| *ending).await;
}
