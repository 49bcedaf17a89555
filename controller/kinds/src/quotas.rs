//! AWS's quotas, reckoned over what is declared before anything is looked at: each sum is spelled out.
//!
//! What would be refused half-way through an apply, or accepted and then not honoured (rates that add
//! up to more than the account has), is said while it is still only a declaration.
//!
//! | module | what it adds up |
//! | --- | --- |
//! | `rates` | calls a second and at once: keys against stages, stages against the account |
//! | `sizes` | bytes and characters of environments and policies |
//! | `limits` | what the account may have |
//! | `counts` | how many of a thing there may be in another, or in the account |

use std::fmt;

use model::Address;

use crate::{Scope, World};

mod counts;
mod limits;
mod rates;
mod sizes;

pub use limits::Limits;

/// A quota that the declarations are beyond.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exceeded {
    /// The resource; `None` is the whole account.
    pub address: Option<Address>,
    pub rule: Rule,
    /// How much, and of what.
    pub sum: Vec<(u64, String)>,
    pub limit: u64,
}

/// What is counted, and where the figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    pub says: &'static str,
    pub unit: &'static str,
}

impl Exceeded {
    #[must_use]
    pub fn total(&self) -> u64 {
        self.sum.iter().map(|(amount, _)| amount).sum()
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.address.as_ref().map_or_else(|| "the account".to_owned(), ToString::to_string);
        let sum: Vec<String> = self.sum.iter().map(|(amount, what)| format!("{amount} {what}")).collect();
        let Rule { says, unit } = self.rule;
        write!(f, "{at}: {says}: {} = {} {unit}, and the limit is ", sum.join(" + "), self.total())?;
        write!(f, "{}", self.limit)
    }
}

/// Sums that were checked; those beyond their limit are kept.
#[derive(Default)]
struct Ledger {
    exceeded: Vec<Exceeded>,
}

impl Ledger {
    fn check(
        &mut self,
        address: Option<&Address>,
        rule: Rule,
        sum: impl IntoIterator<Item = (u64, String)>,
        limit: impl Into<u64>,
    ) {
        let one =
            Exceeded { address: address.cloned(), rule, sum: sum.into_iter().collect(), limit: limit.into() };
        if one.total() > one.limit {
            self.exceeded.push(one);
        }
    }

    /// One for each name.
    fn count<T: ToString>(
        &mut self,
        address: Option<&Address>,
        rule: Rule,
        names: impl IntoIterator<Item = T>,
        limit: impl Into<u64>,
    ) {
        self.check(address, rule, names.into_iter().map(|name| (1, name.to_string())), limit);
    }
}

/// Every quota that the declarations are beyond.
#[must_use]
pub fn exceeded(world: &World, scope: &Scope, limits: &Limits) -> Vec<Exceeded> {
    let specs = world.specs(scope);
    let mut ledger = Ledger::default();
    rates::check(&specs, limits, &mut ledger);
    sizes::check(&specs, &mut ledger);
    counts::check(&specs, limits, &mut ledger);
    ledger.exceeded
}
