//! A plan to what a person must notice, before what is big.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Action, Change, Declared, Fields, Found, Holds, Impact, Selection,
    policy::{self, Policy},
    receipt::{Origin, Receipt},
};

/// Something that a person must notice about a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "kebab-case")]
pub enum Note {
    /// The step must not run until a person acts.
    Blocked { why: String, hint: String },
    /// What the resource holds is gone afterwards.
    LosesData { what: String },
    /// Who gains what.
    Widens { gained: Vec<String> },
    /// Nothing answers under this name for a while.
    Downtime { why: String },
    /// What cannot be undone, and why.
    Irreversible { why: String },
    /// Somebody changed these fields since the last apply: they are put back.
    Overwrites { fields: Vec<String> },
    /// It exists and nobody's tags are on it: the stage takes it over.
    Adopts,
    /// About how long, and why.
    TakesLong { seconds: u32, why: String },
}

/// Both sides of a step as they were compared.
pub struct Sides<'a> {
    pub want: &'a Fields,
    pub live: &'a Fields,
}

/// The notes of one step, the gravest first.
pub fn notes(
    action: Action,
    declared: Option<&Declared>,
    sides: &Sides<'_>,
    found: Option<&Found>,
    changes: &[Change],
    selection: &Selection,
) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(found) = found {
        notes.extend(foreign(found));
        if action == Action::Delete {
            notes.extend(farewell(declared, found, changes, selection));
        }
        if let Action::Update | Action::Replace = action {
            notes.extend(blocked_fields(changes));
            notes.extend(by_hand(sides, found, changes));
        }
    }
    // A new resource's own policy is its design and no widening.
    if let Action::Update | Action::Replace = action {
        let gained: Vec<String> = changes.iter().flat_map(gained).collect();
        if !gained.is_empty() {
            notes.push(Note::Widens { gained });
        }
    }
    if let Some(slow) = declared.and_then(|one| one.slow.as_ref()).filter(|_| action == Action::Update) {
        let seconds = slow.seconds(changes);
        notes.extend((seconds > 0).then(|| Note::TakesLong { seconds, why: slow.why.clone() }));
    }
    if action == Action::Replace {
        let fixed = changes
            .iter()
            .filter(|change| change.impact == Impact::Replace)
            .map(|change| change.field.as_str());
        let why = format!(
            "deleted and made again, because {} cannot be changed",
            fixed.collect::<Vec<_>>().join(", ")
        );
        notes.push(Note::Downtime { why });
    }
    notes
}

fn foreign(found: &Found) -> Option<Note> {
    let owner = found.foreign.as_ref()?;
    Some(Note::Blocked {
        why: format!("it belongs to {owner}"),
        hint: "give the resource another name under `names` in the environment, or release it there"
            .to_owned(),
    })
}

/// What deleting loses, and whether it is allowed to.
fn farewell(
    declared: Option<&Declared>,
    found: &Found,
    changes: &[Change],
    selection: &Selection,
) -> Vec<Note> {
    let mut notes = Vec::new();
    if let Some(lock) = &found.protected {
        notes.push(Note::Blocked {
            why: lock.clone(),
            hint: "switch the protection off in the environment and apply that first".to_owned(),
        });
    }
    let named = declared.is_some_and(|one| selection.destroy_data.contains(&one.address))
        || selection.destroy_data.iter().any(|address| found.tags_name(address));
    match &found.holds {
        Holds::Data(what) => {
            if !named {
                let hint =
                    "name it with --destroy-data ADDRESS, or leave it out with --exclude ADDRESS".to_owned();
                notes.push(Note::Blocked { why: format!("it holds data: {what}"), hint });
            }
            notes.push(Note::LosesData { what: what.clone() });
        }
        // What a plan sees may be hours old: the step looks into the resource itself, and must be allowed to.
        Holds::Nothing if named => {
            notes.push(Note::LosesData { what: "whatever it holds by then".to_owned() })
        }
        Holds::Nothing => {}
    }
    // What is empty loses nothing; a replacement loses its identity all the same.
    let matters = found.holds != Holds::Nothing || !changes.is_empty();
    notes.extend(found.irreversible.clone().filter(|_| matters).map(|why| Note::Irreversible { why }));
    notes
}

fn blocked_fields(changes: &[Change]) -> Option<Note> {
    let blocked: Vec<&Change> = changes.iter().filter(|change| change.impact == Impact::Blocked).collect();
    let fields = blocked.iter().map(|change| change.field.as_str()).collect::<Vec<_>>().join(", ");
    (!blocked.is_empty()).then(|| Note::Blocked {
        why: format!("changing {fields} would destroy what it holds"),
        hint: "declare a second resource beside it, move the data, then remove this one".to_owned(),
    })
}

/// Tells a change made by hand from an edited spec, by the receipt of the last apply.
fn by_hand(sides: &Sides<'_>, found: &Found, changes: &[Change]) -> Option<Note> {
    let tags = found.tags.as_ref()?;
    let Some(receipt) = Receipt::read(tags) else {
        let ours = tags.keys().any(|key| key.starts_with("dn:"));
        return (!ours).then_some(Note::Adopts);
    };
    let outside = |change: &&Change| receipt.origin(&change.field, sides.want, sides.live) == Origin::Outside;
    let fields: Vec<String> = changes.iter().filter(outside).map(|change| change.field.clone()).collect();
    (!fields.is_empty()).then_some(Note::Overwrites { fields })
}

/// What a changed policy gives to whom.
fn gained(change: &Change) -> Vec<String> {
    let policy = |value: &Value| value.get("Statement").and_then(|_| Policy::deserialize(value).ok());
    match (policy(&change.live), policy(&change.want)) {
        (None, None) => Vec::new(),
        (live, want) => policy::gained(live.as_ref(), want.as_ref()),
    }
}
