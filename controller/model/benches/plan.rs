//! `plan`, pure: growth over the number of resources, and peak memory.
//!
//! `cargo bench -p model` prints the median time at 1,000, 10,000 and 100,000 resources, its ratio to n log n, and
//! the bytes that were allocated at the most.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use model::{
    Address, Declared, Fields, Found, Selection, Snapshot, Target, Text,
    policy::{Policy, Statement},
};

/// Counts what is allocated, and the most that was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "an allocator can only be wrapped this way, and this is a bench")]
// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(now, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Resources as a company has them: a role for every function, a policy that names what it uses, alarms on top. A
/// third is absent, a third differs in one field, a third is as declared.
fn environment(count: usize) -> (Vec<Declared>, Snapshot) {
    let address = |number: usize| {
        let kind = ["table", "role", "function", "alarm"][number % 4];
        Address::new(&format!("stack{}", number % 50), kind, &format!("r{number}")).expect("an address")
    };
    let mut declared = Vec::with_capacity(count);
    let mut snapshot = Snapshot::default();
    for number in 0..count {
        let mut fields = Fields::default();
        fields.field("memory", &(number % 8 * 128));
        fields.field("name", &format!("resource {number}"));
        let uses: Vec<String> = (1..=3)
            .filter(|back| number >= back * 7)
            .map(|back| Text::of(&address(number - back * 7), "arn").to_string())
            .collect();
        fields.field(
            "policy",
            &Policy::new([Statement::allow(["dynamodb:GetItem", "dynamodb:PutItem"], uses)]),
        );
        let at = address(number);
        let known = [("arn".to_owned(), format!("arn:aws:x:us-east-1:1:{number}"))].into();
        let (physical, tags) =
            (format!("dn-dev-r{number}"), Some([("dn:address".to_owned(), at.to_string())].into()));
        let one = Declared::new(at.clone(), physical.clone(), fields, tags, known);
        if number % 3 != 0 {
            let mut live = one.fields.clone().resolve(&|reference| {
                let index: usize = reference.address.name()[1..].parse().ok()?;
                Some(format!("arn:aws:x:us-east-1:1:{index}"))
            });
            if number % 3 == 1 {
                live.field("extra", &1);
            }
            let (outputs, tags) = (one.known.clone(), one.tags.clone());
            snapshot.found.insert(at, Found { physical, fields: live, tags, outputs, ..Found::default() });
        }
        declared.push(one);
    }
    (declared, snapshot)
}

fn decide(declared: &[Declared], snapshot: &Snapshot) -> model::Plan {
    let target = Target { stage: "dev".into(), account: "1".into(), region: "us-east-1".into() };
    model::plan(target, declared, snapshot, &Selection::default()).expect("no circle")
}

fn growth(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for count in [1_000, 10_000, 100_000] {
        let (declared, snapshot) = environment(count);
        let held = NOW.load(Ordering::Relaxed);
        PEAK.store(held, Ordering::Relaxed);
        let plan = decide(&declared, &snapshot);
        let peak = PEAK.load(Ordering::Relaxed) - held;
        println!(
            "{count} resources: {} steps, input {} MB, peak of planning {} MB",
            plan.steps.len(),
            held / 1_000_000,
            peak / 1_000_000
        );
        drop(plan);
        group.bench_with_input(BenchmarkId::from_parameter(count), &count, |bencher, _| {
            bencher.iter(|| black_box(decide(&declared, &snapshot)));
        });
    }
    group.finish();
}

criterion_group!(benches, growth);
criterion_main!(benches);
