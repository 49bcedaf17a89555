//! Requests through `dn serve`: how many a second, and how long one takes.
//!
//! ```sh
//! cargo dn apply sandbox --yes && cargo dn serve sandbox --port 9000
//! cargo bench --package serve --bench through -- 127.0.0.1:9002 /dev/outreach/health
//! ```
//!
//! Against the time of one invocation that `runtime/outreach/benches/start.rs` measures, this is what serving
//! adds. The gateway's throttles hold here too, so a method that lets 50 through a second is measured at a pace
//! below that, and the most requests a second are those that were answered at all, whatever their status. Needs
//! nothing but the standard library, so that
//! `rustc -O --edition 2024 controller/serve/benches/through.rs` will do.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

/// One at a time, below the throttle.
const PACED: usize = 300;
const PACE: Duration = Duration::from_millis(25);

/// As fast as they go, side by side.
const CLIENTS: usize = 8;
const FAST: Duration = Duration::from_secs(5);

/// A connection that is kept.
struct Client {
    lines: BufReader<TcpStream>,
    ask: String,
}

impl Client {
    fn connect(host: &str, path: &str) -> Self {
        let stream = TcpStream::connect(host).expect("`dn serve` runs there");
        stream.set_nodelay(true).expect("a socket");
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://localhost:3000\r\n\r\n");
        Self { lines: BufReader::new(stream), ask }
    }

    /// The status of one answer.
    fn get(&mut self) -> u16 {
        self.lines.get_mut().write_all(self.ask.as_bytes()).expect("the connection holds");
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("an answer");
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let mut length = 0;
        loop {
            line.clear();
            self.lines.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.lines.read_exact(&mut body).expect("a body");
        status
    }
}

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let [host, path] = &words[..] else { panic!("HOST:PORT and PATH of a route that `dn serve` prints") };
    let mut client = Client::connect(host, path);
    assert_eq!(client.get(), 200, "the route answers");
    let mut times = Vec::new();
    for _ in 0..PACED {
        let begun = Instant::now();
        assert_eq!(client.get(), 200, "below the throttle");
        times.push(begun.elapsed());
        pause(PACE.saturating_sub(begun.elapsed()));
    }
    times.sort_unstable();
    let at = |per_cent: usize| times[(times.len() - 1) * per_cent / 100].as_secs_f64() * 1000.0;
    println!("one at a time: {:.3} ms (p95 {:.3}, p99 {:.3})", at(50), at(95), at(99));

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
