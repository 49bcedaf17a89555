//! A Cognito identity pool: credentials of this account for people who signed in elsewhere. Outputs: `id`, `arn`,
//! `name`.
//!
//! Surprises: names are not unique, so the pool of an address is told by its tags, and one without an owner only by
//! its name; `CreateIdentityPool` makes another pool each time, so it is looked for before and after; an update
//! replaces everything, and what is left out falls back to its default; the name of a developer's provider is for
//! ever. Roles are not settings of the pool but attached to it: see
//! [`IdentityPoolRoles`](super::identity_pool_roles::IdentityPoolRoles), which is a resource of its own because the
//! role must name the pool's id in its trust policy, and the attachment the role.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_cognitoidentity::{
    operation::describe_identity_pool::DescribeIdentityPoolOutput, types::CognitoIdentityProvider,
};
use futures::future::try_join_all;
use model::{
    Address, Fault, Fields, Outputs, Ref, Tags, Text,
    policy::{Policy, Statement},
};
use serde::{Deserialize, Serialize};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, reads, tag_changes, whole_account},
};

reads!(aws_sdk_cognitoidentity:
    describe_identity_pool DescribeIdentityPoolFluentBuilder,
    get_identity_pool_roles GetIdentityPoolRolesFluentBuilder,
    list_identity_pools ListIdentityPoolsFluentBuilder,
);

pub(super) const ABSENT: &[&str] = &["ResourceNotFoundException"];
/// In the credentials' token, and in the trust policy of roles.
const ISSUER: &str = "cognito-identity.amazonaws.com";
/// The most that a list call gives at a time.
const PAGE: i32 = 60;

/// Gives credentials of this account to people who signed in elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityPool {
    /// Whether people get credentials who signed in nowhere.
    pub allow_unauthenticated: bool,
    /// The older flow, in which the client itself asks STS for a role.
    pub classic_flow: bool,
    /// Apps by the host of a public provider, such as `accounts.google.com`.
    pub login_providers: BTreeMap<String, String>,
    /// ARNs of OpenID Connect providers in IAM. Firebase is one: `securetoken.google.com/PROJECT`.
    pub oidc_providers: BTreeSet<Text>,
    /// ARNs of SAML providers in IAM.
    pub saml_providers: BTreeSet<Text>,
    /// Clients of Cognito user pools.
    pub user_pools: BTreeSet<UserPool>,
    /// The name under which the company's own servers vouch for people. For ever: no change, no removal.
    pub developer_provider: Option<String>,
}

/// A client of a Cognito user pool.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UserPool {
    /// `cognito-idp.REGION.amazonaws.com/POOL`.
    pub provider: Text,
    pub client: Text,
    /// Whether the pool is asked if the person has signed out since.
    pub check_sign_out: bool,
}

impl IdentityPool {
    /// For people who signed in by OpenID Connect, and for nobody else.
    #[must_use]
    pub fn for_oidc(provider_arn: impl Into<Text>) -> Self {
        Self {
            allow_unauthenticated: false,
            classic_flow: false,
            login_providers: BTreeMap::new(),
            oidc_providers: BTreeSet::from([provider_arn.into()]),
            saml_providers: BTreeSet::new(),
            user_pools: BTreeSet::new(),
            developer_provider: None,
        }
    }

    /// The trust policy of a role for people who signed in, in this pool only. Without the pool's id, every pool of
    /// every account could use the role (developer guide, "Role trust and permissions").
    #[must_use]
    pub fn trust(pool_id: &Ref<Self>) -> Policy {
        let nothing: [&str; 0] = [];
        Policy::new([Statement::allow(["sts:AssumeRoleWithWebIdentity"], nothing)
            .to_federated(ISSUER)
            .when("StringEquals", &format!("{ISSUER}:aud"), pool_id.text().as_str())
            .when("ForAnyValue:StringLike", &format!("{ISSUER}:amr"), "authenticated")])
    }

