//! What is declared, kind by kind and typed again: for questions that are about more than one resource.

use std::collections::BTreeMap;

use model::{
    Address, Outputs,
    text::{self, Reference},
};
use serde_json::Value;

use crate::{Resource, Scope};

/// Every declared spec with what names alone tell filled in.
pub struct Specs {
    values: Vec<(Address, Value)>,
    known: BTreeMap<Address, Outputs>,
    scope: Scope,
}

impl Specs {
    pub(crate) fn new(
        specs: impl IntoIterator<Item = (Address, Value)>,
        known: BTreeMap<Address, Outputs>,
        scope: &Scope,
    ) -> Self {
        let look_up = |to: &Reference| known.get(&to.address)?.get(&to.attribute).cloned();
        let fill = |(address, value)| (address, text::resolve_value(value, &look_up));
        Self { values: specs.into_iter().map(fill).collect(), known, scope: scope.clone() }
    }

    /// The specs of one kind; what only AWS decides is still a reference.
    ///
    /// # Panics
    /// When a spec does not read back as it was written: a bug in the kind, which its laws find.
    #[must_use]
    pub fn of<R: Resource>(&self) -> Vec<(Address, R)> {
        self.read(Clone::clone)
    }

    /// The same, with texts of full length where AWS decides: for sizes.
    ///
    /// # Panics
    /// As [`of`](Self::of).
    #[must_use]
    pub fn full_length<R: Resource>(&self) -> Vec<(Address, R)> {
        self.read(|value| text::resolve_value(value.clone(), &|to| Some(self.stand_in(to))))
    }

    fn read<R: Resource>(&self, fill: impl Fn(&Value) -> Value) -> Vec<(Address, R)> {
        let ours = self.values.iter().filter(|(address, _)| address.kind() == R::KIND);
        ours.map(|(address, value)| {
            let spec = serde_json::from_value(fill(value));
            (address.clone(), spec.expect("what a kind writes, it reads"))
        })
        .collect()
    }

    /// As long as what AWS will say: ids have a length of their own.
    fn stand_in(&self, to: &Reference) -> String {
        let known = |attribute| self.known.get(&to.address).and_then(|known| known.get(attribute)).cloned();
        let scope = &self.scope;
        let id = |length| "?".repeat(length);
        match (to.address.kind(), to.attribute.as_str()) {
            // The name and six more characters.
            ("secret", "arn") => known("arn_pattern").unwrap_or_else(|| id(64)),
            ("key", "arn") => scope.arn("kms", &format!("key/{}", id(36))),
            ("rest api", "id") => id(10),
            ("rest api", "execution_arn") => scope.arn("execute-api", &id(10)),
            ("rest api", "url") => {
                format!("https://{}.execute-api.{}.amazonaws.com/{}", id(10), scope.region, id(8))
            }
            ("distribution", "arn") => {
                format!("arn:aws:cloudfront::{}:distribution/{}", scope.account, id(14))
            }
            ("distribution", "domain") => format!("{}.cloudfront.net", id(14)),
            ("identity pool", _) => format!("{}:{}", scope.region, id(36)),
            _ => id(64),
        }
    }
}
