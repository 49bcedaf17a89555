//! AWS to a snapshot: everything at once; the lanes do the pacing, list calls serve many.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt, stream::FuturesUnordered};
use model::{Address, Declared, Estate, Fault, Found, Snapshot};

use crate::Progress;

/// What a run knows before it decides.
#[derive(Clone, Debug, Default)]
pub struct Observation {
    pub declared: Vec<Declared>,
    pub snapshot: Snapshot,
    /// What others attached to what the stage owns.
    pub attached: Vec<String>,
}

/// Looks at everything declared but `skipped`, and for what is owned and not declared.
///
/// A skipped resource is looked at all the same when another one refers to it; then a failure counts as "not there".
///
/// # Errors
/// Every fault of every resource, so that a person sees them all at once.
pub async fn observe(
    estate: &dyn Estate,
    skipped: &BTreeSet<Address>,
    progress: &dyn Progress,
) -> Result<Observation, Vec<Fault>> {
    let watched = estate.watched();
    let declared: Vec<Declared> = watched.iter().map(|one| one.declared().clone()).collect();
    let needed: BTreeSet<Address> = declared
        .iter()
        .filter(|one| !skipped.contains(&one.address))
        .flat_map(|one| one.references.iter().cloned())
        .collect();
    let due: Vec<_> = watched
        .iter()
        .filter(|one| !skipped.contains(&one.declared().address) || needed.contains(&one.declared().address))
        .collect();
    let total = due.len();
    let mut looks: FuturesUnordered<_> =
        due.iter().map(|one| async { (one.declared().address.clone(), one.observe().await) }).collect();
    let all = async {
        let (mut found, mut faults) = (BTreeMap::new(), Vec::new());
        let mut done = 0;
        while let Some((address, answer)) = looks.next().await {
            done += 1;
            progress.observed(done, total);
            match answer {
                Ok(Some(one)) => drop(found.insert(address, one)),
                Ok(None) => {}
                Err(_) if skipped.contains(&address) => {}
                Err(fault) => faults.push((address, fault)),
            }
        }
        (found, faults)
    };
    let ((found, mut faults), orphans, attached) =
        futures::join!(all, orphans(estate, &declared), estate.attached());
    faults.sort_by(|a, b| a.0.cmp(&b.0));
    let mut faults: Vec<Fault> = faults.into_iter().map(|(_, fault)| fault).collect();
    let orphans = orphans.unwrap_or_else(|more| {
        faults.extend(more);
        Vec::new()
    });
    let attached = attached.unwrap_or_else(|fault| {
        faults.push(fault);
        Vec::new()
    });
    if !faults.is_empty() {
        return Err(distinct(faults));
    }
    let declared = watched.iter().map(|one| one.resolved()).collect();
    Ok(Observation { declared, snapshot: Snapshot { found, orphans }, attached })
}

/// What is owned and not declared, or declared under another physical name.
async fn orphans(estate: &dyn Estate, declared: &[Declared]) -> Result<Vec<(Address, Found)>, Vec<Fault>> {
    // Known by kind and name in AWS: kinds that cannot be tagged make up an address for what they find.
    let known: BTreeSet<(&str, &str)> =
        declared.iter().map(|one| (one.address.kind(), one.physical.as_str())).collect();
    let owned = estate.owned().await.map_err(|fault| vec![fault])?;
    let stray: BTreeSet<(Address, String)> = owned
        .into_iter()
        .filter(|(address, physical)| !known.contains(&(address.kind(), physical.as_str())))
        .collect();
    let looks = stray.iter().filter_map(|(address, physical)| {
        let watched = estate.watch_orphan(address, physical)?;
        Some(async move { (address.clone(), watched.observe().await) })
    });
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (address, answer) in futures::future::join_all(looks).await {
        match answer {
            Ok(Some(one)) => found.push((address, one)),
            Ok(None) => {}
            Err(fault) => faults.push(fault),
        }
    }
    found.sort_by(|(a, x), (b, y)| (a, &x.physical).cmp(&(b, &y.physical)));
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// A failed list call is every asker's fault: it is told once.
fn distinct(faults: Vec<Fault>) -> Vec<Fault> {
    let mut told: Vec<Fault> = Vec::new();
    for fault in faults {
        if !told.contains(&fault) {
            told.push(fault);
        }
    }
    told
}
