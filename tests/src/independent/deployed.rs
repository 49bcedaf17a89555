//! The functions themselves, deployed into the emulator by `dn apply dev` and run there, with IAM's evaluation on.
//!
//! Everything is real but the account: the program, the artefacts, the policies, the requests of `tests/requests`.
//! Each function runs as a process of the emulator, with credentials that the emulator makes of the function's role, as
//! Lambda does, and every call that it makes is judged by the policies of that role. What the emulator lacks is
//! listed in [`LACKS`]; what API Gateway would do before and after a function is done by `dn serve`'s gateway, which
//! makes events of requests and gives them to the alias `live` by `Invoke`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    time::Duration,
};

use aws_config::SdkConfig;
use contract::{function::FUNCTIONS, outreach::MailgunSecret};
use sandbox::{Account, Clock};
use serde_json::Value;
use stand_ins::{
    credentials::Keeper,
    server::{self, Options, StandIns},
};
use tokio::{
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep},
};

use super::{
    emulator::{Emulator, tell},
    program::{DEV, MISSING, Program},
};
use crate::{
    laws::REGION,
    project::Project,
    served::{
        artefacts,
        http::{self, Answer},
    },
};

mod collection;
mod door;
mod events;
mod front;
mod guard;
mod rows;

use door::Doors;
use front::{Front, Lacking};
use rows::Rows;

/// What the emulator lacks or judges otherwise, with what is done instead. An entry that is no longer needed fails
/// the test.
const LACKS: &[(&str, &str)] = &[
    (
        "contact list",
        "it lets a role pass or refuses it, then does not know the path: the embedded account has the list",
    ),
    (
        "rest api",
        "it imports no document: the embedded account has the APIs, and `serve`'s gateway makes the events",
    ),
    (
        "a condition on the encryption context",
        "it knows no condition key of KMS: roles get their statement without it",
    ),
    (
        "a key named by its alias",
        "it judges the alias's ARN, AWS the key's: roles get their statement for the alias, too",
    ),
];

/// What ends in the embedded account, by its place in [`LACKS`].
const FORWARDED: [Lacking; 2] = [Lacking::Below("/v2/email/contact-lists"), Lacking::Service("apigateway")];

/// Of [`MISSING`], what the embedded account has here.
const HAD: &[&str] = &["*/contact list/*", "*/function policy/*", "*/rest api/*", "*/usage plan/*"];

/// Of `environments/dev.yaml`.
const MAILGUN_DOMAIN: &str = "mg.dev.distro-nation.com";
const MAILGUN_SECRET: &str = "payouts-mailer/mailgun-secrets";
const FIREBASE_PROJECT: &str = "distro-nation-dev";

/// As which API Gateway writes access logs.
const GATEWAY_ROLE: &str = "dn-dev-gateway-logs";

/// What arrives by topics and queues takes a moment.
const PATIENCE: Duration = Duration::from_secs(30);

/// The stage, with all that is around it. It is gone when this is dropped.
struct Deployed {
    dn: Program,
    owner: SdkConfig,
    lambda: aws_sdk_lambda::Client,
    rows: Rows,
    doors: Doors,
    embedded: Account,
    /// `http://127.0.0.1:PORT`.
    stand_ins: String,
    mailgun: MailgunSecret,
    front: Front,
    _emulator: Emulator,
    _ending: watch::Sender<bool>,
}

impl Deployed {
    async fn start() -> Option<Self> {
        let embedded = Account::in_memory(DEV, REGION, Clock::Wall);
        let front = Front::open(&embedded, FORWARDED).await;
        let here = format!("http://127.0.0.1:{}", front.port);
        let emulator = Emulator::guarded_behind(DEV, &here).await?;
        front.lead_to(emulator.port);
        let owner = emulator.owner().into_builder().endpoint_url(&here).build();
        let lambda = aws_sdk_lambda::Client::new(&owner);
        let (ending, ended) = watch::channel(false);
        let (listener, address) = server::bind(0).await.expect("a free port");
        let stand_ins = format!("http://{address}");

        // The embedded account's API Gateway asks its own IAM for the role that it logs as.
        let trust = r#"{"Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
            "Principal":{"Service":"apigateway.amazonaws.com"}}]}"#;
        let role = aws_sdk_iam::Client::new(&embedded.sdk_config()).create_role().role_name(GATEWAY_ROLE);
        role.assume_role_policy_document(trust).send().await.expect("a role");

        let artefacts = spawn_blocking(artefacts).await.expect("the functions are built");
        let without = MISSING.iter().copied().filter(|missing| !HAD.contains(missing)).collect();
        let dn = Program::of(project(&stand_ins), front.port, Path::new(artefacts), without).await;
        dn.change("apply", &[]).await;
        assert_eq!(dn.planned(0).await, Vec::<Value>::new(), "nothing is left to do");

        let secret = r#"{"apiKey":"an-api-key","webhookSigningKey":"a-signing-key"}"#;
        let set = dn.say(&["secret", "set", "dev", "mailgun"], secret).await;
        assert_eq!(set.code, 0, "{}{}", set.data, set.told);
        let same = aws_sdk_secretsmanager::Client::new(&embedded.sdk_config()).create_secret();
        same.name(MAILGUN_SECRET).secret_string(secret).send().await.expect("the stand-in's copy");
        let options = Options {
            account: embedded.clone(),
            domain: MAILGUN_DOMAIN.to_owned(),
            keeper: Keeper::of(&embedded, MAILGUN_SECRET),
            project: FIREBASE_PROJECT.to_owned(),
        };
        let around = StandIns::new(options).expect("a key to sign with");
        tokio::spawn(around.serve(listener, ended.clone()));

        let doors = Doors::open(&embedded, &lambda, &ended).await;
        let rows = Rows::of(&owner);
        let mailgun = serde_json::from_str(secret).expect("the secret's form");
        let (_emulator, _ending) = (emulator, ending);
        Some(Self { dn, owner, lambda, rows, doors, embedded, stand_ins, mailgun, front, _emulator, _ending })
    }

    /// A token of a user who does not exist; `more` says what is unusual of them.
    async fn token(&self, email: &str, more: &str) -> String {
        let url = format!("{}/token?email={email}{more}", self.stand_ins);
        ask("GET", &url, &[], "").await.body
    }

    /// How many mails of this address Mailgun took.
    async fn mails_to(&self, address: &str) -> usize {
        let mails = ask("GET", &format!("{}/mail.json", self.stand_ins), &[], "").await.json();
        mails.as_array().into_iter().flatten().filter(|mail| mail["recipient"] == address).count()
    }

    /// Hands a function an event that is no request, and returns its answer.
    async fn hand(&self, function: &str, event: &Value) -> Value {
        match door::invoke(&self.lambda, &format!("dn-dev-{function}"), "live", event).await {
            serve::gateway::Outcome::Answered(answer) => serde_json::from_slice(&answer).expect("JSON"),
            other => panic!("{function}: {other:?}"),
        }
    }
}

