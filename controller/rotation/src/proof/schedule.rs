//! Who does what when: operators, signers, clocks and hands, from one seed.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
};

use super::world::{Call, Dice, World};
use crate::{CURRENT, NO_KEY, Next, Observed, PENDING, PREVIOUS, Rules, SINCE, Step, Why, Wish, next};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// An unsafe variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mutant {
    None,
    /// Switches as soon as the group has the key.
    SwitchesAtOnce,
    /// Narrows as soon as it has switched.
    NarrowsAtOnce,
    /// Forgets that clocks are wrong.
    ForgetsSkew,
    /// Signers that go on with a key for a day, which the rules know nothing of.
    SignersKeepKeys,
    /// Counts the life of links from when the version was made.
    CountsFromTheMaking,
    /// Believes an old time when somebody has gone back a version.
    BelievesOldTimes,
    /// Takes the key that is in use out of the group and deletes it.
    DeletesTheKeyInUse,
    /// Puts the first key without a version before it.
    PutsTheFirstKeyFirst,
}

impl Mutant {
    pub(super) const UNSAFE: &'static [Self] = &[
        Self::SwitchesAtOnce,
        Self::NarrowsAtOnce,
        Self::ForgetsSkew,
        Self::SignersKeepKeys,
        Self::CountsFromTheMaking,
        Self::BelievesOldTimes,
        Self::DeletesTheKeyInUse,
        Self::PutsTheFirstKeyFirst,
    ];

    fn rules(self) -> Rules {
        let safe = Rules::SAFE;
        match self {
            Self::SwitchesAtOnce => Rules { settle_s: 0, ..safe },
            Self::NarrowsAtOnce => Rules { life_s: 0, ..safe },
            Self::ForgetsSkew => Rules { skew_s: 0, ..safe },
            _ => safe,
        }
    }

    fn next(self, observed: &Observed, wish: Wish) -> Next {
        let mut seen = observed.clone();
        if let Some(secret) = &mut seen.secret {
            for version in &mut secret.versions {
                let made = format!("{SINCE}{}", version.made_s);
                let stamped = version.labels.iter().any(|label| label.starts_with(SINCE));
                let is_current = version.labels.contains(CURRENT);
                if self == Self::CountsFromTheMaking && is_current && stamped {
                    version.labels.retain(|label| !label.starts_with(SINCE));
                    version.labels.insert(made);
                } else if self == Self::BelievesOldTimes && !is_current {
                    version.labels.retain(|label| !label.starts_with(SINCE));
                }
            }
            if self == Self::CountsFromTheMaking {
                secret.changed_s = 0;
            }
        }
        let decided = next(&seen, &self.rules(), wish);
        match (self, decided) {
            (Self::PutsTheFirstKeyFirst, Next::Do(Step::Prime)) => Next::Do(Step::Prepare),
            (Self::DeletesTheKeyInUse, Next::Do(Step::Narrow { keys })) => {
                let group = seen.group.map(|group| group.members).unwrap_or_default();
                Next::Do(Step::Narrow { keys: group.difference(&keys).cloned().collect() })
            }
            (_, decided) => decided,
        }
    }
}

/// What happened.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) violations: Vec<String>,
    pub(super) links: usize,
    pub(super) rotations: u64,
    pub(super) steps: u64,
    pub(super) calls: u64,
    pub(super) crashes: u64,
    pub(super) refused: u64,
    pub(super) full: u64,
    pub(super) rollbacks: u64,
    pub(super) unfinished: Vec<u64>,
}

