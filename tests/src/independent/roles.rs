//! IAM's evaluation by somebody else: the emulator with authorization on, and each function's role making the calls
//! that its contract declares, and one beside each.
//!
//! What is not as on AWS, beside the actions in [`LACKS`]:
//!
//! - contacts are not there, so an allowed call ends in "unknown path"; what is refused is refused before that
//! - a key is named by its ARN here: the emulator judges an alias by the alias's own ARN, where AWS judges the key
//! - only Lambda may be these roles, and nobody is Lambda here: the owner is let into each trust policy first
//! - `dynamodb:ConditionCheckItem` counts as part of a transaction, which is how handlers use it

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use contract::{
    function::{FUNCTIONS, Function},
    variable::Meaning,
};
use kinds::{
    Clients, Resource, World,
    kinds::{key::Key, log_group::LogGroup, queue::Queue, role::Role, secret::Secret, table::Table},
    specs::Specs,
};
use model::policy::{Policy, Statement};

use super::emulator::{Emulator, tell};
use crate::{
    laws::{ACCOUNT, Cloud, PlainGate, apply, scope},
    policies::needs::{self, Need},
    stage::{artefacts, environment},
};

mod calls;

use calls::{Caller, Outcome};

/// What is allowed and refused there all the same, with the reason; `policies::roles` judges it by the
/// documents.
const LACKS: &[(&str, &str)] = &[
    ("kms:Encrypt", "it knows no condition key of KMS, so a condition on the context is never met"),
    ("kms:Decrypt", "it knows no condition key of KMS, so a condition on the context is never met"),
    ("logs:CreateLogStream", "it judges the group's ARN, AWS the stream's (aws-solutions/aws-crr-monitor#8)"),
    ("logs:PutLogEvents", "it judges the group's ARN, AWS the stream's (aws-solutions/aws-crr-monitor#8)"),
];

/// An emulator that refuses what no policy allows.
struct Guarded {
    emulator: Emulator,
}

impl Guarded {
    /// Credentials of a role, as Lambda would give them to a function.
    async fn become_role(&self, name: &str) -> SdkConfig {
        let owner = self.emulator.owner();
        let trust = Policy::new([Statement::allow(["sts:AssumeRole"], [""; 0]).to_aws(ACCOUNT)]);
        let iam = aws_sdk_iam::Client::new(&owner);
        let opened =
            iam.update_assume_role_policy().role_name(name).policy_document(trust.document()).send().await;
        opened.expect("the owner may do all");
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{name}");
        let sts = aws_sdk_sts::Client::new(&owner);
        let session = sts.assume_role().role_arn(arn).role_session_name("function").send().await;
        let session = session.expect("the owner may be the role");
        let keys = session.credentials().expect("credentials");
        let token = Some(keys.session_token().to_owned());
        let (id, secret) = (keys.access_key_id(), keys.secret_access_key());
        self.emulator.config(Credentials::new(id, secret, token, None, "a role"))
    }
}

impl Cloud for Guarded {
    fn clients(&self) -> Clients {
        Clients::new(&self.emulator.owner())
    }

    fn gate(&self) -> PlainGate {
        PlainGate::HASTY
    }

    fn forget_served(&self) {}

    fn writes(&self) -> Vec<String> {
        Vec::new()
    }
}

/// What the roles are about, and the roles: the part of a stage that the emulator has.
fn world() -> World {
    let stage = stacks::declare(&environment(), &artefacts()).expect("the stacks");
    let specs = stage.specs(&scope());
    let mut world = World::default();
    of::<Table>(&specs, &mut world);
    of::<Secret>(&specs, &mut world);
    of::<Key>(&specs, &mut world);
    of::<Queue>(&specs, &mut world);
    of::<LogGroup>(&specs, &mut world);
    of::<Role>(&specs, &mut world);
    world
}

fn of<R: Resource>(specs: &Specs, world: &mut World) {
    for (address, spec) in specs.of::<R>() {
        let waits = |text: &str| {
            model::text::references(text)
                .any(|to| ["artefact", "rest api", "distribution"].contains(&to.address.kind()))
        };
        if !waits(&serde_json::to_string(&spec).expect("JSON")) {
            world.add(address.stack(), address.name(), spec).expect("an address");
        }
    }
}

#[tokio::test]
async fn a_role_can_do_what_its_function_declares_and_is_refused_one_action_beside_it() {
    let Some(emulator) = Emulator::guarded(ACCOUNT).await else { return };
    let cloud = Guarded { emulator };
    let world = world();
    apply(&world, &cloud).await.expect("all is made");
    let owner = Caller::of(&cloud.emulator.owner());
    let arns = owner.arns(&world.declared(&scope())).await;
    owner.fill(&arns).await;
    let mut wrong = Vec::new();
    let (mut done, mut refused, mut lacked) = (0, 0, 0);
    // What operations do goes through the kinds: `nightly` and `rotation` judge their policies call by call.
    let looks = |function: &&Function| {
        let control = [Meaning::Control, Meaning::RotationControl];
        function.variables.iter().any(|one| control.contains(&one.meaning))
    };
    for function in FUNCTIONS.iter().filter(|function| !looks(function)) {
        let role = Caller::of(&cloud.become_role(&format!("dn-test-{}", function.name)).await);
        let needs = needs::of(function, &|address| arns[address].clone());
        for need in &needs {
            let lack = LACKS.iter().find(|(action, _)| *action == need.action);
            match (role.call(need, &owner).await, lack) {
                (Outcome::Done, None) => done += 1,
                (Outcome::Refused, Some(_)) => lacked += 1,
                (Outcome::Done, Some((action, _))) => {
                    wrong.push(format!("no longer needed in LACKS: {action}"))
                }
                (other, _) => wrong.push(format!("{}: {other:?} for what it needs: {need:?}", function.name)),
            }
        }
        let beside: BTreeSet<Need> = needs::beside(&needs);
        for need in &beside {
            match role.call(need, &owner).await {
                Outcome::Refused => refused += 1,
                other => wrong.push(format!("{}: {other:?} for what stands beside: {need:?}", function.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), done + refused, wrong.join("\n"));
    tell(&format!(
        "independent emulator: {} roles: {done} calls done, {refused} beside them refused, {lacked} not \
            judged",
        FUNCTIONS.len()
    ));
}