/// The project, with the stand-ins where Mailgun and Firebase would be.
fn project(stand_ins: &str) -> Project {
    let (project, file) = (Project::new(), "environments/dev.yaml");
    let origins = "origins: [\"http://localhost:3000\", https://crm.distro-nation.com]";
    project.replace(file, "origins: [https://crm.distro-nation.com]", origins);
    let firebase = format!("project: {FIREBASE_PROJECT}");
    project.replace(file, &firebase, &format!("{firebase}\n  keys_url: {stand_ins}/keys"));
    let mailgun = format!("domain: {MAILGUN_DOMAIN}");
    project.replace(file, &mailgun, &format!("{mailgun}\n    url: {stand_ins}"));
    project
}

/// As [`http::ask`], from a runtime.
async fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers: Vec<(String, String)> = headers.iter().map(owned).collect();
    let (method, url, body) = (method.to_owned(), url.to_owned(), body.to_owned());
    let asking = move || {
        let headers: Vec<(&str, &str)> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        http::ask(&method, &url, &headers, &body)
    };
    spawn_blocking(asking).await.expect("an answer")
}

/// Waits until something is there.
async fn until<T>(what: &str, mut there: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = there().await {
            return found;
        }
        assert!(Instant::now() < end, "{what}, within {PATIENCE:?}");
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_functions_run_elsewhere_each_with_its_own_role() {
    let begun = Instant::now();
    let Some(stage) = Deployed::start().await else { return };
    println!("deployed after {:.1} s", begun.elapsed().as_secs_f64());
    let mut needed: BTreeSet<&str> = guard::tokens_need_what_the_emulator_lacks(&stage).await;
    guard::nothing_is_done_without_its_permission(&stage).await;
    println!("guarded after {:.1} s", begun.elapsed().as_secs_f64());
    collection::every_request_is_answered_as_its_file_says(&stage).await;
    println!("walked after {:.1} s", begun.elapsed().as_secs_f64());
    let handed = events::they_do_their_work(&stage).await;
    println!("{:?}", stage.front.refused());
    println!("told after {:.1} s", begun.elapsed().as_secs_f64());

    let seen = stage.front.seen();
    assert_eq!(seen.known, Vec::<String>::new(), "the emulator has contact lists");
    let used = seen.forwarded.iter().zip(LACKS).filter(|(count, _)| **count > 0);
    needed.extend(used.map(|(_, (what, _))| *what));
    let needless: Vec<&str> =
        LACKS.iter().map(|(what, _)| *what).filter(|what| !needed.contains(what)).collect();
    assert_eq!(needless, Vec::<&str>::new(), "no longer needed in LACKS");

    // The owner's, and those of roles.
    let roles = seen.keys.iter().filter(|key| *key != "test").count();
    assert!(seen.keys.iter().all(|key| key == "test" || key.starts_with("ASIA")), "{:?}", seen.keys);
    let invoked = stage.doors.invoked();
    let mut ran: BTreeSet<&str> =
        invoked.iter().map(|(function, ..)| function.trim_start_matches("dn-dev-")).collect();
    ran.extend(handed);
    assert_eq!(ran, FUNCTIONS.iter().map(|function| function.name).collect(), "every function ran");
    let mut outcomes: BTreeMap<(&str, &str), BTreeMap<u16, usize>> = BTreeMap::new();
    for (function, route, status) in &invoked {
        *outcomes.entry((function, route)).or_default().entry(*status).or_default() += 1;
    }
    for ((function, route), statuses) in &outcomes {
        println!("{function:34} {route:42} {statuses:?}");
    }
    tell(&format!(
        "independent emulator: {} functions deployed, {} proxy events answered as {roles} roles, {:.0} s",
        ran.len(),
        invoked.len(),
        begun.elapsed().as_secs_f64()
    ));
}
