//! Which resources take part: globs on the command line to addresses.

use std::collections::BTreeSet;

use engine::Observation;
use globset::{GlobBuilder, GlobMatcher};

use model::{Address, Declared, Selection};

use crate::{args::Choice, exit::Failure};

/// Resolves the choices of a command line against what is declared.
pub(crate) fn select(choice: &Choice, declared: &[Declared]) -> Result<Selection, Failure> {
    let mut targets = matching("--target", &choice.target, declared)?;
    if !targets.is_empty() {
        // It holds the lock, so that two runs of parts keep out of each other's way.
        targets.insert(stacks::control_bucket());
    }
    Ok(Selection {
        targets,
        excluded: matching("--exclude", &choice.exclude, declared)?,
        destroy_data: named(&choice.destroy_data)?,
        destroy: false,
    })
}

/// Refuses names that are nothing: neither declared nor owned and found.
pub(crate) fn known(selection: &Selection, seen: &Observation) -> Result<(), Failure> {
    let flags = [
        ("--target", &selection.targets),
        ("--exclude", &selection.excluded),
        ("--destroy-data", &selection.destroy_data),
    ];
    for (flag, addresses) in flags {
        let stranger = addresses.iter().find(|at| {
            let declared = seen.declared.iter().any(|one| one.address == **at);
            !declared && !seen.snapshot.orphans.iter().any(|(orphan, _)| orphan == *at)
        });
        if let Some(at) = stranger {
            return Err(stranger_named(flag, &at.to_string(), &seen.declared));
        }
    }
    Ok(())
}

fn stranger_named(flag: &str, text: &str, declared: &[Declared]) -> Failure {
    Failure::error(format!("{flag} {text}: no resource has such an address")).hint(nearest(text, declared))
}

/// Addresses that are excluded by name.
pub(crate) fn excluded(globs: &[String], declared: &[Declared]) -> Result<BTreeSet<Address>, Failure> {
    matching("--exclude", globs, declared)
}

/// Addresses without wildcards, declared or not: an orphan can be named too.
pub(crate) fn named(texts: &[String]) -> Result<BTreeSet<Address>, Failure> {
    let one = |text: &String| {
        text.parse().map_err(|error| {
            Failure::error(format!("--destroy-data: {error}"))
                .hint("every resource is named by its whole address")
        })
    };
    texts.iter().map(one).collect()
}

fn matching(flag: &str, globs: &[String], declared: &[Declared]) -> Result<BTreeSet<Address>, Failure> {
    let mut chosen = BTreeSet::new();
    for text in globs {
        let glob = glob(flag, text)?;
        let before = chosen.len();
        chosen.extend(
            declared.iter().map(|one| &one.address).filter(|at| glob.is_match(at.to_string())).cloned(),
        );
        if chosen.len() > before {
            continue;
        }
        // An orphan is not declared, but can be named in full.
        match text.parse() {
            Ok(address) if !chosen.contains(&address) => drop(chosen.insert(address)),
            Ok(_) => {}
            Err(_) => return Err(stranger_named(flag, text, declared)),
        }
    }
    Ok(chosen)
}

fn glob(flag: &str, text: &str) -> Result<GlobMatcher, Failure> {
    // A `*` stays inside its part of the address, so that 'outreach/*/x' means what it looks like.
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.map(|glob| glob.compile_matcher()).map_err(|error| {
        Failure::error(format!("{flag} {text}: {error}")).hint("write an address such as 'outreach/table/*'")
    })
}

/// The declared address that looks most like `text`.
pub(crate) fn nearest(text: &str, declared: &[Declared]) -> String {
    let distance = |at: &String| {
        let common = at.chars().zip(text.chars()).take_while(|(a, b)| a == b).count();
        (std::cmp::Reverse(common), at.clone())
    };
    match declared.iter().map(|one| one.address.to_string()).min_by_key(distance) {
        Some(near) => format!("addresses are stack/kind/name, such as {near}; `dn graph STAGE` lists all"),
        None => "this stage declares nothing".to_owned(),
    }
}
