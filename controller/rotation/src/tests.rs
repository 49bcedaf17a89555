use super::*;

fn key(id: &str) -> Key {
    Key { id: id.to_owned(), digest: format!("of {id}"), made_s: 0, owner: Owner::Rotation }
}

fn version(id: &str, labels: &[&str]) -> Version {
    let labels = labels.iter().map(|label| (*label).to_owned()).collect();
    Version { id: format!("of {id}"), labels, made_s: 0 }
}

/// K1 in use for a long time, and nothing else.
fn steady() -> Observed {
    Observed {
        now_s: 5_000_000,
        group: Some(Group { members: ["K1".to_owned()].into(), changed_s: 0 }),
        keys: vec![key("K1")],
        keys_in_account: 1,
        secret: Some(Secret {
            versions: vec![version("K1", &[CURRENT, "dn-current-since-0"])],
            changed_s: 0,
        }),
        deployed: true,
    }
}

/// K2 is the current one, K1 is still in the group.
fn switched(since_s: i64, changed_s: i64) -> Observed {
    let since = format!("{SINCE}{since_s}");
    Observed {
        group: Some(Group { members: ["K1".to_owned(), "K2".to_owned()].into(), changed_s: 0 }),
        keys: vec![key("K1"), key("K2")],
        keys_in_account: 2,
        secret: Some(Secret {
            versions: vec![version("K1", &[PREVIOUS]), version("K2", &[CURRENT, &since])],
            changed_s,
        }),
        ..steady()
    }
}

fn decided(observed: &Observed) -> Next {
    next(observed, &Rules::SAFE, Wish::default())
}

const DRAIN_S: i64 = 300 + 25 * 86_400 + 6 * 300;

#[test]
fn a_key_stays_until_its_last_link_has_expired_to_the_second() {
    let old = BTreeSet::from(["K1".to_owned()]);
    for (since_s, changed_s) in [(1000, 0), (0, 1000)] {
        let mut look = switched(since_s, changed_s);
        look.now_s = 1000 + DRAIN_S - 1;
        let why = Why::Draining { keys: old.clone() };
        assert_eq!(decided(&look), Next::Wait { until_s: 1000 + DRAIN_S, why });
        look.now_s += 1;
        assert_eq!(decided(&look), Next::Do(Step::Narrow { keys: old.clone() }));
    }
}

#[test]
fn a_version_is_not_switched_to_before_every_edge_knows_its_key() {
    let mut look = switched(0, 0);
    look.secret.as_mut().unwrap().versions = vec![version("K1", &[CURRENT]), version("K2", &[PENDING])];
    look.now_s = 35 * 60 - 1;
    let why = Why::Settling { key: "K2".to_owned() };
    assert_eq!(decided(&look), Next::Wait { until_s: 35 * 60, why });
    look.now_s += 1;
    look.deployed = false;
    assert!(matches!(decided(&look), Next::Wait { why: Why::Deploying, .. }));
    look.deployed = true;
    let (from, to) = (Some("of K1".to_owned()), "of K2".to_owned());
    assert_eq!(decided(&look), Next::Do(Step::Switch { from, to }));
}

#[test]
fn keys_of_others_are_never_touched_and_leave_less_room() {
    let mut look = steady();
    look.group.as_mut().unwrap().members.extend(["X1".to_owned(), "X2".to_owned(), "X3".to_owned()]);
    assert!(matches!(decided(&look), Next::Rest { .. }), "{:?}", decided(&look));
    let early = Wish { early: true };
    assert_eq!(next(&look, &Rules::SAFE, early), Next::Do(Step::Prepare));
    look.group.as_mut().unwrap().members.insert("X4".to_owned());
    assert_eq!(next(&look, &Rules::SAFE, early), Next::Stuck(Stuck::GroupFull));
    let mut look = steady();
    look.keys_in_account = 10;
    assert_eq!(next(&look, &Rules::SAFE, early), Next::Stuck(Stuck::AccountFull));
}

#[test]
fn what_is_not_there_or_of_the_future_is_told() {
    assert_eq!(decided(&Observed { group: None, ..steady() }), Next::Stuck(Stuck::NoGroup));
    assert_eq!(decided(&Observed { secret: None, ..steady() }), Next::Stuck(Stuck::NoSecret));
    let mut look = steady();
    look.secret.as_mut().unwrap().changed_s = look.now_s + 601;
    assert_eq!(decided(&look), Next::Stuck(Stuck::Clock));
}