impl Outcome {
    pub(super) fn add(&mut self, other: Self) {
        self.violations.extend(other.violations);
        self.links += other.links;
        self.rotations += other.rotations;
        self.steps += other.steps;
        self.calls += other.calls;
        self.crashes += other.crashes;
        self.refused += other.refused;
        self.full += other.full;
        self.rollbacks += other.rollbacks;
        self.unfinished.extend(other.unfinished);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Operator(usize),
    Signer(usize),
    /// Signs at a moment that matters.
    Moment(usize),
    Jump,
    Hand,
}

#[derive(Default)]
struct Signer {
    ahead_s: i64,
    /// The key, and when it was read by the signer's own clock.
    held: Option<(String, i64)>,
}

/// What an operator is at.
enum At {
    Idle,
    /// Has read some parts already: the group, then the keys, then the secret.
    Looking(Box<Observed>, u64, u8),
    Acting {
        calls: Vec<Call>,
        at: usize,
        decided_s: i64,
    },
}

struct Operator {
    ahead_s: i64,
    /// When it read last.
    since_s: i64,
    at: At,
}

struct Run {
    dice: Dice,
    world: World,
    events: BinaryHeap<Reverse<(i64, u64, Event)>>,
    numbers: u64,
    operators: Vec<Operator>,
    signers: Vec<Signer>,
    mutant: Mutant,
    out: Outcome,
    /// Seconds between two runs of an operator.
    pace_s: i64,
    early_percent: i64,
    crash_percent: i64,
    crash_at: Option<(u64, bool)>,
    calm: bool,
}

/// One random schedule: sixty to a hundred days of trouble, then calm until all is done.
pub(super) fn run(seed: u64, mutant: Mutant) -> Outcome {
    let mut dice = Dice::new(seed);
    let skew_s = Rules::SAFE.skew_s;
    let world = World::new(&mut dice, Rules::SAFE.settle_s, skew_s);
    let pace_s = [4 * HOUR, 12 * HOUR, DAY, 2 * DAY][usize::try_from(dice.range(0, 3)).unwrap_or(0)];
    let early_percent = [0, 1, 5, 40][usize::try_from(dice.range(0, 3)).unwrap_or(0)];
    let crash_percent = dice.range(0, 30);
    let operators = (0..2)
        .map(|_| Operator { ahead_s: dice.extreme(-skew_s, skew_s), since_s: 0, at: At::Idle })
        .collect();
    let signer = |dice: &mut Dice| Signer { ahead_s: dice.extreme(-skew_s, skew_s), held: None };
    let signers = (0..3).map(|_| signer(&mut dice)).collect();
    let events = BinaryHeap::new();
    let (numbers, out) = (0, Outcome::default());
    let (crash_at, calm) = (None, false);
    let mut run = Run {
        dice,
        world,
        events,
        numbers,
        operators,
        signers,
        mutant,
        out,
        pace_s,
        early_percent,
        crash_percent,
        crash_at,
        calm,
    };
    for event in
        [Event::Operator(0), Event::Operator(1), Event::Signer(0), Event::Signer(1), Event::Signer(2)]
    {
        let wait_s = run.dice.range(0, HOUR);
        run.plan(wait_s, event);
    }
    run.plan(HOUR, Event::Jump);
    run.plan(20 * DAY, Event::Hand);
    let trouble_s = run.dice.range(60, 100) * DAY;
    run.until(trouble_s);
    run.finish(seed);
    run.out
}

/// The first key and its successor without any trouble but one crash.
pub(super) fn calm(crash_at: Option<(u64, bool)>) -> Outcome {
    let mut dice = Dice::new(7);
    let world = World::new(&mut dice, Rules::SAFE.settle_s, Rules::SAFE.skew_s);
    let operators = vec![Operator { ahead_s: 0, since_s: 0, at: At::Idle }];
    let mut run = Run {
        dice,
        world,
        events: BinaryHeap::new(),
        numbers: 0,
        operators,
        signers: vec![Signer::default()],
        mutant: Mutant::None,
        out: Outcome::default(),
        pace_s: HOUR,
        early_percent: 0,
        crash_percent: 0,
        crash_at,
        calm: true,
    };
    run.plan(0, Event::Operator(0));
    run.plan(0, Event::Signer(0));
    // The second key is due ninety days after the first.
    run.until(120 * DAY);
    run.finish(0);
    run.out
}

impl Run {
    fn plan(&mut self, wait_s: i64, event: Event) {
        self.numbers += 1;
        self.events.push(Reverse((self.world.now_s + wait_s, self.numbers, event)));
    }

    fn until(&mut self, end_s: i64) {
        while let Some(Reverse((at_s, _, event))) = self.events.peek().copied() {
            if at_s > end_s {
                break;
            }
            self.events.pop();
            self.world.now_s = at_s;
            match event {
                Event::Operator(number) => self.operate(number),
                Event::Moment(number) => self.sign(number),
                Event::Signer(number) => {
                    self.sign(number);
                    let wait_s = self.dice.range(MINUTE, if self.calm { DAY } else { 2 * DAY });
                    self.plan(wait_s, event);
                }
                Event::Jump => {
                    self.jump();
                    let wait_s = self.dice.range(HOUR, 4 * DAY);
                    self.plan(wait_s, event);
                }
                Event::Hand => {
                    self.go_back();
                    let wait_s = self.dice.range(10 * DAY, 40 * DAY);
                    self.plan(wait_s, event);
                }
            }
        }
        self.world.now_s = end_s;
    }

