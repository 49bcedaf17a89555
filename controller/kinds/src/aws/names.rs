//! Where host names lead, as the world's DNS says: the one thing that no API of AWS tells.

use std::{collections::BTreeSet, net::IpAddr};

use model::BoxFuture;

use crate::Reader;

/// The world's DNS.
pub trait Names: Send + Sync {
    /// The addresses of a host; none when it has none, or when nobody answered in time.
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, BTreeSet<IpAddr>>;
}

/// What DNS says of a host that is meant to lead to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leads {
    There,
    NotThere,
    /// Nobody was there to ask.
    Unknown,
}

impl Reader {
    /// Whether `host` has an address of `target`.
    pub(crate) async fn leads(&self, host: &str, target: &str) -> Leads {
        let Some(names) = self.clients().names() else { return Leads::Unknown };
        let (have, want) = futures::join!(names.addresses(host), names.addresses(target));
        match (want.is_empty(), have.is_disjoint(&want)) {
            (true, _) => Leads::Unknown,
            (false, false) => Leads::There,
            (false, true) => Leads::NotThere,
        }
    }
}
