//! The roles that an identity pool hands out. A resource of its own, without outputs: the role's trust policy names
//! the pool's id, and this names the role, so the pool could not name it without a circle.
//!
//! Surprises: `SetIdentityPoolRoles` replaces roles and mappings; whether a role exists and trusts the pool is only
//! found out when somebody signs in; there is nothing to delete, so an attachment without roles is none.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_cognitoidentity::{
    operation::get_identity_pool_roles::GetIdentityPoolRolesOutput,
    types::{
        AmbiguousRoleResolutionType, MappingRule, MappingRuleMatchType, RoleMapping, RoleMappingType,
        RulesConfigurationType,
    },
};
use model::{Address, Fault, Fields, Outputs, Ref, Text};
use serde::{Deserialize, Serialize};

use super::{
    identity_pool::{ABSENT, IdentityPool, find},
    role::Role,
};
use crate::{Live, Place, Reader, Resource, Scope, Writer, aws::Absent};

const SIGNED_IN: &str = "authenticated";
const SIGNED_OUT: &str = "unauthenticated";

/// Which roles people get.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IdentityPoolRoles {
    /// By name.
    pub pool: Ref<IdentityPool>,
    /// Of people who signed in, by ARN; its trust policy is [`IdentityPool::trust`].
    pub authenticated: Option<Ref<Role>>,
    /// Of everybody else, where the pool allows them.
    pub unauthenticated: Option<Ref<Role>>,
    /// Other roles for people of a provider, by the provider's name (for user pools with `:` and the client).
    pub mappings: BTreeMap<String, Mapping>,
}

/// How the role of a person is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    pub choice: Choice,
    /// Whether people whom nothing applies to get the role of all who signed in, or none.
    pub default_role: bool,
}

/// What decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The provider's token names the role.
    Token,
    /// The first that applies, at most 25.
    Rules(Vec<Rule>),
}

/// One condition on a claim of the token.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    pub claim: String,
    pub matches: Matches,
    pub value: String,
    /// By ARN.
    pub role: Text,
}

/// How a claim is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matches {
    Equals,
    NotEqual,
    Contains,
    StartsWith,
}

impl Matches {
    fn sdk(self) -> MappingRuleMatchType {
        match self {
            Self::Equals => MappingRuleMatchType::Equals,
            Self::NotEqual => MappingRuleMatchType::NotEqual,
            Self::Contains => MappingRuleMatchType::Contains,
            Self::StartsWith => MappingRuleMatchType::StartsWith,
        }
    }

    fn of(word: &MappingRuleMatchType) -> Option<Self> {
        [Self::Equals, Self::NotEqual, Self::Contains, Self::StartsWith]
            .into_iter()
            .find(|one| one.sdk() == *word)
    }
}

impl Mapping {
    fn sdk(&self, at: &Place) -> Result<RoleMapping, Fault> {
        let broken = |error: aws_sdk_cognitoidentity::error::BuildError| {
            Fault::refused(&at.address, error.to_string())
        };
        let rule = |rule: &Rule| {
            let ask = MappingRule::builder().claim(&rule.claim).match_type(rule.matches.sdk());
            ask.value(&rule.value).role_arn(rule.role.as_str()).build().map_err(broken)
        };
        let (of, rules) = match &self.choice {
            Choice::Token => (RoleMappingType::Token, None),
            Choice::Rules(rules) => {
                let rules: Vec<MappingRule> = rules.iter().map(rule).collect::<Result<_, _>>()?;
                let rules =
                    RulesConfigurationType::builder().set_rules(Some(rules)).build().map_err(broken)?;
                (RoleMappingType::Rules, Some(rules))
            }
        };
        let otherwise = match self.default_role {
            true => AmbiguousRoleResolutionType::AuthenticatedRole,
            false => AmbiguousRoleResolutionType::Deny,
        };
        let ask = RoleMapping::builder().r#type(of).ambiguous_role_resolution(otherwise);
        ask.set_rules_configuration(rules).build().map_err(broken)
    }

    fn read(mapping: &RoleMapping) -> Option<Self> {
        let rule = |rule: &MappingRule| {
            Some(Rule {
                claim: rule.claim.clone(),
                matches: Matches::of(&rule.match_type)?,
                value: rule.value.clone(),
                role: rule.role_arn.as_str().into(),
            })
        };
        let choice = match mapping.rules_configuration() {
            None => Choice::Token,
            Some(rules) => Choice::Rules(rules.rules().iter().map(rule).collect::<Option<_>>()?),
        };
        let default_role =
            mapping.ambiguous_role_resolution() == Some(&AmbiguousRoleResolutionType::AuthenticatedRole);
        Some(Self { choice, default_role })
    }
}

impl IdentityPoolRoles {
    /// One role, for people who signed in.
    #[must_use]
    pub fn of(pool: Ref<IdentityPool>, authenticated: Ref<Role>) -> Self {
        Self { pool, authenticated: Some(authenticated), unauthenticated: None, mappings: BTreeMap::new() }
    }