    /// No more trouble, and one operator: everything must come to rest, and every link be good.
    fn finish(&mut self, seed: u64) {
        (self.early_percent, self.crash_percent, self.crash_at) = (0, 0, None);
        self.events.retain(|Reverse((_, _, event))| matches!(event, Event::Signer(_) | Event::Moment(_)));
        self.operators.truncate(1);
        self.operators[0] = Operator { ahead_s: 0, since_s: 0, at: At::Idle };
        self.pace_s = 6 * HOUR;
        self.plan(MINUTE, Event::Operator(0));
        let end_s = self.world.now_s + 60 * DAY;
        self.until(end_s);
        let observed = self.world.observed();
        let rests = match next(&observed, &Rules::SAFE, Wish::default()) {
            Next::Rest { .. } => self.world.members.len() == 1,
            // Its key came of age meanwhile.
            Next::Do(Step::Prepare) => true,
            Next::Wait { why, .. } => matches!(why, Why::Draining { .. } | Why::Settling { .. }),
            Next::Do(_) => true,
            Next::Stuck(_) => false,
        };
        if !rests || self.world.current_key().is_none() {
            self.out.unfinished.push(seed);
        }
        self.out.links = self.world.links();
        self.out.violations = self.world.violations();
    }

    fn sign(&mut self, number: usize) {
        let rules = Rules::SAFE;
        let signer = &mut self.signers[number];
        let now_s = self.world.now_s + signer.ahead_s;
        let cache_s = if self.mutant == Mutant::SignersKeepKeys { DAY } else { rules.cache_s };
        let alive = |held: &(String, i64)| (0..cache_s).contains(&(now_s - held.1));
        let mut read_now = false;
        if !signer.held.as_ref().is_some_and(alive) {
            // AWS refuses to answer a clock that is far off.
            let answers = signer.ahead_s.abs() <= rules.skew_s;
            signer.held = self.world.current_key().filter(|_| answers).map(|key| (key, now_s));
            read_now = true;
        }
        let Some((key, _)) = signer.held.clone() else { return };
        let life_s = if self.dice.percent(80) { rules.life_s } else { self.dice.range(1, rules.life_s) };
        self.world.hand_out(key, now_s + life_s);
        if read_now {
            // Once more at the last moment.
            self.plan(cache_s - 1, Event::Moment(number));
        }
    }

    fn jump(&mut self) {
        let skew_s = Rules::SAFE.skew_s;
        let ahead_s = match self.dice.percent(20) {
            true => self.dice.extreme(-40 * DAY, 40 * DAY),
            false => self.dice.extreme(-skew_s, skew_s),
        };
        let who = usize::try_from(self.dice.range(0, 4)).unwrap_or(0);
        match who {
            0 | 1 => self.operators[who].ahead_s = ahead_s,
            _ => self.signers[who - 2].ahead_s = ahead_s,
        }
    }

    /// Somebody does not trust the new version and goes back, while the key of the old one is still in use.
    fn go_back(&mut self) {
        let (Some(current), Some(previous)) = (self.world.holder(CURRENT), self.world.holder(PREVIOUS))
        else {
            return;
        };
        let Some(key) = self.world.versions[&previous].key.clone() else { return };
        let observed = self.world.observed();
        let drains = match next(&observed, &Rules::SAFE, Wish::default()) {
            Next::Wait { until_s, why: Why::Draining { keys } } => {
                keys.contains(&key) && until_s > self.world.now_s + DAY
            }
            _ => false,
        };
        if drains {
            let call = Call::MoveLabel { label: CURRENT.into(), from: Some(current), to: Some(previous) };
            self.out.rollbacks += u64::from(self.world.call(&mut self.dice, &call).is_ok());
        }
    }

    fn operate(&mut self, number: usize) {
        let rests_s = self.dice.range(self.pace_s / 2, self.pace_s);
        let at = std::mem::replace(&mut self.operators[number].at, At::Idle);
        let ahead_s = self.operators[number].ahead_s;
        let wait_s = match at {
            At::Idle if ahead_s.abs() > Rules::SAFE.skew_s => rests_s,
            At::Idle => {
                let mut observed = self.world.observed();
                // The clock is read once, when AWS's answers vouch for it; from there on the time is counted.
                observed.now_s += ahead_s;
                self.operators[number].since_s = self.world.now_s;
                self.operators[number].at = At::Looking(Box::new(observed), self.world.group_version, 0);
                self.dice.range(0, 5)
            }
            At::Looking(mut seen, version, part) => {
                let now = self.world.observed();
                match part {
                    0 => (seen.keys, seen.keys_in_account) = (now.keys, now.keys_in_account),
                    _ => seen.secret = now.secret,
                }
                seen.now_s += self.world.now_s - self.operators[number].since_s;
                self.operators[number].since_s = self.world.now_s;
                if part == 0 {
                    self.operators[number].at = At::Looking(seen, version, 1);
                    self.dice.range(0, 5)
                } else {
                    self.decide(number, &seen, version).unwrap_or(rests_s)
                }
            }
            At::Acting { calls, at, decided_s } => self.act(number, calls, at, decided_s).unwrap_or(rests_s),
        };
        self.plan(wait_s, Event::Operator(number));
    }