    fn read(pool: &DescribeIdentityPoolOutput) -> Self {
        let texts = |arns: &[String]| arns.iter().map(|arn| Text::from(arn.as_str())).collect();
        let text = |text: Option<&str>| Text::from(text.unwrap_or_default());
        let client = |one: &CognitoIdentityProvider| UserPool {
            provider: text(one.provider_name()),
            client: text(one.client_id()),
            check_sign_out: one.server_side_token_check.unwrap_or(false),
        };
        let logins = pool.supported_login_providers().cloned().unwrap_or_default();
        Self {
            allow_unauthenticated: pool.allow_unauthenticated_identities,
            classic_flow: pool.allow_classic_flow.unwrap_or(false),
            login_providers: logins.into_iter().collect(),
            oidc_providers: texts(pool.open_id_connect_provider_arns()),
            saml_providers: texts(pool.saml_provider_arns()),
            user_pools: pool.cognito_identity_providers().iter().map(client).collect(),
            developer_provider: pool
                .developer_provider_name()
                .filter(|name| !name.is_empty())
                .map(str::to_owned),
        }
    }

    fn sdk_logins(&self) -> HashMap<String, String> {
        self.login_providers.clone().into_iter().collect()
    }

    fn sdk_user_pools(&self) -> Vec<CognitoIdentityProvider> {
        let one = |pool: &UserPool| {
            CognitoIdentityProvider::builder()
                .provider_name(pool.provider.as_str())
                .client_id(pool.client.as_str())
                .server_side_token_check(pool.check_sign_out)
                .build()
        };
        self.user_pools.iter().map(one).collect()
    }
}

fn arns(texts: &BTreeSet<Text>) -> Option<Vec<String>> {
    Some(texts.iter().map(ToString::to_string).collect())
}

/// Whether a physical name is the id of a pool: names hold no colon.
fn is_id(physical: &str) -> bool {
    physical.contains(':')
}

fn arn_of(id: &str, scope: &Scope) -> String {
    scope.arn("cognito-identity", &format!("identitypool/{id}"))
}

fn id_of_arn(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:aws:cognito-identity:")?.split_once(":identitypool/").map(|(_, id)| id)
}

fn tags_of(pool: &DescribeIdentityPoolOutput) -> Tags {
    pool.identity_pool_tags().cloned().unwrap_or_default().into_iter().collect()
}

fn outputs_of(pool: &DescribeIdentityPoolOutput, scope: &Scope) -> Outputs {
    Outputs::from([
        ("arn".to_owned(), arn_of(&pool.identity_pool_id, scope)),
        ("id".to_owned(), pool.identity_pool_id.clone()),
        ("name".to_owned(), pool.identity_pool_name.clone()),
    ])
}

impl Resource for IdentityPool {
    const KIND: &'static str = "identity pool";
    const IRREVERSIBLE: Option<&'static str> =
        Some("its id and the identities of all people in it never come back");

    fn known(_: &Scope, physical: &str) -> Outputs {
        let attribute = if is_id(physical) { "id" } else { "name" };
        Outputs::from([(attribute.to_owned(), physical.to_owned())])
    }

