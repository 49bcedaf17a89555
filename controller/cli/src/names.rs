//! Where host names lead: the machine's resolver, or an embedded account, whose world has its own.

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use kinds::Names;
use model::BoxFuture;
use sandbox::Account;

/// A resolver that does not answer must not hold up a plan.
const PATIENCE: Duration = Duration::from_secs(3);

/// As this machine resolves them.
pub(crate) struct Resolver;

impl Names for Resolver {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, BTreeSet<IpAddr>> {
        Box::pin(async move {
            let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((host, 443))).await;
            let found = found.ok().and_then(Result::ok).into_iter().flatten();
            found.map(|address| address.ip()).collect()
        })
    }
}

/// As they are where only the account is.
pub(crate) struct Embedded(pub(crate) Account);

impl Names for Embedded {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, BTreeSet<IpAddr>> {
        Box::pin(async move { self.0.addresses(host).into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn this_machine_resolves_its_own_name() {
        let found = Resolver.addresses("localhost").await;
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }

    #[tokio::test]
    async fn where_only_the_account_is_nothing_else_has_addresses() {
        let account = Account::in_memory("000000000000", "us-east-1", sandbox::Clock::simulated());
        assert!(Embedded(account).addresses("localhost").await.is_empty());
    }
}