#[test]
fn a_key_is_due_after_ninety_days() {
    let mut look = steady();
    look.now_s = 90 * 86_400 - 1;
    assert_eq!(decided(&look), Next::Rest { due_s: 90 * 86_400 });
    look.now_s += 1;
    assert_eq!(decided(&look), Next::Do(Step::Prepare));
}

#[test]
fn a_key_in_use_that_somebody_took_out_is_put_back_at_once() {
    let mut look = steady();
    look.group.as_mut().unwrap().members = ["X".to_owned()].into();
    assert_eq!(decided(&look), Next::Do(Step::Widen { key: "K1".to_owned() }));
}

#[test]
fn the_time_on_an_older_version_does_not_count_after_going_back() {
    let mut look = switched(5000, 0);
    look.secret.as_mut().unwrap().versions = vec![
        version("K1", &[CURRENT, "dn-current-since-10"]),
        version("K2", &[PREVIOUS, "dn-current-since-5000"]),
    ];
    assert_eq!(decided(&look), Next::Do(Step::Stamp { version: "of K1".to_owned(), now_s: look.now_s }));
}

const MARGINS: Margins = Margins { overdue_s: 7 * 86_400, stuck_s: 86_400 };

fn healthy(observed: &Observed) -> Health {
    health(observed, &Rules::SAFE, &decided(observed), &MARGINS)
}

#[test]
fn a_rotation_that_nobody_begins_is_overdue_to_the_second() {
    let mut look = steady();
    look.now_s = 97 * 86_400;
    assert!(begins(&look, &Step::Prepare));
    assert_eq!(healthy(&look), Health::Well);
    look.now_s += 1;
    assert_eq!(healthy(&look), Health::Overdue { since_s: 90 * 86_400 });
    let rules = Rules::SAFE.due_after(Some(30));
    look.now_s = 37 * 86_400 + 1;
    let found = health(&look, &rules, &next(&look, &rules, Wish::default()), &MARGINS);
    assert_eq!(found, Health::Overdue { since_s: 30 * 86_400 });
    // Where nobody ever made a key, nobody is late.
    look.secret.as_mut().unwrap().versions = Vec::new();
    assert!(begins(&look, &Step::Prime));
    assert_eq!(healthy(&look), Health::Well);
}

#[test]
fn a_step_that_could_have_been_made_a_day_ago_is_stuck() {
    let day = 86_400;
    // The first version is there, and no key follows.
    let mut look = steady();
    look.secret.as_mut().unwrap().versions = vec![version("none", &[CURRENT, NO_KEY])];
    look.now_s = day;
    assert!(!begins(&look, &Step::Prepare));
    assert_eq!(healthy(&look), Health::Well);
    look.now_s += 1;
    assert!(matches!(healthy(&look), Health::Stuck { since_s: 0, .. }), "{:?}", healthy(&look));
    // A key is trusted long enough, and nobody switches; or a distribution is deployed for ever.
    look.secret.as_mut().unwrap().versions = vec![version("K1", &[CURRENT]), version("K2", &[PENDING])];
    look.keys.push(key("K2"));
    look.group.as_mut().unwrap().members.insert("K2".to_owned());
    for deployed in [true, false] {
        look.deployed = deployed;
        look.now_s = 35 * 60 + day;
        assert_eq!(healthy(&look), Health::Well);
        look.now_s += 1;
        assert!(matches!(healthy(&look), Health::Stuck { since_s: 2100, .. }), "{:?}", healthy(&look));
    }
    // The last link is over, and the old key stays.
    let mut look = switched(1000, 0);
    look.now_s = 1000 + DRAIN_S + day;
    assert_eq!(healthy(&look), Health::Well);
    look.now_s += 1;
    let what = "not done: take K1 out of the key group".to_owned();
    assert_eq!(healthy(&look), Health::Stuck { since_s: 1000 + DRAIN_S, what });
    // While links may be alive nothing is late.
    look.now_s = 1000 + DRAIN_S - 1;
    assert_eq!(healthy(&look), Health::Well);
    assert!(matches!(healthy(&Observed { secret: None, ..steady() }), Health::Stuck { .. }));
    assert_eq!(healthy(&Observed { group: None, ..steady() }), Health::Well);
}
