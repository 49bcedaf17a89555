//! Old versions: each is a way back for a moment, and counts to the 75 GB of code that an account may have.
//!
//! `dn rollback` publishes a release anew from its artefact, so it needs no old version: those that are kept are for a
//! person who moves the alias by hand. Who calls a version by its number, and not through an alias, is not known here.

use std::collections::BTreeSet;

use model::Fault;

use super::{Alias, Function};
use crate::{Place, Writer, aws::Absent};

/// Versions that are kept beside those that an alias names, the newest first.
const KEPT: usize = 5;

impl Function {
    /// Deletes what nobody is served by and no way back leads to. `version` is served now, and `before` is the alias as
    /// it was until this step. Whatever a run that was cut off has left, the next change of the function takes.
    pub(super) async fn prune(
        &self,
        at: &Place,
        before: Option<&Alias>,
        version: &str,
        aws: &Writer,
    ) -> Result<(), Fault> {
        // Numbers only grow, so there cannot be more than this one and those that are kept.
        if number(version).is_none_or(|number| number <= KEPT as u64 + 1) {
            return Ok(());
        }
        let before = before.into_iter().flat_map(|alias| alias.weights.keys().chain([&alias.version]));
        let before: BTreeSet<&str> = before.map(String::as_str).collect();
        let mut served = BTreeSet::from([version.to_owned()]);
        let published = published(at, aws).await?;
        if old(&published, &served, &before).next().is_none() {
            return Ok(());
        }
        served.extend(named(at, aws).await?);
        for number in old(&published, &served, &before) {
            let qualifier = number.to_string();
            let deleted = aws
                .write(at, "lambda", "DeleteFunction", || {
                    aws.lambda().delete_function().function_name(at.name()).qualifier(&qualifier).send()
                })
                .await;
            match deleted {
                // Somebody has pointed an alias at it meanwhile.
                Err(error) if error.is("ResourceConflictException") => {}
                other => drop(other.absent_on(super::ABSENT)?),
            }
        }
        Ok(())
    }
}

/// The number of a version; `$LATEST` has none.
fn number(version: &str) -> Option<u64> {
    version.parse().ok()
}

/// What may go of these: all that nobody is served by but the newest, and what was served before.
fn old(
    published: &BTreeSet<u64>,
    served: &BTreeSet<String>,
    before: &BTreeSet<&str>,
) -> impl Iterator<Item = u64> {
    let idle = published.iter().rev().copied().filter(|number| !served.contains(&number.to_string()));
    idle.skip(KEPT).filter(|number| !before.contains(number.to_string().as_str()))
}

async fn published(at: &Place, aws: &Writer) -> Result<BTreeSet<u64>, Fault> {
    let (mut found, mut marker) = (BTreeSet::new(), None::<String>);
    loop {
        let page = aws
            .read(&at.address, "lambda", "ListVersionsByFunction", || {
                let ask = aws.lambda().list_versions_by_function().function_name(at.name());
                ask.set_marker(marker.clone()).send()
            })
            .await?;
        found.extend(page.versions().iter().filter_map(|one| number(one.version()?)));
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

/// Every version that an alias names, whosever it is, those with a part of the calls too.
async fn named(at: &Place, aws: &Writer) -> Result<BTreeSet<String>, Fault> {
    let (mut found, mut marker) = (BTreeSet::new(), None::<String>);
    loop {
        let page = aws
            .read(&at.address, "lambda", "ListAliases", || {
                let ask = aws.lambda().list_aliases().function_name(at.name());
                ask.set_marker(marker.clone()).send()
            })
            .await?;
        for alias in page.aliases() {
            found.extend(alias.function_version().map(str::to_owned));
            let weights = alias.routing_config().and_then(|routing| routing.additional_version_weights());
            found.extend(weights.into_iter().flatten().map(|(version, _)| version.clone()));
        }
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(published: std::ops::RangeInclusive<u64>, served: &[&str], before: &str, wanted: &[u64]) {
        let served = served.iter().map(|version| (*version).to_owned()).collect();
        let found: Vec<u64> = old(&published.collect(), &served, &[before].into()).collect();
        assert_eq!(found, wanted);
    }

    #[test]
    fn the_newest_stay_and_so_does_what_is_or_was_served() {
        check(1..=6, &["6"], "5", &[]);
        check(1..=7, &["7"], "6", &[1]);
        check(1..=9, &["9", "1"], "8", &[3, 2]);
        check(1..=9, &["9"], "2", &[3, 1]);
        check(1..=9, &["3", "2"], "$LATEST", &[4, 1]);
    }
}
