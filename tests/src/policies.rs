//! What the policies of a stage allow, evaluated on the documents as AWS holds them.
//!
//! | module | what it shows |
//! | --- | --- |
//! | `evaluator` | the part of IAM's evaluation that the documents here need; the rest is refused loudly |
//! | `stars` | every `*` has a reason |
//! | `needs` | what the contract says that a function does |
//! | `roles` | each role allows just that |
//! | `reports` | who can read the reports, and how |

mod evaluator;
pub(crate) mod needs;
mod reports;
mod roles;
mod stars;

use engine::Observation;
use kinds::kinds::{
    bucket::Bucket, function_policy::FunctionPolicy, key::Key, queue::Queue, rest_api::RestApi, role::Role,
    secret::Secret, topic::Topic,
};
use model::{Address, policy::Policy};
use stacks::Environment;

use crate::stage::{Stage, artefacts, environment};

/// With everything that a policy could come from.
fn signing_in() -> Environment {
    let mut environment = environment();
    let provider = "arn:aws:iam::000000000000:oidc-provider/securetoken.google.com/crm";
    environment.reports.sign_in_provider = Some(provider.to_owned());
    environment
}

/// An account in which a stage was applied, as it was seen afterwards.
pub(crate) struct Account {
    stage: Stage,
    seen: Observation,
}

impl Account {
    async fn applied() -> Self {
        let stage = Stage::empty(&signing_in());
        let report = stage.apply().await;
        assert!(report.is_complete(), "{report:?}");
        let seen = stage.observe().await.expect("an observation");
        Self { stage, seen }
    }

    fn output(&self, address: &str, name: &str) -> String {
        let at: Address = address.parse().expect("an address");
        let found = self.seen.snapshot.found.get(&at).unwrap_or_else(|| panic!("{address} was found"));
        found.outputs.get(name).unwrap_or_else(|| panic!("{address} has {name}")).clone()
    }

    fn arn(&self, address: &str) -> String {
        self.output(address, "arn")
    }

    /// A policy that a resource holds, by its field.
    fn policy(&self, address: &str, field: &str) -> Policy {
        let at: Address = address.parse().expect("an address");
        let document = self.seen.snapshot.found[&at].fields.get(field);
        Policy::parse(&document.to_string()).unwrap_or_else(|error| panic!("{address}: {error}"))
    }

    /// What a role may do by its own policy; nothing where it has none.
    fn inline(&self, role: &str) -> Policy {
        let at: Address = role.parse().expect("an address");
        match self.seen.snapshot.found[&at].fields.get("inline").is_null() {
            true => Policy::new([]),
            false => self.policy(role, "inline"),
        }
    }

    fn key_policy(&self) -> Policy {
        self.policy("shared/key/unsubscribe", "policy")
    }

    fn roles(&self) -> impl Iterator<Item = String> {
        let all = self.seen.snapshot.found.keys().filter(|address| address.kind() == "role");
        all.map(ToString::to_string)
    }
}

/// Every policy that a stage declares, with tracing and everything else that adds to one.
fn wide() -> Vec<(Address, Policy)> {
    let mut environment = signing_in();
    environment.logs.tracing = true;
    let world = stacks::declare(&environment, &artefacts()).expect("the stacks");
    let specs = world.specs(&Stage::empty(&environment).scope);
    let mut all = Vec::new();
    for (at, role) in specs.of::<Role>() {
        all.extend([Some(role.trust), role.inline].into_iter().flatten().map(|one| (at.clone(), one)));
    }
    all.extend(specs.of::<Key>().into_iter().map(|(at, key)| (at, key.policy)));
    let policies = [
        specs.of::<Bucket>().into_iter().map(|(at, one)| (at, one.policy)).collect::<Vec<_>>(),
        specs.of::<Topic>().into_iter().map(|(at, one)| (at, one.policy)).collect(),
        specs.of::<Queue>().into_iter().map(|(at, one)| (at, one.policy)).collect(),
        specs.of::<Secret>().into_iter().map(|(at, one)| (at, one.policy)).collect(),
        specs.of::<RestApi>().into_iter().map(|(at, one)| (at, one.policy)).collect(),
    ];
    all.extend(policies.into_iter().flatten().filter_map(|(at, policy)| Some((at, policy?))));
    // Who may call a function: the source is what a resource is elsewhere.
    for (at, policy) in specs.of::<FunctionPolicy>() {
        let statements = policy.statements.into_iter().map(|(sid, one)| {
            model::policy::Statement::allow([one.action], [one.source_arn.to_string()]).sid(&sid)
        });
        all.push((at, Policy::new(statements)));
    }
    all
}
