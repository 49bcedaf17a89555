//! What takes part, and in which order.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{Action, Draft, NOT_TARGETED, PlanError, References, Selection};
use crate::{
    Address, Declared, Snapshot, graph,
    lint::{Note, Sides, notes},
};

pub(super) fn check_references(declared: &[Declared], references: &References<'_>) -> Result<(), PlanError> {
    let index: HashMap<&Address, usize> =
        declared.iter().enumerate().map(|(number, one)| (&one.address, number)).collect();
    let mut before = Vec::with_capacity(declared.len());
    for one in declared {
        let mut edges = Vec::new();
        for to in references[&one.address] {
            let Some(number) = index.get(to) else {
                return Err(PlanError::Dangling {
                    from: Box::new(one.address.clone()),
                    to: Box::new(to.clone()),
                });
            };
            edges.push(*number);
        }
        before.push(edges);
    }
    let named = |cycle: Vec<usize>| {
        PlanError::Cycle(cycle.into_iter().map(|n| declared[n].address.clone()).collect())
    };
    graph::order(&before).map(|_| ()).map_err(named)
}

/// Everything left out: by name, by not being targeted, or because it needs something absent that was left out.
pub(super) fn exclusions(
    declared: &[Declared],
    references: &References<'_>,
    snapshot: &Snapshot,
    selection: &Selection,
) -> BTreeMap<Address, String> {
    let mut excluded = BTreeMap::new();
    let mut wanted: BTreeSet<Address> = BTreeSet::new();
    let mut queue: Vec<Address> = selection.targets.iter().cloned().collect();
    while let Some(next) = queue.pop() {
        if let (Some(needs), true) = (references.get(&next), wanted.insert(next.clone())) {
            queue.extend(needs.iter().cloned());
        }
    }
    for one in declared {
        if selection.excluded.contains(&one.address) {
            excluded.insert(one.address.clone(), "excluded by name".to_owned());
        } else if !selection.targets.is_empty() && !wanted.contains(&one.address) {
            excluded.insert(one.address.clone(), NOT_TARGETED.to_owned());
        }
    }
    if excluded.is_empty() {
        return excluded;
    }
    let mut users: BTreeMap<&Address, Vec<&Address>> = BTreeMap::new();
    for (one, needs) in references {
        needs.iter().for_each(|to| users.entry(to).or_default().push(one));
    }
    let mut queue: Vec<Address> = excluded.keys().cloned().collect();
    while let Some(missing) = queue.pop() {
        if snapshot.found.contains_key(&missing) || selection.destroy {
            continue;
        }
        for user in users.get(&missing).into_iter().flatten() {
            if !excluded.contains_key(*user) {
                excluded.insert((*user).clone(), format!("needs {missing}, which is excluded and not there"));
                queue.push((*user).clone());
            }
        }
    }
    excluded
}

/// Draws the edges: births after what they refer to, deletes before what they refer to.
pub(super) fn connect(drafts: &mut [Draft<'_>], references: &References<'_>) {
    let mut births: HashMap<&Address, usize> = HashMap::new();
    let mut deletes: HashMap<&Address, usize> = HashMap::new();
    // Attributes of what will be deleted, to recognise them inside what is live.
    let mut doomed: HashMap<&str, usize> = HashMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        if draft.action == Action::Delete {
            deletes.insert(draft.address, index);
            let outputs = draft.found.into_iter().flat_map(|found| &found.outputs);
            doomed.extend(outputs.map(|(_, value)| (value.as_str(), index)));
        } else {
            births.insert(draft.address, index);
        }
    }
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let wanted = references.get(draft.address).filter(|_| draft.declared.is_some());
        for to in wanted.into_iter().copied().flatten() {
            if draft.action != Action::Delete {
                edges.extend(births.get(to).map(|earlier| (*earlier, index)));
            } else if let Some(later) = deletes.get(to) {
                edges.push((index, *later));
            }
        }
        if draft.action == Action::Replace {
            edges.extend(deletes.get(draft.address).map(|earlier| (*earlier, index)));
        }
        if let Some(found) = draft.found.filter(|_| !doomed.is_empty() && draft.action != Action::Replace) {
            let mut later = BTreeSet::new();
            found.fields.rows().iter().for_each(|row| mentioned(&row.value, &doomed, &mut later));
            edges.extend(later.into_iter().filter(|later| *later != index).map(|later| (index, later)));
        }
    }
    // A live circle (two policies that name each other) must not stop a delete: an edge against one already drawn
    // is left out.
    let mut drawn: BTreeSet<(usize, usize)> = BTreeSet::new();
    for (earlier, later) in edges {
        if !drawn.contains(&(later, earlier)) && drawn.insert((earlier, later)) {
            drafts[later].before.push(earlier);
        }
    }
}

fn mentioned(value: &Value, doomed: &HashMap<&str, usize>, into: &mut BTreeSet<usize>) {
    match value {
        Value::String(text) => {
            // `arn:…:bucket/*` mentions the bucket.
            let bare = text.trim_end_matches('*').trim_end_matches(['/', ':']);
            into.extend(doomed.get(bare).or_else(|| doomed.get(text.as_str())));
        }
        Value::Array(items) => items.iter().for_each(|item| mentioned(item, doomed, into)),
        Value::Object(members) => members.values().for_each(|member| mentioned(member, doomed, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes out of a destruction what must be kept, and what the kept refers to. Says why.
pub(super) fn keep_data(
    drafts: &mut Vec<Draft<'_>>,
    order: &[usize],
    selection: &Selection,
) -> BTreeMap<Address, String> {
    let mut kept: BTreeMap<usize, String> = BTreeMap::new();
    for index in order {
        let draft = &drafts[*index];
        let sides = Sides { want: &draft.want, live: &draft.live };
        let notes = notes(draft.action, draft.declared, &sides, draft.found, &draft.changes, selection);
        let why = notes.into_iter().find_map(|note| match note {
            Note::Blocked { why, .. } => Some(why),
            _ => None,
        });
        // What is deleted before another refers to it.
        let user = || draft.before.iter().find(|user| kept.contains_key(user));
        let why = why.or_else(|| Some(format!("{} is kept and needs it", drafts[*user()?].address)));
        kept.extend(why.map(|why| (*index, why)));
    }
    let mut places = vec![None; drafts.len()];
    let left: Vec<usize> = (0..drafts.len()).filter(|index| !kept.contains_key(index)).collect();
    for (place, index) in left.into_iter().enumerate() {
        places[index] = Some(place);
    }
    let why = kept.iter().map(|(index, why)| (drafts[*index].address.clone(), why.clone())).collect();
    let mut index = 0;
    drafts.retain_mut(|draft| {
        draft.before = draft.before.iter().filter_map(|earlier| places[*earlier]).collect();
        index += 1;
        places[index - 1].is_some()
    });
    why
}

pub(super) fn order_drafts(drafts: &[Draft<'_>]) -> Result<Vec<usize>, PlanError> {
    let before: Vec<Vec<usize>> = drafts.iter().map(|draft| draft.before.clone()).collect();
    let named =
        |cycle: Vec<usize>| PlanError::Cycle(cycle.into_iter().map(|n| drafts[n].address.clone()).collect());
    graph::order(&before).map_err(named)
}
