//! Requests through `dn serve`: how many a second, and how long one takes.
//!
//! Without throttles, in this process, with a real function; what is deployed is a value of the bench. One call of the
//! function without a gateway and HTTP in front of it is measured beside, so that the difference is what serving adds:
//!
//! ```sh
//! cargo dn build --release-mode
//! cargo bench --workspace --bench through -- target/lambda/dn_api:dn-api-health
//! ```
//!
//! Against a server that runs, as it was applied. The gateway's throttles hold there, so a method that lets 50
//! through a second is measured at a pace below that, and the most requests a second are those that were answered
//! at all, whatever their status:
//!
//! ```sh
//! cargo dn apply sandbox --yes && cargo dn serve sandbox --port 9000
//! cargo bench --workspace --bench through -- 127.0.0.1:9002 /dev/outreach/health
//! ```

use std::{
    collections::BTreeMap,
    env, thread,
    time::{Duration, Instant},
};

mod client;
mod unthrottled;

use client::Client;

/// One at a time, below the throttle.
const PACED: usize = 300;
const PACE: Duration = Duration::from_millis(25);

/// As fast as they go, side by side.
const CLIENTS: usize = 8;
const FAST: Duration = Duration::from_secs(5);

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match &words[..] {
        // `cargo test` runs benches too, and names nothing to measure.
        [] => {
            println!("SKIPPED: name BINARY:HANDLER, or HOST:PORT and PATH of a route that `dn serve` prints")
        }
        [subject] => unthrottled::measure(subject),
        [host, path] => {
            one_at_a_time(host, path, PACED, PACE);
            side_by_side(host, path);
        }
        _ => panic!("BINARY:HANDLER, or HOST:PORT and PATH"),
    }
}

/// The time that one request takes, and tells it.
fn one_at_a_time(host: &str, path: &str, count: usize, pace: Duration) -> Duration {
    let mut client = Client::connect(host, path);
    assert_eq!(client.get(), 200, "the route answers");
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = Instant::now();
        assert_eq!(client.get(), 200, "below the throttle");
        times.push(begun.elapsed());
        pause(pace.saturating_sub(begun.elapsed()));
    }
    tell("one at a time", &mut times)
}

/// Tells the middle and the slow ones; returns the middle.
fn tell(what: &str, times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    let at = |per_cent: usize| times[(times.len() - 1) * per_cent / 100];
    let ms = |time: Duration| time.as_secs_f64() * 1000.0;
    println!("{what}: {:.3} ms (p95 {:.3}, p99 {:.3})", ms(at(50)), ms(at(95)), ms(at(99)));
    at(50)
}

fn side_by_side(host: &str, path: &str) {
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let mut client = Client::connect(host, path);
            thread::spawn(move || {
                let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
                while begun.elapsed() < FAST {
                    *statuses.entry(client.get()).or_default() += 1;
                }
                statuses
            })
        })
        .collect();
    let mut all: BTreeMap<u16, usize> = BTreeMap::new();
    for client in clients {
        for (status, count) in client.join().expect("a client") {
            *all.entry(status).or_default() += count;
        }
    }
    let rate = |count: usize| count as f64 / begun.elapsed().as_secs_f64();
    let shown: Vec<String> =
        all.iter().map(|(status, count)| format!("{:.0} a second with {status}", rate(*count))).collect();
    println!("{CLIENTS} clients: {}", shown.join(", "));
}

#[expect(clippy::disallowed_methods, reason = "a bench that keeps below a throttle has to wait")]
fn pause(time: Duration) {
    thread::sleep(time);
}
