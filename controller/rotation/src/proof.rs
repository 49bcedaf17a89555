//! The proof: thousands of random schedules over a simulated control plane, edges that learn late, signers that go on
//! with old keys, wrong and jumping clocks, operators that crash and overlap, and hands that go back a version.
//!
//! After each schedule every link that was ever signed is held against every edge for its whole life. Unsafe variants
//! of the rules and of the decision are run over the same schedules, and each must be caught.

mod schedule;
mod world;

use schedule::{Mutant, Outcome, run};
pub(crate) use world::Dice;

/// Enough for each mutant to be caught many times over, and for a few seconds in a debug build.
const SCHEDULES: u64 = 3_000;

/// Runs the schedules of these seeds and adds up what happened.
fn all(seeds: std::ops::Range<u64>, mutant: Mutant) -> (Outcome, Option<(u64, String)>) {
    let mut total = Outcome::default();
    let mut first = None;
    for seed in seeds {
        let outcome = run(seed, mutant);
        if let (None, Some(violation)) = (&first, outcome.violations.first()) {
            first = Some((seed, violation.clone()));
        }
        total.add(outcome);
    }
    (total, first)
}

#[test]
fn no_unexpired_link_is_ever_refused() {
    let (total, first) = all(0..SCHEDULES, Mutant::None);
    println!(
        "rotation: {SCHEDULES} schedules, {} links, {} rotations, {} steps, {} calls that write, {} crashes, \
         {} races lost, {} violations",
        total.links,
        total.rotations,
        total.steps,
        total.calls,
        total.crashes,
        total.refused,
        total.violations.len()
    );
    assert_eq!(first, None, "seed and violation");
    assert_eq!(total.unfinished, Vec::<u64>::new(), "seeds whose rotation never ended");
    // What the schedules are there for did happen.
    assert!(total.rotations > SCHEDULES && total.crashes > SCHEDULES && total.refused > 100);
    assert!(total.full > 10, "the quota of five keys was met {} times", total.full);
    assert!(total.rollbacks > 100, "{} times somebody went back", total.rollbacks);
}

#[test]
fn unsafe_variants_are_caught() {
    for mutant in Mutant::UNSAFE {
        let mut seeds = 0..SCHEDULES;
        let caught = seeds.find_map(|seed| Some((seed, run(seed, *mutant).violations.first()?.clone())));
        let Some((seed, violation)) = caught else {
            panic!("{mutant:?} broke no link in {SCHEDULES} schedules")
        };
        println!("{mutant:?} is caught by seed {seed}: {violation}");
    }
}

#[test]
fn a_crash_at_any_call_is_gone_on_from() {
    let calm = schedule::calm(None);
    assert_eq!((calm.violations.len(), calm.rotations), (0, 2));
    println!("rotation: {} steps and {} calls for the first key and its successor", calm.steps, calm.calls);
    let mut tried = 0;
    for call in 1..=calm.calls {
        for after in [false, true] {
            let outcome = schedule::calm(Some((call, after)));
            assert_eq!(outcome.violations, Vec::<String>::new(), "call {call}, done: {after}");
            assert_eq!((outcome.crashes, outcome.rotations), (1, 2), "call {call}, done: {after}");
            assert!(outcome.unfinished.is_empty(), "call {call}, done: {after}");
            tried += 1;
        }
    }
    assert!(tried > 20, "{tried}");
}
