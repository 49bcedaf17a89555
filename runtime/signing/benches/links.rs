//! How many links one core signs in a second, and how long they are.
//!
//! `runtime/signing/benches/compare.sh` runs the second half beside botocore and the JavaScript signer, with the same
//! keys and addresses, by processor time: what else the machine does then does not count.

use std::hint::black_box;

use contract::signing::SigningKey;
use criterion::{Criterion, Throughput};
use signing::{Signer, Url};

const NOW_S: i64 = 1_767_204_000;
const ROUNDS: u32 = 5;
const KEYS: [(&str, &str, i64); 2] = [
    ("ecdsa-p256", include_str!("../tests/vectors/test-ecdsa-key.pem"), 4_000),
    ("rsa-2048", include_str!("../tests/vectors/aws-cli-key-pkcs8.pem"), 400),
];

fn signer(pem: &str) -> Signer {
    let document = SigningKey { key_id: "K2JCJMDEHXQW5F".to_owned(), private_key: pem.to_owned() };
    Signer::new(&document).expect("a signer")
}

fn url() -> Url {
    let parts = ["finance", "reports", "2025-10", "DN-10234 distro report.csv"];
    Url::of("d111111abcdef8.cloudfront.net", parts).expect("an address")
}

fn links(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("links");
    group.throughput(Throughput::Elements(1));
    for (name, pem, _) in KEYS {
        let (signer, url, mut number) = (signer(pem), url(), 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number = (number + 1) % 86_400;
                black_box(signer.link(black_box(&url), NOW_S + 1 + number, NOW_S))
            });
        });
    }
    group.finish();
}

/// Nanoseconds that this process has had a processor for.
fn processor_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// The best of some rounds, in links per second of processor time.
fn compared() {
    for (name, pem, count) in KEYS {
        let (signer, url) = (signer(pem), url());
        let bytes = signer.link(&url, NOW_S + 86_400, NOW_S).expect("a link").len();
        let round = || {
            let begun = processor_ns();
            for number in 0..count {
                black_box(signer.link(black_box(&url), NOW_S + 1 + number, NOW_S).expect("a link"));
            }
            count as f64 * 1e9 / (processor_ns() - begun).max(1) as f64
        };
        let best = (0..ROUNDS).map(|_| round()).fold(0.0, f64::max);
        println!("ours            {name:<11} {best:>8.0} links/s of one core  {bytes} bytes a link  SHA-256");
    }
}

fn main() {
    if std::env::var_os("COMPARE").is_some() {
        return compared();
    }
    let mut criterion = Criterion::default().configure_from_args();
    links(&mut criterion);
    criterion.final_summary();
}
