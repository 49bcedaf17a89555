//! How many links one core signs in a second. `runtime/signing/benches/compare.sh` runs it beside botocore and the
//! JavaScript signer.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use signing::{Algorithm, Pair, Signer, Url};

const NOW_S: i64 = 1_767_204_000;

fn links(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("links");
    group.throughput(Throughput::Elements(1));
    for (name, algorithm) in [("ecdsa-p256", Algorithm::Ecdsa), ("rsa-2048", Algorithm::Rsa)] {
        let pair = Pair::generate(algorithm).expect("a pair");
        let signer = Signer::new(&pair.document("K2JCJMDEHXQW5F")).expect("a signer");
        let parts = ["finance", "reports", "2025-10", "DN-10234 distro report.csv"];
        let url = Url::of("d111111abcdef8.cloudfront.net", parts).expect("an address");
        let link = signer.link(&url, NOW_S + 86_400, NOW_S).expect("a link");
        println!("{name}: {} bytes a link", link.len());
        let mut number = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                number = (number + 1) % 86_400;
                black_box(signer.link(black_box(&url), NOW_S + 1 + number, NOW_S))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, links);
criterion_main!(benches);