    /// Seconds until the first call; `None` when there is nothing to do now.
    fn decide(&mut self, number: usize, seen: &Observed, version: u64) -> Option<i64> {
        let wish = Wish { early: self.dice.percent(self.early_percent) };
        let step = match self.mutant.next(seen, wish) {
            Next::Do(step) => step,
            Next::Wait { why: Why::Full, .. } => {
                self.out.full += 1;
                return None;
            }
            // Whoever is told a time comes back just then, as often as not.
            Next::Wait { until_s, .. } if self.dice.percent(50) => return Some(until_s - seen.now_s),
            _ => return None,
        };
        self.out.steps += 1;
        let members = || seen.group.as_ref().map(|group| group.members.clone()).unwrap_or_default();
        let calls = match step {
            Step::Prime => vec![Call::PutVersion { id: "none".into(), key_of: None, label: NO_KEY }],
            Step::Prepare => {
                let digest = self.world.fresh_digest();
                let put =
                    Call::PutVersion { id: digest.clone(), key_of: Some(digest.clone()), label: PENDING };
                vec![Call::CreateKey { digest }, put]
            }
            Step::Widen { key } => {
                let mut members = members();
                members.insert(key);
                vec![Call::UpdateGroup { members, version }]
            }
            Step::Switch { from, to } => {
                // Signers read just before the switch, or just after.
                for signer in 0..self.signers.len() {
                    let wait_s = self.dice.extreme(0, 2 * MINUTE);
                    self.plan(wait_s, Event::Moment(signer));
                }
                vec![Call::MoveLabel { label: CURRENT.into(), from, to: Some(to) }]
            }
            Step::Stamp { version, now_s } => {
                vec![Call::MoveLabel { label: format!("{SINCE}{now_s}"), from: None, to: Some(version) }]
            }
            Step::Narrow { keys } => {
                let members: BTreeSet<String> = members().difference(&keys).cloned().collect();
                let delete = |key: &String| Call::DeleteKey { key: key.clone() };
                let mut calls = vec![Call::UpdateGroup { members, version }];
                if self.mutant == Mutant::DeletesTheKeyInUse {
                    calls.extend(keys.iter().map(delete));
                }
                calls
            }
            Step::Unlabel { version, label } => {
                vec![Call::MoveLabel { label, from: Some(version), to: None }]
            }
            Step::Delete { key } => vec![Call::DeleteKey { key }],
        };
        let decided_s = self.world.now_s;
        self.operators[number].at = At::Acting { calls, at: 0, decided_s };
        Some(self.pause())
    }

    /// Mostly at once, sometimes as late as allowed or later.
    fn pause(&mut self) -> i64 {
        match self.dice.range(0, 9) {
            _ if self.calm => 0,
            0 => self.dice.range(0, 2 * Rules::SAFE.act_s),
            1 => Rules::SAFE.act_s,
            _ => self.dice.range(0, 5),
        }
    }

    /// Seconds until the next call; `None` when the step has ended, one way or another.
    fn act(&mut self, number: usize, calls: Vec<Call>, at: usize, decided_s: i64) -> Option<i64> {
        let call = calls.get(at)?.clone();
        if self.world.now_s > decided_s + Rules::SAFE.act_s {
            self.out.refused += 1;
            return None;
        }
        self.out.calls += 1;
        let planned = self.crash_at.filter(|(call, _)| *call == self.out.calls);
        let crash = match planned {
            Some((_, after)) => Some(after),
            None if self.dice.percent(self.crash_percent) => Some(self.dice.percent(50)),
            None => None,
        };
        if crash == Some(false) {
            self.out.crashes += 1;
            return None;
        }
        let done = self.world.call(&mut self.dice, &call);
        if crash == Some(true) {
            self.out.crashes += 1;
            self.out.rotations += u64::from(done.is_ok() && is_switch(&call));
            return None;
        }
        if done.is_err() {
            self.out.refused += 1;
            return None;
        }
        self.out.rotations += u64::from(is_switch(&call));
        self.operators[number].at = At::Acting { calls, at: at + 1, decided_s };
        Some(self.pause())
    }
}

fn is_switch(call: &Call) -> bool {
    matches!(call, Call::MoveLabel { label, .. } if label == CURRENT)
}
