use proptest::prelude::*;

use super::*;
use crate::{Holds, Outputs, Tags, Text};

fn at(text: &str) -> Address {
    text.parse().unwrap()
}

/// A resource whose field `size` may change, whose field `born` may not, and which refers to `needs`.
fn declared(address: &str, size: u32, needs: &[&str]) -> Declared {
    let mut fields = Fields::default();
    fields.field("size", &size);
    fields.fixed("born", &1);
    fields.field("needs", &needs.iter().map(|to| Text::of(&at(to), "arn")).collect::<Vec<_>>());
    let known = Outputs::from([("arn".to_owned(), format!("arn:{address}"))]);
    Declared::new(at(address), address.replace('/', "-"), fields, Some(Tags::new()), known)
}

fn live(of: &Declared) -> Found {
    let resolved = of.fields.clone().resolve(&|reference| Some(format!("arn:{}", reference.address)));
    let (physical, outputs) = (of.physical.clone(), of.known.clone());
    Found { physical, fields: resolved, tags: Some(Tags::new()), outputs, ..Found::default() }
}

fn all_live(declared: &[Declared]) -> Snapshot {
    let found = declared.iter().map(|one| (one.address.clone(), live(one))).collect();
    Snapshot { found, orphans: Vec::new() }
}

fn decide(declared: &[Declared], snapshot: &Snapshot, selection: &Selection) -> Plan {
    let target = Target { stage: "dev".into(), account: "1".into(), region: "r".into() };
    plan(target, declared, snapshot, selection).unwrap()
}

/// Steps as `action name <ids before it>`.
fn shown(plan: &Plan) -> Vec<String> {
    let one = |step: &Step| {
        let action = format!("{:?}", step.action).to_lowercase();
        let after: Vec<String> = step.after.iter().map(ToString::to_string).collect();
        format!("{} {action} {} <{}>", step.id, step.address.name(), after.join(","))
    };
    plan.steps.iter().map(one).collect()
}

fn destruction(named: &[&str]) -> Selection {
    Selection {
        destroy: true,
        destroy_data: named.iter().map(|text| at(text)).collect(),
        ..Selection::default()
    }
}

#[test]
fn births_follow_references_and_deletes_go_the_other_way() {
    let world =
        [declared("s/x/c", 1, &["s/x/b"]), declared("s/x/a", 1, &[]), declared("s/x/b", 1, &["s/x/a"])];
    let plan = decide(&world, &Snapshot::default(), &Selection::default());
    assert_eq!(shown(&plan), ["1 create a <>", "2 create b <1>", "3 create c <2>"]);
    let plan = decide(&world, &all_live(&world), &destruction(&[]));
    assert_eq!(shown(&plan), ["1 delete c <>", "2 delete b <1>", "3 delete a <2>"]);
}

#[test]
fn a_world_as_declared_needs_nothing() {
    let world = [declared("s/x/a", 1, &[]), declared("s/x/b", 1, &["s/x/a"])];
    let plan = decide(&world, &all_live(&world), &Selection::default());
    assert_eq!((shown(&plan), plan.summary.unchanged), (Vec::new(), 2));
}

#[test]
fn a_replacement_is_a_delete_and_a_birth() {
    let world = [declared("s/x/a", 1, &[])];
    let mut snapshot = all_live(&world);
    let found = snapshot.found.get_mut(&at("s/x/a")).unwrap();
    found.fields = Fields::default();
    found.fields.fixed("born", &0);
    let plan = decide(&world, &snapshot, &Selection::default());
    assert_eq!(shown(&plan), ["1 delete a <>", "2 replace a <1>"]);
    assert_eq!((plan.summary.replace, plan.summary.delete), (1, 0));
    assert_eq!(plan.steps[1].expects, Expects::Absent);
    assert!(plan.steps[1].notes.iter().any(|note| matches!(note, Note::Downtime { .. })));
}

#[test]
fn a_circle_is_named_with_its_path_and_a_loose_end_with_both_ends() {
    let circle = [declared("s/x/a", 1, &["s/x/b"]), declared("s/x/b", 1, &["s/x/a"])];
    let target = || Target { stage: "dev".into(), account: "1".into(), region: "r".into() };
    let error = plan(target(), &circle, &Snapshot::default(), &Selection::default()).unwrap_err();
    assert_eq!(error.to_string(), "resources refer to each other in a circle: s/x/a -> s/x/b -> s/x/a");
    let loose = [declared("s/x/a", 1, &["s/x/gone"])];
    let error = plan(target(), &loose, &Snapshot::default(), &Selection::default()).unwrap_err();
    assert_eq!(error.to_string(), "s/x/a refers to s/x/gone, which is not declared");
}

#[test]
fn it_may_mention_itself() {
    let world = [declared("s/x/a", 1, &["s/x/a"])];
    let plan = decide(&world, &Snapshot::default(), &Selection::default());
    assert_eq!(shown(&plan), ["1 create a <>"]);
    assert_eq!(plan.steps[0].changes[2].want, serde_json::json!(["arn:s/x/a"]));
}

