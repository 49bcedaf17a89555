//! The proof: random schedules of operators that crash and overlap, wrong clocks, callers who change over in time and
//! callers who do not. Unsafe variants of the rules and of the decision are run over the same, and each must be caught.

use std::collections::BTreeMap;

use super::{
    DAY_S, Key, Mark, Next, Observed, Rules, Step, Stuck, Wish, in_use, last_full_day, next, tests::rules,
};
use crate::proof::Dice;

const SCHEDULES: u64 = 1_000;
const HOUR_S: i64 = 60 * 60;
const OVERLAP_S: i64 = 14 * DAY_S;
const DISABLED_S: i64 = 7 * DAY_S;
const SKEW_S: i64 = contract::signing::CLOCK_SKEW_S;

/// An unsafe variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mutant {
    None,
    /// Tells of a key that the plan does not admit yet.
    NamesAtOnce,
    /// Disables as soon as there is another key.
    DisablesAtOnce,
    /// Does not ask who still sends the old key.
    IgnoresUse,
    /// Deletes what was just disabled.
    DeletesAtOnce,
    /// Counts the overlap from when the key was made.
    CountsFromTheMaking,
    /// Forgets that clocks are wrong.
    ForgetsSkew,
    /// Does not see that a key was made already.
    MakesAnother,
}

impl Mutant {
    const UNSAFE: &'static [Self] = &[
        Self::NamesAtOnce,
        Self::DisablesAtOnce,
        Self::IgnoresUse,
        Self::DeletesAtOnce,
        Self::CountsFromTheMaking,
        Self::ForgetsSkew,
        Self::MakesAnother,
    ];

    fn next(self, mut seen: Observed, wish: Wish) -> Next {
        let safe = rules();
        let rules = match self {
            Self::DisablesAtOnce => Rules { overlap_s: 0, ..safe },
            Self::DeletesAtOnce => Rules { disabled_s: 0, ..safe },
            Self::ForgetsSkew => Rules { skew_s: 0, ..safe },
            _ => safe,
        };
        match self {
            Self::IgnoresUse => seen.keys.iter_mut().for_each(|key| key.used = None),
            Self::CountsFromTheMaking => {
                seen.keys.iter_mut().for_each(|key| key.since_s = key.since_s.map(|_| key.made_s));
            }
            Self::MakesAnother => seen.keys.retain(|key| key.follows.is_none() || key.since_s.is_some()),
            _ => {}
        }
        match next(&seen, &rules, wish) {
            Next::Do(Step::Admit { key }) if self == Self::NamesAtOnce => {
                Next::Do(Step::Name { key, now_s: seen.now_s })
            }
            // A clock that is behind by as much as is allowed is no reason to stop where none is expected.
            Next::Stuck(Stuck::Clock) if self == Self::ForgetsSkew => {
                next(&seen, &Rules { skew_s: SKEW_S, ..rules }, wish)
            }
            other => other,
        }
    }
}

struct Held {
    key: Key,
    calls: BTreeMap<i64, u64>,
    disabled_s: Option<i64>,
}

struct Caller {
    key: String,
    /// Between two looks at which key to send.
    looks_s: i64,
    looked_s: i64,
    /// Between two calls.
    calls_s: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Operator(usize),
    Caller(usize),
}

#[derive(Default)]
struct Outcome {
    violations: Vec<String>,
    rotations: u64,
    steps: u64,
    crashes: u64,
    raced: u64,
    kept: u64,
    had_back: u64,
    finished: bool,
}

struct Run {
    dice: Dice,
    mutant: Mutant,
    now_s: i64,
    keys: BTreeMap<String, Held>,
    numbers: u64,
    callers: Vec<Caller>,
    /// How far each operator's clock is ahead, and the step that it has decided on without a lock.
    operators: [(i64, Option<Step>); 2],
    locked: bool,
    early_percent: i64,
    crash_percent: i64,
    out: Outcome,
}

fn run(seed: u64, mutant: Mutant) -> Outcome {
    let mut dice = Dice::new(seed);
    let first = |id: &str| Key {
        id: id.to_owned(),
        follows: None,
        since_s: None,
        made_s: 0,
        changed_s: 0,
        enabled: true,
        in_plan: true,
        used: None,
    };
    // Two who change over in time and call seldom; one who does not care, and calls all day.
    let punctual = |dice: &mut Dice| (dice.range(DAY_S, OVERLAP_S), dice.range(DAY_S, 3 * DAY_S));
    let habits = [punctual(&mut dice), (OVERLAP_S, 2 * DAY_S), (dice.range(20, 60) * DAY_S, 6 * HOUR_S)];
    let caller = |(looks_s, calls_s)| Caller { key: "k0".to_owned(), looks_s, looked_s: 0, calls_s };
    let clock = |dice: &mut Dice| (dice.extreme(-SKEW_S, SKEW_S), None);
    let mut run = Run {
        mutant,
        now_s: 0,
        keys: [("k0".to_owned(), Held { key: first("k0"), calls: BTreeMap::new(), disabled_s: None })].into(),
        numbers: 0,
        callers: habits.into_iter().map(caller).collect(),
        operators: [clock(&mut dice), clock(&mut dice)],
        locked: dice.percent(70),
        early_percent: if dice.percent(30) { 5 } else { 0 },
        crash_percent: dice.range(0, 30),
        out: Outcome::default(),
        dice,
    };
    run.all();
    run.out
}

