//! What holds for every plan, not only for those that somebody thought of.

use std::collections::BTreeMap;

use model::{Action, Drift, Impact, Note, Plan, Step, drift::Drifted};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Style, at, change, plan_of, step};
use crate::render::{drift_markdown, drift_text, plan_json, plan_markdown, plan_text, read_plan};

/// Words, long identifiers, references, and characters that act on terminals.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}( [a-z]{1,8}){0,12}",
        "arn:aws:[a-z]{2,9}:eu-west-1:[0-9]{12}:[a-z/-]{1,90}",
        Just("@{shared/key/data#arn}".to_owned()),
        "[ -~\\n\\t\\x1b|`]{0,60}",
        "\\PC{0,40}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map("[a-zA-Z:]{1,12}", inner, 0..5).prop_map(|members| json!(members)),
        ]
    })
}

fn note() -> impl Strategy<Value = Note> {
    prop_oneof![
        (text(), text()).prop_map(|(why, hint)| Note::Blocked { why, hint }),
        text().prop_map(|what| Note::LosesData { what }),
        prop::collection::vec(text(), 1..4).prop_map(|gained| Note::Widens { gained }),
        text().prop_map(|why| Note::Downtime { why }),
        text().prop_map(|why| Note::Irreversible { why }),
        prop::collection::vec("[a-z_]{1,20}", 1..4).prop_map(|fields| Note::Overwrites { fields }),
        Just(Note::Adopts),
        (any::<u32>(), text()).prop_map(|(seconds, why)| Note::TakesLong { seconds, why }),
    ]
}

fn address() -> impl Strategy<Value = String> {
    "[a-z]{1,10}/[a-z]{1,8}( [a-z]{1,5})?/[a-z0-9-]{1,40}"
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let action =
        prop_oneof![Just(Action::Create), Just(Action::Update), Just(Action::Replace), Just(Action::Delete)];
    let impact = prop_oneof![Just(Impact::InPlace), Just(Impact::Replace), Just(Impact::Blocked)];
    let field = ("[a-z_]{1,16}(\\.[a-zA-Z:]{1,30})?", value(), value(), impact);
    let changes = prop::collection::vec(field, 0..5).prop_map(|all| {
        all.into_iter()
            .map(|(name, live, want, impact)| {
                let mut one = change(&name, live, want);
                one.impact = impact;
                one
            })
            .collect::<Vec<_>>()
    });
    let one = (address(), action, changes, prop::collection::vec(note(), 0..3));
    let one = one.prop_map(|(address, action, changes, notes)| step(&address, action, changes, notes));
    prop::collection::vec(one, 0..14)
}

fn plans() -> impl Strategy<Value = Plan> {
    let excluded = prop::collection::btree_map(address(), text(), 0..4);
    let findings = prop::collection::btree_map(address(), prop::collection::vec(text(), 1..3), 0..3);
    (steps(), excluded, findings).prop_map(|(steps, excluded, findings)| {
        let mut plan = plan_of(steps);
        plan.excluded = excluded.into_iter().map(|(address, why)| (at(&address), why)).collect();
        plan.findings =
            findings.into_iter().map(|(address, all)| (at(&address), all)).collect::<BTreeMap<_, _>>();
        plan
    })
}

fn drift_of(plan: Plan) -> Drift {
    let drifted = plan.steps.into_iter().map(|step| Drifted {
        address: step.address,
        kind: step.kind,
        changes: step.changes,
        explained: vec![],
        causes: vec![],
    });
    Drift {
        version: 1,
        stage: plan.stage,
        drifted: drifted.collect(),
        unmanaged: plan.excluded.into_values().collect(),
        missing: plan.findings.into_keys().collect(),
        accepted: vec![],
        excluded: Default::default(),
        coverage: Default::default(),
        sources: Default::default(),
        last_changes: Default::default(),
        field_changes: Default::default(),
    }
}

fn keeps_to(width: usize, text: &str) -> Result<(), TestCaseError> {
    for line in text.lines() {
        prop_assert!(line.chars().count() <= width, "{} columns: {line:?}", line.chars().count());
        prop_assert_eq!(line.trim_end_matches(' '), line);
    }
    prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{:?}", text);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_line_exceeds_the_width_and_no_value_acts_on_the_terminal(plan in plans(), width in 40_usize..160) {
        let style = Style { width, colour: false, quiet: false };
        keeps_to(width, &plan_text(&plan, &style))?;
        keeps_to(width, &plan_text(&plan, &Style { quiet: true, ..style }))?;
        keeps_to(width, &drift_text(&drift_of(plan), &style))?;
    }

    #[test]
    fn colour_changes_no_character(plan in plans(), width in 40_usize..160) {
        let style = Style { width, colour: true, quiet: false };
        let coloured = plan_text(&plan, &style);
        let plain = plan_text(&plan, &Style { colour: false, ..style });
        prop_assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    }

    #[test]
    fn every_address_is_named(plan in plans()) {
        let text = plan_text(&plan, &Style { width: 160, colour: false, quiet: false });
        for step in &plan.steps {
            prop_assert!(text.contains(step.address.name()), "{} is missing", step.address);
        }
    }

    #[test]
    fn a_plan_file_reads_back(plan in plans()) {
        prop_assert_eq!(read_plan(&plan_json(&plan)), Ok(plan));
    }

    #[test]
    fn comments_hold_no_control_characters(plan in plans()) {
        for text in [plan_markdown(&plan), drift_markdown(&drift_of(plan.clone()))] {
            prop_assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
        }
    }
}
