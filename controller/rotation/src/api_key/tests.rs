use super::*;

const RULES_OVERLAP_S: i64 = 14 * DAY_S + 1200;

pub(super) fn rules() -> Rules {
    Rules::of_days(90, 14, 7)
}

fn key(id: &str) -> Key {
    let id = id.to_owned();
    Key {
        id,
        follows: None,
        since_s: None,
        made_s: 0,
        changed_s: 0,
        enabled: true,
        in_plan: true,
        used: Some(0),
    }
}

fn follower(id: &str, of: &str, since_s: Option<i64>) -> Key {
    Key { follows: Some(of.to_owned()), since_s, ..key(id) }
}

fn seen(now_s: i64, keys: Vec<Key>) -> Observed {
    Observed { now_s, keys, has_plan: true, named_by_id: false }
}

fn decided(observed: &Observed) -> Next {
    next(observed, &rules(), Wish::default())
}

#[test]
fn a_key_is_due_after_ninety_days_or_when_somebody_asks() {
    let mut look = seen(90 * DAY_S - 1, vec![key("a")]);
    assert_eq!(decided(&look), Next::Rest { due_s: 90 * DAY_S });
    let make = Next::Do(Step::Make { follows: "a".to_owned() });
    assert_eq!(next(&look, &rules(), Wish { early: true, ..Wish::default() }), make);
    look.now_s += 1;
    assert_eq!(decided(&look), make);
}

#[test]
fn a_new_key_is_admitted_before_callers_are_told_of_it() {
    let new = Key { in_plan: false, ..follower("b", "a", None) };
    let mut look = seen(1000, vec![key("a"), new]);
    let marks = |look: &Observed| {
        let marks: Vec<Mark<'_>> = look.keys.iter().map(Key::mark).collect();
        let guests: Vec<bool> = marks.iter().map(|mark| is_guest(mark, &marks)).collect();
        (in_use(&marks).map(str::to_owned), guests)
    };
    assert_eq!(decided(&look), Next::Do(Step::Admit { key: "b".to_owned() }));
    assert_eq!(marks(&look), (Some("a".to_owned()), vec![false, true]));
    look.keys[1].in_plan = true;
    assert_eq!(decided(&look), Next::Do(Step::Name { key: "b".to_owned(), now_s: 1000 }));
    assert_eq!(marks(&look), (Some("a".to_owned()), vec![false, true]));
    look.keys[1].since_s = Some(1000);
    assert_eq!(marks(&look), (Some("b".to_owned()), vec![true, false]));
    // An apply whose answer was lost makes two that follow nobody: the second is left over, and no guest.
    let look = seen(0, vec![key("a"), key("b")]);
    assert_eq!(marks(&look), (Some("a".to_owned()), vec![false, false]));
}

#[test]
fn an_old_key_works_for_the_overlap_to_the_second_and_longer_when_it_is_used() {
    let old = Key { used: Some(3), ..key("a") };
    let mut look = seen(1000 + RULES_OVERLAP_S - 1, vec![old, follower("b", "a", Some(1000))]);
    let why = Why::Overlapping { key: "a".to_owned() };
    assert_eq!(decided(&look), Next::Wait { until_s: 1000 + RULES_OVERLAP_S, why });
    look.now_s += 1;
    assert_eq!(decided(&look), Next::Used { key: "a".to_owned(), calls: 3, day: 13 });
    let disable = Next::Do(Step::Disable { key: "a".to_owned() });
    assert_eq!(next(&look, &rules(), Wish { retire_used: true, ..Wish::default() }), disable);
    for unused in [Some(0), None] {
        look.keys[0].used = unused;
        assert_eq!(decided(&look), disable);
    }
    // Who had it back has a whole overlap again.
    look.keys[0].changed_s = look.now_s;
    assert!(matches!(decided(&look), Next::Wait { why: Why::Overlapping { .. }, .. }));
}

#[test]
fn a_disabled_key_can_be_had_back_for_a_week() {
    let old = Key { enabled: false, changed_s: 5000, used: None, ..key("a") };
    let mut look = seen(5000 + 7 * DAY_S + 1199, vec![old, follower("b", "a", Some(1000))]);
    let why = Why::Disabled { key: "a".to_owned() };
    assert_eq!(decided(&look), Next::Wait { until_s: 5000 + 7 * DAY_S + 1200, why });
    let back = Wish { bring_back: true, ..Wish::default() };
    assert_eq!(next(&look, &rules(), back), Next::Do(Step::Enable { key: "a".to_owned() }));
    // Also while the next one is on its way.
    look.keys.push(Key { in_plan: false, ..follower("c", "b", None) });
    assert_eq!(next(&look, &rules(), back), Next::Do(Step::Enable { key: "a".to_owned() }));
    assert_eq!(decided(&look), Next::Do(Step::Admit { key: "c".to_owned() }));
    look.keys.pop();
    look.now_s += 1;
    assert_eq!(decided(&look), Next::Do(Step::Delete { key: "a".to_owned() }));
    look.keys.remove(0);
    assert_eq!(next(&look, &rules(), back), Next::Stuck(Stuck::NothingToBringBack));
}

#[test]
fn what_was_made_twice_goes_before_anybody_knows_it() {
    let twice = Key { in_plan: false, made_s: 2, ..follower("0", "a", None) };
    let look = seen(1000, vec![key("a"), follower("b", "a", Some(900)), twice.clone()]);
    assert_eq!(decided(&look), Next::Do(Step::Delete { key: "0".to_owned() }));
    // Before one of them is told of, the first goes on.
    let first = Key { in_plan: false, made_s: 1, ..follower("b", "a", None) };
    let look = seen(1000, vec![key("a"), twice, first]);
    assert_eq!(decided(&look), Next::Do(Step::Admit { key: "b".to_owned() }));
}

#[test]
fn what_is_not_there_or_of_the_future_is_told() {
    assert_eq!(decided(&seen(0, Vec::new())), Next::Stuck(Stuck::NoKey));
    assert_eq!(decided(&Observed { has_plan: false, ..seen(0, vec![key("a")]) }), Next::Stuck(Stuck::NoPlan));
    let by_id = Observed { named_by_id: true, ..seen(0, vec![key("a")]) };
    assert_eq!(decided(&by_id), Next::Stuck(Stuck::NamedById));
    let future = Key { changed_s: 601, ..key("a") };
    assert_eq!(decided(&seen(0, vec![future])), Next::Stuck(Stuck::Clock));
    // Somebody took the key in use out of the plan.
    let out = Key { in_plan: false, ..key("a") };
    assert_eq!(decided(&seen(0, vec![out])), Next::Do(Step::Admit { key: "a".to_owned() }));
}
