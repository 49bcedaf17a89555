//! Examples of what identity pools hand out, and the trust that this needs.

use std::collections::BTreeMap;

use kinds::{
    KINDS, World,
    kinds::{
        identity_pool::IdentityPool,
        identity_pool_roles::{Choice, IdentityPoolRoles, Mapping, Matches, Rule},
        role::Role,
    },
};
use model::{Address, Ref};

use super::{Example, apply, fresh, hold, world_of, writer};

const PROVIDER: &str = "cognito-idp.us-east-1.amazonaws.com/us-east-1_abc:client";

/// A pool, a role that trusts only it, and another one: no circle.
fn pool_and_role(world: &mut World) -> (Ref<IdentityPool>, Ref<Role>) {
    let firebase = "arn:aws:iam::000000000000:oidc-provider/securetoken.google.com/dn";
    let pool = world.add("laws", "people", IdentityPool::for_oidc(firebase)).expect("an address");
    let trust = IdentityPool::trust(&pool.by("id"));
    let role = world.add("laws", "reader", Role::trusting(trust.clone())).expect("an address");
    world.add("laws", "other", Role::trusting(trust)).expect("an address");
    (pool.by("name"), role.arn())
}

fn other() -> Ref<Role> {
    Ref::to(&"laws/role/other".parse::<Address>().expect("an address"), "arn")
}

fn rule(matches: Matches) -> Rule {
    let role = other().text().clone();
    Rule { claim: "custom:team".to_owned(), matches, value: "finance".to_owned(), role }
}

fn rules(rules: impl IntoIterator<Item = Rule>) -> Mapping {
    Mapping { choice: Choice::Rules(rules.into_iter().collect()), default_role: false }
}

pub(crate) fn examples() -> [Example<IdentityPoolRoles>; 2] {
    [
        Example {
            name: "one role",
            declare: |world| {
                let (pool, role) = pool_and_role(world);
                IdentityPoolRoles::of(pool, role)
            },
            mutations: &[
                ("authenticated", |roles| roles.authenticated = Some(other())),
                ("unauthenticated", |roles| roles.unauthenticated = Some(other())),
                ("mapping", |roles| {
                    let token = Mapping { choice: Choice::Token, default_role: true };
                    roles.mappings.insert(PROVIDER.to_owned(), token);
                }),
            ],
        },
        Example {
            name: "everything set",
            declare: |world| {
                let (pool, role) = pool_and_role(world);
                let two = world.add(
                    "laws",
                    "second",
                    IdentityPool::for_oidc("arn:aws:iam::000000000000:oidc-provider/x"),
                );
                two.expect("an address");
                IdentityPoolRoles {
                    pool,
                    authenticated: Some(role),
                    unauthenticated: Some(other()),
                    mappings: BTreeMap::from([(
                        PROVIDER.to_owned(),
                        rules([rule(Matches::Equals), rule(Matches::StartsWith)]),
                    )]),
                }
            },
            mutations: &[
                ("pool", |roles| {
                    let second: Address = "laws/identity pool/second".parse().expect("an address");
                    roles.pool = Ref::to(&second, "name");
                }),
                ("authenticated", |roles| roles.authenticated = None),
                ("unauthenticated", |roles| roles.unauthenticated = None),
                ("mapping", |roles| roles.mappings.clear()),
                ("mapping", |roles| {
                    let all = [rule(Matches::NotEqual), rule(Matches::Contains)];
                    roles.mappings.insert(PROVIDER.to_owned(), rules(all));
                }),
                ("mapping", |roles| {
                    roles.mappings.get_mut(PROVIDER).expect("it is there").default_role = true;
                }),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_identity_pool_roles() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_attached_to_the_stages_pools_is_found() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    let kind = KINDS.iter().find(|kind| kind.name == "identity pool roles").expect("the kind");
    let owned = kind.owned(writer(&account).reader()).await.expect("an inventory");
    let owned: Vec<String> = owned.into_iter().map(|(address, at)| format!("{address} {at}")).collect();
    assert_eq!(owned, ["laws/identity pool roles/people dn-test-people"], "the other pool has no roles");
}

#[tokio::test(start_paused = true)]
async fn nothing_to_attach_is_refused() {
    let world = world_of(&examples()[0], |roles| roles.authenticated = None);
    let fault = apply(&world, &fresh()).await.expect_err("no role");
    assert!(fault.to_string().contains("attaches no role"), "{fault}");
}