    /// The id: an ARN does not tell the name.
    fn physical_of_arn(arn: &str) -> Option<String> {
        id_of_arn(arn).map(str::to_owned)
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            allow_unauthenticated,
            classic_flow,
            login_providers,
            oidc_providers,
            saml_providers,
            user_pools,
            developer_provider,
        } = self;
        to.field("allow_unauthenticated", allow_unauthenticated);
        to.field("classic_flow", classic_flow);
        to.field("login_providers", login_providers);
        to.field("oidc_providers", oidc_providers);
        to.field("saml_providers", saml_providers);
        to.field("user_pools", user_pools);
        to.blocked("developer_provider", developer_provider);
    }

    /// By name where that finds it, else (a second one of the same address) by id.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let (owned, mut found) = (aws.owned().await?, BTreeMap::new());
        for (arn, tags) in owned.iter() {
            let address = aws.scope().owned_address(tags).filter(|address| address.kind() == Self::KIND);
            if let Some((address, id)) = address.zip(id_of_arn(arn)) {
                found.insert(id.to_owned(), address);
            }
        }
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let (names, mut all) = (names(aws).await?, BTreeSet::new());
        for (id, address) in found {
            let Some(name) = names.get(&id) else { continue };
            if !all.insert((address.clone(), name.clone())) {
                all.insert((address, id));
            }
        }
        Ok(all.into_iter().collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let found = match is_id(at.name()) {
            true => describe(&at.address, at.name(), aws).await?,
            false => find(&at.address, at.name(), &|owner| *owner == at.address, aws).await?,
        };
        let live = |pool: DescribeIdentityPoolOutput| {
            Live::new(Self::read(&pool), outputs_of(&pool, aws.scope()), Some(tags_of(&pool)))
        };
        Ok(found.map(live))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let Some(live) = live else { return self.create(at, aws).await };
        let developer = &live.actual.developer_provider;
        if developer.is_some() && *developer != self.developer_provider {
            return Err(Fault::refused(&at.address, "the name of a developer's provider is for ever")
                .hint("declare a second pool, and move its users"));
        }
        let (id, arn) = (&live.outputs["id"], &live.outputs["arn"]);
        let tags = live.tags.clone().unwrap_or_default();
        if *self != live.actual {
            self.update(at, id, &tags, aws).await?;
        }
        let (set, unset) = tag_changes(&tags, &at.tags);
        if !unset.is_empty() {
            aws.write(at, "cognito-identity", "UntagResource", || {
                aws.cognito().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
            })
            .await?;
        }
        if !set.is_empty() {
            let set: HashMap<String, String> = set.into_iter().collect();
            aws.write(at, "cognito-identity", "TagResource", || {
                aws.cognito().tag_resource().resource_arn(arn).set_tags(Some(set.clone())).send()
            })
            .await?;
        }
        Ok(live.outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let id = &live.outputs["id"];
        aws.write(at, "cognito-identity", "DeleteIdentityPool", || {
            aws.cognito().delete_identity_pool().identity_pool_id(id).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl IdentityPool {
    /// One call, tags and receipt included: a run that dies after it finds the pool by them.
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Outputs, Fault> {
        let tags: HashMap<String, String> = at.tags.clone().into_iter().collect();
        let made = aws
            .write(at, "cognito-identity", "CreateIdentityPool", || {
                aws.cognito()
                    .create_identity_pool()
                    .identity_pool_name(at.name())
                    .allow_unauthenticated_identities(self.allow_unauthenticated)
                    .allow_classic_flow(self.classic_flow)
                    .set_supported_login_providers(Some(self.sdk_logins()))
                    .set_open_id_connect_provider_arns(arns(&self.oidc_providers))
                    .set_saml_provider_arns(arns(&self.saml_providers))
                    .set_cognito_identity_providers(Some(self.sdk_user_pools()))
                    .set_developer_provider_name(self.developer_provider.clone())
                    .set_identity_pool_tags(Some(tags.clone()))
                    .send()
            })
            .await?;
        // Unlisted, it would be made a second time by the next run.
        let waiting = Waiting::up_to(60, "the new identity pool to be listed");
        let found = aws.until(at, waiting, || async {
            let listed = list(&at.address, aws).await?;
            Ok(listed.contains_key(&made.identity_pool_id).then_some(()))
        });
        found.await?;
        let scope = aws.scope();
        Ok(Outputs::from([
            ("arn".to_owned(), arn_of(&made.identity_pool_id, scope)),
            ("id".to_owned(), made.identity_pool_id.clone()),
            ("name".to_owned(), at.name().to_owned()),
        ]))
    }

    /// Gives the tags that are there along: the API's text does not say whether leaving them out keeps them.
    async fn update(&self, at: &Place, id: &str, tags: &Tags, aws: &Writer) -> Result<(), Fault> {
        let tags: HashMap<String, String> = tags
            .iter()
            .filter(|(key, _)| !key.starts_with("aws:"))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect();
        aws.write(at, "cognito-identity", "UpdateIdentityPool", || {
            aws.cognito()
                .update_identity_pool()
                .identity_pool_id(id)
                .identity_pool_name(at.name())
                .allow_unauthenticated_identities(self.allow_unauthenticated)
                .allow_classic_flow(self.classic_flow)
                .set_supported_login_providers(Some(self.sdk_logins()))
                .set_open_id_connect_provider_arns(arns(&self.oidc_providers))
                .set_saml_provider_arns(arns(&self.saml_providers))
                .set_cognito_identity_providers(Some(self.sdk_user_pools()))
                .set_developer_provider_name(self.developer_provider.clone())
                .set_identity_pool_tags(Some(tags.clone()))
                .send()
        })
        .await?;
        Ok(())
    }
}

async fn describe(at: &Address, id: &str, aws: &Reader) -> Result<Option<DescribeIdentityPoolOutput>, Fault> {
    aws.read(at, "cognito-identity", "DescribeIdentityPool", || {
        aws.cognito().describe_identity_pool().identity_pool_id(id).send()
    })
    .await
    .absent_on(ABSENT)
}

/// The pool of this name whose tags name an address of this stage that `is_owner`; else the one that nobody owns or
/// another stage does, which is taken over or refused by whoever asks.
pub(super) async fn find(
    at: &Address,
    name: &str,
    is_owner: &(dyn Fn(&Address) -> bool + Sync),
    aws: &Reader,
) -> Result<Option<DescribeIdentityPoolOutput>, Fault> {
    let names = if aws.alone() { std::sync::Arc::new(list(at, aws).await?) } else { names(aws).await? };
    let ids = names.iter().filter(|(_, of)| *of == name).map(|(id, _)| describe(at, id, aws));
    let pools: Vec<_> = try_join_all(ids).await?.into_iter().flatten().collect();
    let ours = |pool: &&DescribeIdentityPoolOutput| {
        aws.scope().owned_address(&tags_of(pool)).is_some_and(|owner| is_owner(&owner))
    };
    if let Some(pool) = pools.iter().find(ours) {
        return Ok(Some(pool.clone()));
    }
    // What is another address's of this stage is not up for grabs.
    let mut others = pools.into_iter().filter(|pool| aws.scope().owned_address(&tags_of(pool)).is_none());
    match (others.next(), others.next()) {
        (one, None) => Ok(one),
        (_, Some(_)) => {
            Err(Fault::refused(at, format!("several identity pools are called {name}, and none is its own"))
                .hint("delete or rename all but one, or tag the right one with this address"))
        }
    }
}

/// Names by id, listed once in a run of looking.
async fn names(aws: &Reader) -> Result<std::sync::Arc<BTreeMap<String, String>>, Fault> {
    aws.once("cognito-identity:ListIdentityPools", list(&whole_account("identity-pools"), aws)).await
}

async fn list(at: &Address, aws: &Reader) -> Result<BTreeMap<String, String>, Fault> {
    let (mut all, mut token) = (BTreeMap::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "cognito-identity", "ListIdentityPools", || {
                aws.cognito().list_identity_pools().max_results(PAGE).set_next_token(token.clone()).send()
            })
            .await?;
        let pools = page.identity_pools.unwrap_or_default();
        all.extend(pools.into_iter().filter_map(|pool| pool.identity_pool_id.zip(pool.identity_pool_name)));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_tells_the_id() {
        let arn = "arn:aws:cognito-identity:us-east-1:000000000000:identitypool/us-east-1:0a-1b";
        assert_eq!(IdentityPool::physical_of_arn(arn).as_deref(), Some("us-east-1:0a-1b"));
        assert_eq!(IdentityPool::physical_of_arn("arn:aws:cognito-idp:us-east-1:0:userpool/x"), None);
        assert!(is_id("us-east-1:0a-1b") && !is_id("dn-prod-reports"));
    }
}