impl Run {
    fn all(&mut self) {
        let mut events: BTreeMap<(i64, Event), ()> = BTreeMap::new();
        for event in
            [Event::Operator(0), Event::Operator(1), Event::Caller(0), Event::Caller(1), Event::Caller(2)]
        {
            events.insert((self.dice.range(0, DAY_S), event), ());
        }
        let (trouble_s, end_s) = (250 * DAY_S, 420 * DAY_S);
        while let Some(((at_s, event), ())) = events.pop_first() {
            if at_s > end_s {
                break;
            }
            self.now_s = at_s;
            if at_s > trouble_s {
                (self.crash_percent, self.early_percent, self.locked) = (0, 0, true);
            }
            let wait_s = match event {
                Event::Operator(number) => self.operate(number),
                Event::Caller(number) => self.call(number),
            };
            events.insert((at_s + wait_s.max(1), event), ());
            self.check();
        }
        // At most one rotation is under way, which the careless caller may hold up.
        self.out.finished = self.keys.len() <= 2;
    }

    fn named(&self) -> String {
        let marks: Vec<Mark<'_>> = self
            .keys
            .values()
            .map(|held| {
                let Key { id, follows, since_s, .. } = &held.key;
                Mark { id, follows: follows.as_deref(), since_s: *since_s }
            })
            .collect();
        in_use(&marks).unwrap_or_default().to_owned()
    }