#[test]
fn what_needs_something_absent_and_excluded_is_excluded_with_it() {
    let world = [declared("s/x/a", 1, &[]), declared("s/x/b", 1, &["s/x/a"]), declared("s/x/c", 1, &[])];
    let without_a = Selection { excluded: [at("s/x/a")].into(), ..Selection::default() };
    let plan = decide(&world, &Snapshot::default(), &without_a);
    assert_eq!(shown(&plan), ["1 create c <>"]);
    assert_eq!(plan.excluded[&at("s/x/b")], "needs s/x/a, which is excluded and not there");
    let mut snapshot = all_live(&world);
    snapshot.found.remove(&at("s/x/b"));
    assert_eq!(shown(&decide(&world, &snapshot, &without_a)), ["1 create b <>"]);
}

#[test]
fn a_target_brings_what_it_needs() {
    let world = [declared("s/x/a", 1, &[]), declared("s/x/b", 1, &["s/x/a"]), declared("s/x/c", 1, &[])];
    let only_b = Selection { targets: [at("s/x/b")].into(), ..Selection::default() };
    assert_eq!(shown(&decide(&world, &Snapshot::default(), &only_b)), ["1 create a <>", "2 create b <1>"]);
}

#[test]
fn an_orphan_goes_after_what_still_refers_to_it() {
    let gone = declared("s/x/old", 1, &[]);
    let user = declared("s/x/user", 2, &[]);
    let mut snapshot = all_live(std::slice::from_ref(&user));
    let found = snapshot.found.get_mut(&user.address).unwrap();
    found.fields.field("policy", &["arn:s/x/old/*"]);
    snapshot.orphans = vec![(gone.address.clone(), live(&gone))];
    let plan = decide(&[user], &snapshot, &Selection::default());
    assert_eq!(shown(&plan), ["1 update user <>", "2 delete old <1>"]);
}

#[test]
fn destruction_keeps_data_that_was_not_named_and_what_it_needs() {
    let world = [
        declared("s/x/key", 1, &[]),
        declared("s/x/data", 1, &["s/x/key"]),
        declared("s/x/rest", 1, &["s/x/key"]),
    ];
    let mut snapshot = all_live(&world);
    snapshot.found.get_mut(&at("s/x/data")).unwrap().holds = Holds::Data("items".into());
    let plan = decide(&world, &snapshot, &destruction(&[]));
    assert_eq!(shown(&plan), ["1 delete rest <>"]);
    assert_eq!(plan.kept[&at("s/x/data")], "it holds data: items");
    assert_eq!(plan.kept[&at("s/x/key")], "s/x/data is kept and needs it");
    assert_eq!(plan.summary.delete, 1);
    let plan = decide(&world, &snapshot, &destruction(&["s/x/data"]));
    assert_eq!((plan.kept.len(), plan.steps.len()), (0, 3));
    assert_eq!(plan.steps.last().unwrap().address, at("s/x/key"));
}

#[test]
fn an_orphan_with_data_blocks_until_it_is_named() {
    let gone = declared("s/x/old", 1, &[]);
    let mut found = live(&gone);
    found.holds = Holds::Data("items".into());
    found.tags = Some(Tags::from([("dn:address".into(), "s/x/old".into())]));
    let snapshot = Snapshot { orphans: vec![(gone.address.clone(), found)], ..Snapshot::default() };
    assert_eq!(decide(&[], &snapshot, &Selection::default()).blocks().count(), 1);
    let named = Selection { destroy_data: [gone.address].into(), ..Selection::default() };
    let plan = decide(&[], &snapshot, &named);
    assert_eq!(plan.blocks().count(), 0);
    assert!(plan.steps[0].notes.iter().any(|note| matches!(note, Note::LosesData { .. })));
}

#[test]
fn what_belongs_to_another_tool_is_not_touched() {
    let world = [declared("s/x/a", 2, &[])];
    let mut snapshot = all_live(&world);
    let found = snapshot.found.get_mut(&at("s/x/a")).unwrap();
    found.fields.field("more", &1);
    found.foreign = Some("the CloudFormation stack billing".into());
    assert_eq!(decide(&world, &snapshot, &Selection::default()).blocks().count(), 1);
}

proptest! {
    /// Whatever refers to what: every step comes after what it needs, in births and in deletes, and the plan is the
    /// same whenever it is made.
    #[test]
    fn order_holds_for_any_world(edges in proptest::collection::vec((0_usize..30, 0_usize..30), 0..90)) {
        let name = |number: usize| format!("s/x/r{number}");
        let world: Vec<Declared> = (0..30)
            .map(|number| {
                let needs: Vec<String> =
                    edges.iter().filter(|(from, to)| *from == number && to < from).map(|(_, to)| name(*to)).collect();
                declared(&name(number), 1, &needs.iter().map(String::as_str).collect::<Vec<_>>())
            })
            .collect();
        for (snapshot, selection) in
            [(Snapshot::default(), Selection::default()), (all_live(&world), destruction(&[]))]
        {
            let plan = decide(&world, &snapshot, &selection);
            prop_assert_eq!(plan.steps.len(), 30);
            let ids: BTreeMap<&Address, StepId> = plan.steps.iter().map(|step| (&step.address, step.id)).collect();
            for (from, to) in edges.iter().filter(|(from, to)| to < from) {
                let (user, needed) = (ids[&at(&name(*from))], ids[&at(&name(*to))]);
                let (first, second) = if selection.destroy { (user, needed) } else { (needed, user) };
                prop_assert!(first < second);
                let after = &plan.steps[second.0 as usize - 1].after;
                prop_assert!(after.contains(&first));
            }
            prop_assert_eq!(&plan, &decide(&world, &snapshot, &selection));
        }
    }
}
