//! Roles for the workflows of the forge, which prove who they are with a token and keep no key.
//!
//! | role | who | may |
//! | --- | --- | --- |
//! | `ci-look` | every workflow of the repository | look at everything, and read the control bucket |
//! | `ci-change` | jobs of the environment that people approve | change the stage |

use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{identity_provider::IdentityProvider, role::Role},
    reads,
};
use model::{
    Text,
    policy::{Policy, Statement},
};

use crate::{Environment, environment::Ci, operations::STACK};

const GITHUB: &str = "https://token.actions.githubusercontent.com";

/// Whom GitHub's tokens are made for when AWS is to take them.
const AUDIENCE: &str = "sts.amazonaws.com";

/// Everything but identities and organisations (AWS managed policies reference).
const POWER_USER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";

/// What the kinds do with roles and providers.
const ROLES: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:GetRole",
    "iam:GetRolePolicy",
    "iam:ListAttachedRolePolicies",
    "iam:ListRolePolicies",
    "iam:PassRole",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRole",
];
const PROVIDERS: &[&str] = &[
    "iam:AddClientIDToOpenIDConnectProvider",
    "iam:CreateOpenIDConnectProvider",
    "iam:DeleteOpenIDConnectProvider",
    "iam:GetOpenIDConnectProvider",
    "iam:RemoveClientIDFromOpenIDConnectProvider",
    "iam:TagOpenIDConnectProvider",
    "iam:UntagOpenIDConnectProvider",
];
/// Lists, which have no resource level.
const LISTS: &[&str] =
    &["iam:GetAccountAuthorizationDetails", "iam:ListOpenIDConnectProviders", "iam:ListRoles"];

/// Declares the provider and the roles, where the environment names a forge.
pub(crate) fn declare(world: &mut World, environment: &Environment) -> Result<(), DeclareError> {
    let Some(ci) = &environment.ci else { return Ok(()) };
    let provider = world.add(STACK, "github", IdentityProvider::at(GITHUB, AUDIENCE))?;
    let Ci { repository, environment: approved } = ci;
    let control = Text::of(&crate::control_bucket(), "arn").then("/*");
    let journal = Statement::allow(["s3:GetObject"], [control.to_string()]).sid("control");
    let (region, account) = (environment.region.as_str(), environment.account.as_str());
    // A plan tells what deleting would lose, so it looks whether there is anything.
    let reads = reads::statements(region, account).into_iter().chain(reads::whether_empty(region, account));
    let reads = reads.chain([journal]);
    let looks = Role {
        description: Some("Workflows that plan and look for drift.".to_owned()),
        inline: Some(Policy::new(reads)),
        ..Role::trusting(trust(&provider, "StringLike", &format!("repo:{repository}:*")))
    };
    world.add(STACK, "ci-look", looks)?;
    let change = format!("repo:{repository}:environment:{approved}");
    let changes = Role {
        description: Some("Workflows that people approved.".to_owned()),
        managed: [POWER_USER.to_owned()].into(),
        inline: Some(identities(environment)),
        ..Role::trusting(trust(&provider, "StringEquals", &change))
    };
    world.add(STACK, "ci-change", changes).map(|_| ())
}

/// Tokens of these subjects, made for AWS.
fn trust(provider: &Handle<IdentityProvider>, operator: &str, subject: &str) -> Policy {
    let host = GITHUB.trim_start_matches("https://");
    let statement = Statement::allow(["sts:AssumeRoleWithWebIdentity"], [""; 0])
        .to_federated(&provider.arn().text().to_string())
        .when("StringEquals", &format!("{host}:aud"), AUDIENCE)
        .when(operator, &format!("{host}:sub"), subject);
    Policy::new([statement])
}

/// Roles of this project and the forge's provider: what [`POWER_USER`] leaves out.
fn identities(environment: &Environment) -> Policy {
    let (account, project) = (environment.account.as_str(), &environment.project);
    let host = GITHUB.trim_start_matches("https://");
    Policy::new([
        Statement::allow(ROLES.iter().copied(), [format!("arn:aws:iam::{account}:role/{project}-*")])
            .sid("roles"),
        Statement::allow(PROVIDERS.iter().copied(), [format!("arn:aws:iam::{account}:oidc-provider/{host}")])
            .sid("provider"),
        Statement::allow(LISTS.iter().copied(), ["*"]).sid("list"),
    ])
}