    fn works(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|held| held.key.enabled && held.key.in_plan)
    }

    fn check(&mut self) {
        let named = self.named();
        if !self.works(&named) {
            self.out.violations.push(format!("{named} is told of at {} and does not work", self.now_s));
        }
        if self.locked && self.early_percent == 0 && self.now_s < 250 * DAY_S && self.keys.len() > 2 {
            self.out.violations.push(format!("{} keys at {}", self.keys.len(), self.now_s));
        }
    }

    /// Seconds until the next call.
    fn call(&mut self, number: usize) -> i64 {
        let (now_s, key) = (self.now_s, self.callers[number].key.clone());
        if self.works(&key) {
            let calls = &mut self.keys.get_mut(&key).expect("it works").calls;
            *calls.entry(last_full_day(now_s) + 1).or_default() += 1;
        } else {
            self.out.violations.push(format!("caller {number} was refused with {key} at {now_s}"));
        }
        let named = self.named();
        let caller = &mut self.callers[number];
        if now_s >= caller.looked_s + caller.looks_s || !self.keys.contains_key(&caller.key) {
            (caller.key, caller.looked_s) = (named, now_s);
        }
        let looks_s = caller.looked_s + caller.looks_s - now_s;
        caller.calls_s.min(looks_s)
    }

    fn observed(&self, ahead_s: i64) -> Observed {
        let day = last_full_day(self.now_s + ahead_s);
        let key = |held: &Held| {
            let used = held.key.in_plan.then(|| held.calls.get(&day).copied().unwrap_or_default());
            Key { used, ..held.key.clone() }
        };
        let keys = self.keys.values().map(key).collect();
        Observed { now_s: self.now_s + ahead_s, keys, has_plan: true, named_by_id: false }
    }

    /// Seconds until the operator comes back.
    fn operate(&mut self, number: usize) -> i64 {
        let rests_s = self.dice.range(6 * HOUR_S, 2 * DAY_S);
        let (ahead_s, decided) = (self.operators[number].0, self.operators[number].1.take());
        if let Some(step) = decided {
            self.act(&step);
            return rests_s;
        }
        let seen = self.observed(ahead_s);
        // A person misses a key that was disabled.
        let bring_back = self.crash_percent > 0 && self.dice.percent(2);
        let wish = Wish { early: self.dice.percent(self.early_percent), bring_back, retire_used: false };
        let step = match self.mutant.next(seen, wish) {
            Next::Do(step) => step,
            // Whoever is told a time comes back just then, as often as not.
            Next::Wait { until_s, .. } if self.dice.percent(60) => return until_s - self.now_s - ahead_s,
            Next::Used { .. } => {
                self.out.kept += 1;
                return rests_s;
            }
            Next::Stuck(Stuck::NothingToBringBack) if bring_back => return rests_s,
            Next::Stuck(stuck) => {
                self.out.violations.push(format!("stuck: {stuck:?}"));
                return rests_s;
            }
            _ => return rests_s,
        };
        if !self.locked {
            self.out.raced += 1;
            self.operators[number].1 = Some(step);
            return self.dice.extreme(0, rules().act_s());
        }
        if self.dice.percent(self.crash_percent) {
            self.out.crashes += 1;
            if self.dice.percent(50) {
                self.act(&step);
            }
            return rests_s;
        }
        self.act(&step);
        // One step after the other, as often as not.
        if self.dice.percent(50) { 1 } else { rests_s }
    }

    fn act(&mut self, step: &Step) {
        self.out.steps += 1;
        let now_s = self.now_s;
        match step {
            Step::Make { follows } => {
                self.numbers += 1;
                // AWS's ids are in no order.
                let id = format!("k{}{}", self.dice.range(1, 9), self.numbers);
                let key = Key {
                    id: id.clone(),
                    follows: Some(follows.clone()),
                    since_s: None,
                    made_s: now_s,
                    changed_s: now_s,
                    enabled: true,
                    in_plan: false,
                    used: None,
                };
                self.keys.insert(id, Held { key, calls: BTreeMap::new(), disabled_s: None });
            }
            Step::Admit { key } => self.change(key, |held| held.key.in_plan = true),
            Step::Name { key, now_s: told_s } => {
                // Somebody has just looked, and will not look for as long as is allowed.
                let (named, late) = (self.named(), self.dice.percent(50));
                let caller = &mut self.callers[1];
                if late && now_s >= caller.looked_s {
                    (caller.key, caller.looked_s) = (named, now_s);
                }
                self.out.rotations += 1;
                self.change(key, |held| held.key.since_s = Some(*told_s));
            }
            Step::Disable { key } => self.change(key, |held| {
                held.key.enabled = false;
                held.key.changed_s = now_s;
                held.disabled_s = Some(now_s);
            }),
            Step::Enable { key } => {
                self.out.had_back += 1;
                self.change(key, |held| {
                    held.key.enabled = true;
                    held.key.changed_s = now_s;
                });
            }
            Step::Delete { key } => {
                let gone = self.keys.remove(key);
                let early = |held: &Held| match held.disabled_s {
                    Some(disabled_s) => now_s - disabled_s < DISABLED_S,
                    None => held.key.in_plan || held.key.since_s.is_some(),
                };
                if gone.as_ref().is_some_and(early) {
                    self.out.violations.push(format!("{key} went for good too early, at {now_s}"));
                }
            }
        }
    }

    fn change(&mut self, key: &str, change: impl FnOnce(&mut Held)) {
        if let Some(held) = self.keys.get_mut(key) {
            change(held);
        }
    }
}

#[test]
fn the_key_that_is_told_of_works_and_the_old_one_until_everybody_changed_over() {
    let mut total = Outcome::default();
    let mut unfinished = Vec::new();
    for seed in 0..SCHEDULES {
        let one = run(seed, Mutant::None);
        assert_eq!(one.violations, Vec::<String>::new(), "seed {seed}");
        if !one.finished {
            unfinished.push(seed);
        }
        total.rotations += one.rotations;
        total.steps += one.steps;
        total.crashes += one.crashes;
        total.raced += one.raced;
        total.kept += one.kept;
        total.had_back += one.had_back;
    }
    println!(
        "API keys: {SCHEDULES} schedules, {} rotations, {} steps, {} crashes, {} steps without a lock, {} times a \
         used key was kept, {} were had back, 0 violations",
        total.rotations, total.steps, total.crashes, total.raced, total.kept, total.had_back
    );
    assert_eq!(unfinished, Vec::<u64>::new(), "seeds that end with more than two keys");
    assert!(total.rotations > 2 * SCHEDULES && total.crashes > SCHEDULES / 2);
    assert!(total.raced > SCHEDULES && total.kept > SCHEDULES, "{} {}", total.raced, total.kept);
    assert!(total.had_back > 100, "{}", total.had_back);
}

#[test]
fn unsafe_variants_are_caught() {
    for mutant in Mutant::UNSAFE {
        let caught =
            (0..SCHEDULES).find_map(|seed| Some((seed, run(seed, *mutant).violations.first()?.clone())));
        let Some((seed, violation)) = caught else {
            panic!("{mutant:?} does no harm in {SCHEDULES} schedules")
        };
        println!("{mutant:?} is caught by seed {seed}: {violation}");
    }
}
