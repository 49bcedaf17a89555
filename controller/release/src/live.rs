//! What the aliases of a stage serve, and the release that it is: AWS is asked, no file is believed.

use std::collections::{BTreeMap, BTreeSet};

use contract::function::FUNCTIONS;
use futures::future::try_join_all;
use kinds::{Place, Reader, kinds::function};
use model::{Address, Fault, Tags};

use crate::{Manifest, manifest::short};

/// What callers of one function get; `None` where the function or its alias is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serving {
    pub address: Address,
    /// The service whose code it is.
    pub service: &'static str,
    pub served: Option<Served>,
}

/// Alias to version to code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    pub version: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// Asks what every function of the contract serves: one round of calls.
///
/// # Errors
/// When Lambda refuses or does not answer.
pub async fn serving(aws: &Reader) -> Result<Vec<Serving>, Fault> {
    let asked = FUNCTIONS.iter().map(|shape| async move {
        let address = Address::new(shape.stack, "function", shape.name)
            .map_err(|error| Fault::Refused(model::fault::Cause::new(error.to_string())))?;
        let physical = aws.scope().name(&address);
        let place = Place { address: address.clone(), physical, tags: Tags::new() };
        let found = function::serving(&place, aws).await?;
        let served = found.map(|(version, sha256)| Served { version, sha256 });
        Ok(Serving { address, service: shape.service.package(), served })
    });
    try_join_all(asked).await
}

/// The digest of each service, as its functions serve it.
///
/// # Errors
/// Why the functions are not of one build, each reason once.
pub fn digests(all: &[Serving]) -> Result<BTreeMap<&'static str, String>, Vec<String>> {
    let mut found: BTreeMap<&'static str, BTreeSet<&str>> = BTreeMap::new();
    let mut reasons = Vec::new();
    for one in all {
        match &one.served {
            Some(served) => drop(found.entry(one.service).or_default().insert(&served.sha256)),
            None => reasons.push(format!("{} serves nobody yet", one.address)),
        }
    }
    for (service, digests) in &found {
        if digests.len() > 1 {
            let digests: Vec<&str> = digests.iter().map(|digest| short(digest)).collect();
            reasons.push(format!("the functions of {service} run different code: {}", digests.join(", ")));
        }
    }
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let one = |(service, digests): (_, BTreeSet<&str>)| Some((service, (*digests.first()?).to_owned()));
    Ok(found.into_iter().filter_map(one).collect())
}

impl Manifest {
    /// Whether these are its digests, all of them.
    #[must_use]
    pub fn is(&self, digests: &BTreeMap<&'static str, String>) -> bool {
        let ours = self.artefacts.iter().map(|(name, entry)| (name.as_str(), entry.sha256.as_str()));
        ours.eq(digests.iter().map(|(name, digest)| (*name, digest.as_str())))
    }
}
