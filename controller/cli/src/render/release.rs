//! Releases: what one holds, and what its way to a stage changes. Code and configuration are told apart.

use std::collections::{BTreeMap, BTreeSet};

use contract::function::FUNCTIONS;
use model::{Action, Plan};
use release::{Difference, Kept, Manifest, difference, manifest::short};
use serde_json::{Value, json};

use super::{
    page::{Page, Paint, Style},
    rows::{plan_text, sign_of},
    words::count,
};
use crate::verbs::Told;

/// A release that was made or found.
pub(crate) fn release_text(stage: &str, kept: &Kept, manifest: &Manifest, style: &Style) -> String {
    let mut page = Page::new(style);
    let dirty = if manifest.revision.dirty { ", dirty: it cannot be promoted" } else { "" };
    let head = format!(
        "{stage} · release {} of commit {}{dirty}",
        short(&kept.id),
        short(&manifest.revision.commit)
    );
    page.line(0, 2, &[Paint::Strong.of(head)]);
    page.line(2, 2, &[Paint::Faint.of(kept.id.clone())]);
    for (service, entry) in &manifest.artefacts {
        let functions = count(entry.contract.functions.len(), "function");
        page.line(4, 8, &[Paint::Plain.of(format!("{service:<12} {}  {functions}", short(&entry.sha256)))]);
    }
    page.done()
}

/// `{"version":1,"stage":…,"release":…,"number":…,"manifest":{…}}`.
pub(crate) fn release_json(stage: &str, kept: &Kept, manifest: &Manifest) -> String {
    let told = json!({
        "version": 1, "stage": stage, "release": kept.id, "number": kept.number, "manifest": manifest,
    });
    format!("{told:#}\n")
}

/// What a release changes in a stage: code, then configuration, then the plan.
pub(crate) fn promotion_text(told: &Told<'_>, difference: &Difference, plan: &Plan, style: &Style) -> String {
    let mut page = Page::new(style);
    let from = told.from.map(|from| format!("{from} to ")).unwrap_or_default();
    let commit = short(&told.manifest.revision.commit);
    let head = format!("release {} of commit {commit}: {from}{}", short(&told.manifest.id()), told.to);
    page.line(0, 2, &[Paint::Strong.of(head)]);
    if told.from.is_some() {
        let copied = match told.copied {
            0 => "its code is there already".to_owned(),
            number => format!("{} copied, nothing built", count(number, "artefact")),
        };
        page.line(2, 2, &[Paint::Faint.of(copied)]);
    }
    page.blank();
    page.line(2, 4, &[Paint::Strong.of("Code")]);
    for ((service, live, want), functions) in by_service(&difference.code) {
        let live = live.map_or("nothing", |live| short(live));
        let number = count(functions, "function");
        page.line(4, 8, &[Paint::Plain.of(format!("{service:<12} {live} → {}  {number}", short(want)))]);
    }
    if difference.code.is_empty() {
        page.line(4, 4, &[Paint::Faint.of("no change")]);
    }
    page.line(2, 4, &[Paint::Strong.of("Configuration")]);
    configuration(&mut page, &difference.configuration);
    page.blank();
    page.done() + &plan_text(plan, style)
}

fn configuration(page: &mut Page, all: &[difference::Configuration]) {
    if all.is_empty() {
        page.line(4, 4, &[Paint::Faint.of("no change")]);
    }
    let mut counted: BTreeMap<Action, usize> = BTreeMap::new();
    for one in all {
        if one.fields.is_empty() {
            *counted.entry(one.action).or_default() += 1;
            continue;
        }
        let (sign, paint) = sign_of(one.action);
        let address = Paint::Strong.of(one.address.to_string());
        let fields = Paint::Plain.of(format!("  {}", one.fields.join(", ")));
        page.line(4, 8, &[paint.of(format!("{sign} ")), address, fields]);
    }
    for (action, number) in counted {
        let (sign, paint) = sign_of(action);
        let word = format!("{action:?}").to_lowercase();
        let text = format!("{} to {word}", count(number, "resource"));
        page.line(4, 8, &[paint.of(format!("{sign} ")), Paint::Plain.of(text)]);
    }
}

/// Service, what is served and what will be, to how many functions.
fn by_service(code: &[difference::Code]) -> BTreeMap<(&'static str, Option<&str>, &str), usize> {
    let mut groups: BTreeMap<(&'static str, Option<&str>, &str), BTreeSet<&model::Address>> = BTreeMap::new();
    for one in code {
        let shape = FUNCTIONS.iter().find(|shape| shape.name == one.address.name());
        let service = shape.map_or("other", |shape| shape.service.package());
        groups.entry((service, one.live.as_deref(), &one.want)).or_default().insert(&one.address);
    }
    groups.into_iter().map(|(key, all)| (key, all.len())).collect()
}

/// `{"version":1,"from":…,"to":…,"release":…,"commit":…,"copied":n,"code":[…],"configuration":[…],"plan":{…}}`.
pub(crate) fn promotion_json(told: &Told<'_>, difference: &Difference, plan: &Plan) -> String {
    let told: Value = json!({
        "version": 1, "from": told.from, "to": told.to, "release": told.manifest.id(),
        "commit": told.manifest.revision.commit, "copied": told.copied,
        "code": difference.code, "configuration": difference.configuration, "plan": plan,
    });
    format!("{told:#}\n")
}