    fn read(at: &Place, shown: &GetIdentityPoolRolesOutput) -> Result<Self, Fault> {
        let role = |of: &str| Some(Ref::live(shown.roles()?.get(of)?.as_str()));
        let unknown = |provider: &str| {
            Fault::refused(
                &at.address,
                format!("the mapping of {provider} has a rule that this tool does not know"),
            )
            .hint("remove that mapping by hand")
        };
        let mut mappings = BTreeMap::new();
        for (provider, mapping) in shown.role_mappings().into_iter().flatten() {
            mappings.insert(provider.clone(), Mapping::read(mapping).ok_or_else(|| unknown(provider))?);
        }
        Ok(Self {
            pool: Ref::live(at.name()),
            authenticated: role(SIGNED_IN),
            unauthenticated: role(SIGNED_OUT),
            mappings,
        })
    }

    async fn set(&self, at: &Place, id: &str, aws: &Writer) -> Result<(), Fault> {
        let role =
            |of: &str, role: &Option<Ref<Role>>| Some((of.to_owned(), role.as_ref()?.text().to_string()));
        let roles: HashMap<String, String> =
            [role(SIGNED_IN, &self.authenticated), role(SIGNED_OUT, &self.unauthenticated)]
                .into_iter()
                .flatten()
                .collect();
        let mut mappings = HashMap::new();
        for (provider, mapping) in &self.mappings {
            mappings.insert(provider.clone(), mapping.sdk(at)?);
        }
        aws.write(at, "cognito-identity", "SetIdentityPoolRoles", || {
            let ask = aws.cognito().set_identity_pool_roles().identity_pool_id(id);
            ask.set_roles(Some(roles.clone())).set_role_mappings(Some(mappings.clone())).send()
        })
        .await?;
        Ok(())
    }
}

/// The id of the pool by its name: this stage's, or nobody's.
async fn pool_of(at: &Place, aws: &Reader) -> Result<Option<String>, Fault> {
    let is_pool = |owner: &Address| owner.kind() == IdentityPool::KIND;
    Ok(find(&at.address, at.name(), &is_pool, aws).await?.map(|pool| pool.identity_pool_id))
}

impl Resource for IdentityPoolRoles {
    const KIND: &'static str = "identity pool roles";
    const TAGGED: bool = false;

    /// The pool's name.
    fn physical_of(&self, _: &Scope, _: &Address) -> String {
        self.pool.text().to_string()
    }

    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self { pool, authenticated, unauthenticated, mappings } = self;
        to.fixed("pool", pool);
        to.field("authenticated", authenticated);
        to.field("unauthenticated", unauthenticated);
        to.each("mapping", mappings);
    }

    /// What is attached to the pools of this stage. Which address it had is not written down anywhere: it gets the
    /// stack and the name of its pool.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let pools = IdentityPool::owned(aws).await?.into_iter();
        let all = pools.filter_map(|(pool, name)| {
            let address = Address::new(pool.stack(), Self::KIND, pool.name()).ok()?;
            Some((address, name))
        });
        let looks = all.map(|(address, name)| async move {
            let at = Place { address, physical: name, tags: model::Tags::new() };
            let there = Self::observe(&at, aws).await?.is_some();
            Ok::<_, Fault>(there.then_some((at.address, at.physical)))
        });
        Ok(futures::future::try_join_all(looks).await?.into_iter().flatten().collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let Some(id) = pool_of(at, aws).await? else { return Ok(None) };
        let answer = aws
            .read(&at.address, "cognito-identity", "GetIdentityPoolRoles", || {
                aws.cognito().get_identity_pool_roles().identity_pool_id(&id).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(shown) = answer else { return Ok(None) };
        let actual = Self::read(at, &shown)?;
        if actual.authenticated.is_none() && actual.unauthenticated.is_none() && actual.mappings.is_empty() {
            return Ok(None);
        }
        Ok(Some(Live::new(actual, Outputs::new(), None)))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        if live.is_some_and(|live| live.actual == *self) {
            return Ok(Outputs::new());
        }
        if self.authenticated.is_none() && self.unauthenticated.is_none() && self.mappings.is_empty() {
            return Err(
                Fault::refused(&at.address, "it attaches no role").hint("declare a role, or leave it out")
            );
        }
        let id = pool_of(at, aws).await?.ok_or_else(|| {
            Fault::refused(&at.address, format!("there is no identity pool called {}", at.name()))
                .hint("apply the pool first")
        })?;
        self.set(at, &id, aws).await?;
        Ok(Outputs::new())
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let Some(id) = pool_of(at, aws).await? else { return Ok(()) };
        let bare = Self {
            pool: Ref::live(at.name()),
            authenticated: None,
            unauthenticated: None,
            mappings: BTreeMap::new(),
        };
        bare.set(at, &id, aws).await
    }
}
