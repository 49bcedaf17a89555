//! Prints the figures of the whole stage. Nothing is timed on this machine's clock, so one run is enough.

#![expect(dead_code, reason = "the tests use more of the stage than the figures do")]

#[path = "../src/figures.rs"]
mod figures;
#[path = "../src/stage.rs"]
mod stage;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        print!("{}{}", figures::looking().await, figures::making().await);
    });
}
