//! From stage to stage: the code that is live in one becomes the code of the other, byte for byte, however often the
//! way is cut off.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`command`] | the real program on three embedded accounts, each a folder of its own |
//! | [`interrupted`] | every state that a killed promotion can leave, gone on from |
//! | [`figures`] | calls, rounds and time |

use std::collections::BTreeMap;

use contract::{function::Service, needs::Needs};
use kinds::{Objects, Reader, Resource, Writer, kinds::bucket::Bucket};
use model::Fault;
use release::{Manifest, Revision, live, needs, store};
use sandbox::{Account, Clock};
use stacks::{Artefacts, Environment, code::Artefact};

use crate::stage::{self, Memory, Stage, environment, write_artefact};

mod command;
mod figures;
mod interrupted;

/// The environment of a stage with an account of its own.
fn in_account(id: &str) -> Environment {
    Environment { account: id.to_owned().try_into().expect("an account"), ..environment() }
}

/// Code that nobody runs, of an edition.
fn code(edition: &str) -> Artefacts {
    let folder = stage::artefacts_folder();
    Service::all().map(|service| (service, write_artefact(folder, service, edition))).collect()
}

fn manifest(code: &Artefacts) -> Manifest {
    let revision = Revision { commit: "c0ffee".to_owned(), dirty: false };
    let start = Manifest::new(revision, None, "x86_64", "spec".to_owned());
    let with =
        |all: Manifest, (service, one): (&Service, &Artefact)| all.with(*service, one, Needs::of(*service));
    code.iter().fold(start, with)
}

async fn applied(environment: &Environment, code: &Artefacts) -> Stage {
    let account = Account::in_memory(environment.account.as_str(), "us-east-1", Clock::simulated());
    let stage = Stage::running(environment, account, Memory::default(), code);
    let report = stage.apply().await;
    assert!(report.is_complete(), "{report:?}");
    stage
}

/// A stage that runs what was released in it.
async fn released(environment: &Environment, code: &Artefacts) -> Stage {
    let stage = applied(environment, code).await;
    store::keep(&written(&stage), &manifest(code)).await.expect("it is kept");
    stage
}

fn control(stage: &Stage) -> Objects<Reader> {
    let at = stacks::control_bucket();
    Objects::new(stage.looking(), &at, &Bucket::physical(&stage.scope, &at))
}

fn written(stage: &Stage) -> Objects<Writer> {
    let at = stacks::control_bucket();
    Objects::new(stage.writing(), &at, &Bucket::physical(&stage.scope, &at))
}

/// The release that is live.
async fn live_in(stage: &Stage) -> Result<Manifest, Fault> {
    let digests = live::digests(&live::serving(&stage.looking()).await?).expect("one build");
    let bucket = control(stage);
    for kept in store::list(&bucket).await? {
        let manifest = store::read(&bucket, &kept).await?;
        if manifest.is(&digests) {
            return Ok(manifest);
        }
    }
    panic!("what is live is no release: {digests:?}")
}

/// What `dn promote FROM TO --apply` does, but for files and the lock. The target, as the release declares it.
async fn promote(from: &Stage, target: &Environment, to: &Stage) -> Result<Stage, Fault> {
    let release = live_in(from).await?;
    let code = release.code().expect("services of ours");
    let to = Stage::running(target, to.account.clone(), to.journal.clone(), &code);
    assert_eq!(needs::unmet(&release, &to.world.declared(&to.scope)), Vec::<String>::new());
    if !store::holds(&control(&to), &release).await? {
        store::bring(&control(from), &written(&to), &release).await?;
    }
    let report = to.apply().await;
    match report.failed.into_values().next() {
        Some(fault) => Err(fault),
        None => Ok(to),
    }
}

/// The bytes that are served, by function: what Lambda itself took, not what a file says.
fn served(account: &Account) -> BTreeMap<String, Vec<u8>> {
    let documents = account.documents();
    let names = documents["lambda/functions"].keys();
    let code = |name: &String| {
        let live = account.deployed_function(&format!("{name}:live")).expect("it is served");
        (name.clone(), account.code(&live.code_sha256).expect("its code").to_vec())
    };
    names.map(code).collect()
}

/// Accounts in memory run through the whole way: dev, staging, prod.
#[tokio::test(start_paused = true)]
async fn what_runs_in_dev_runs_in_staging_and_prod_byte_for_byte() {
    let dev = released(&in_account("111111111111"), &code(" 2")).await;
    let mut from = dev.clone();
    for id in ["222222222222", "333333333333"] {
        let environment = in_account(id);
        let to = applied(&environment, &code(" 1")).await;
        assert_ne!(served(&to.account), served(&dev.account));
        from = promote(&from, &environment, &to).await.expect("a promotion");
        assert_eq!(served(&from.account), served(&dev.account), "{id}");
        let plan = from.plan(&model::Selection::default()).await;
        assert_eq!(plan.steps, [], "{id}: nothing is left");
        assert_eq!(live_in(&from).await.expect("a release").id(), live_in(&dev).await.expect("one").id());
    }
}

#[tokio::test(start_paused = true)]
async fn code_that_was_changed_in_the_bucket_is_not_copied() {
    let dev = released(&in_account("111111111111"), &code(" 2")).await;
    let environment = in_account("222222222222");
    let to = applied(&environment, &code(" 1")).await;
    let release = live_in(&dev).await.expect("a release");
    let entry = &release.artefacts["outreach"];
    let bucket = written(&dev);
    let key = kinds::kinds::artefact::key(&entry.sha256);
    for bytes in [stage::zip_of(b"evil", &entry.contract.text()), b"short".to_vec()] {
        let (_, etag) = bucket.read(&key).await.expect("an answer").expect("it is there");
        assert!(bucket.replace(&key, &bytes, &etag).await.expect("an answer"));
        let fault = store::bring(&control(&dev), &written(&to), &release).await.expect_err("a refusal");
        assert!(fault.to_string().contains("its digest is"), "{fault}");
        assert!(!store::holds(&control(&to), &release).await.expect("an answer"));
    }
}

#[tokio::test(start_paused = true)]
async fn variables_that_a_stage_does_not_set_are_named() {
    let dev = released(&in_account("111111111111"), &code("")).await;
    let mut release = live_in(&dev).await.expect("a release");
    let declared = dev.world.declared(&dev.scope);
    assert_eq!(needs::unmet(&release, &declared), Vec::<String>::new());
    let functions = &mut release.artefacts.get_mut("outreach").expect("it").contract.functions;
    functions.get_mut("send-email").expect("it").insert("TEMPLATES_TABLE".to_owned());
    functions.remove("webhook");
    let expected = [
        "outreach/function/send-email needs TEMPLATES_TABLE, which the stage does not set",
        "outreach/function/webhook: the code of the release has no such function",
    ];
    assert_eq!(needs::unmet(&release, &declared), expected);
}
