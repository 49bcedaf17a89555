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
use contract::{
    function::{FUNCTIONS, Function, Trigger},
    outreach::MailgunSecret,
    variable::Meaning,
};
use sandbox::{Account, Clock};
use serde_json::{Value, json};
use serve::gateway::Outcome;
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
    deviations::{DEVIATIONS, MISSING_KINDS},
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
mod night;
mod rows;

use door::Doors;
use front::{Front, Lacking};
use rows::Rows;

/// What the emulator lacks or judges otherwise where functions run, with what AWS does and what is done instead. An
/// entry that is no longer needed fails the test. What the stage has and the emulator has not at all is left out:
/// [`MISSING`].
const LACKS: &[(&str, &str)] = &[
    (
        CONTACT_LIST,
        "SES has contact lists; here a role is let pass or refused, and then the path is not known: the \
         embedded account has the list, for whoever was let pass",
    ),
    (
        REST_API,
        "API Gateway imports a document and answers by it; here the API stays empty: the embedded account \
         has the APIs, and what the nightly role reads of them nobody judges",
    ),
    (
        TLS,
        "AWS is asked by TLS, which the control bucket insists on; here there is none, until the port in \
         front of the emulator says that there was",
    ),
    (
        CONTEXT,
        "KMS judges `kms:EncryptionContext:…`; here no condition key of KMS is known: roles get a copy of \
         their statement without it",
    ),
    (
        ALIAS,
        "a key that is named by an alias is judged by the key's ARN; here by the alias's: the copy is for \
         the alias",
    ),
    ("lambda:ListAliases", "GetAlias is judged as itself; here as if all were listed: the nightly role may"),
    ("logs:DescribeLogGroups", "it is judged by the group's ARN; here on `*`: the nightly role may"),
    ("iam:GetOpenIDConnectProvider", "it is judged by the provider's ARN; here on `*`: the nightly role may"),
];

const CONTACT_LIST: &str = "contact list";
const REST_API: &str = "rest api";
const TLS: &str = "TLS";
const CONTEXT: &str = "a condition on the encryption context";
const ALIAS: &str = "a key named by its alias";

/// What ends in the embedded account, with its name in [`LACKS`].
const FORWARDED: [(&str, Lacking); 2] =
    [(CONTACT_LIST, Lacking::Below("/v2/email/contact-lists")), (REST_API, Lacking::Service("apigateway"))];

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
        let front = Front::open(&embedded, FORWARDED.map(|(_, lacking)| lacking)).await;
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

    /// Hands a function the event of its schedule, and returns its answer; `None` when it failed.
    async fn hand(&self, function: &str) -> Option<Value> {
        let due = json!({ "source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}" });
        match door::invoke(&self.lambda, &format!("dn-dev-{function}"), "live", &due).await {
            Outcome::Answered(answer) => Some(serde_json::from_slice(&answer).expect("JSON")),
            _ => None,
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
    let ready = begun.elapsed();
    let mut needed = guard::tokens_need_what_the_emulator_lacks(&stage).await;
    guard::nothing_is_done_without_its_permission(&stage).await;
    // That is over: from now on no function asks for what its role does not allow.
    assert!(stage.front.refused().len() > 5, "each of them was refused");
    collection::every_request_is_answered_as_its_file_says(&stage).await;
    events::they_do_their_work(&stage).await;
    collection::mirror_and_list_agree(&stage).await;
    assert_eq!(stage.front.refused(), Vec::<String>::new(), "refused to roles");
    needed.extend(night::it_finds_what_was_done_by_hand(&stage).await);
    stage.dn.change("apply", &[]).await;
    assert_eq!(stage.dn.planned(0).await, Vec::<Value>::new(), "the test's hand has left nothing");

    let seen = stage.front.seen();
    assert_eq!(seen.known, Vec::<String>::new(), "the emulator has contact lists");
    assert!(seen.forwarded.iter().all(|count| *count > 0), "{:?}", seen.forwarded);
    needed.extend(FORWARDED.map(|(what, _)| what));
    assert_eq!(needed, LACKS.iter().map(|(what, _)| *what).collect(), "what is needed of LACKS");
    // Every function has keys of its own, but those that use nothing of AWS.
    let uses = |function: &&Function| {
        function.variables.iter().any(|variable| !matches!(variable.meaning, Meaning::Setting(_)))
    };
    let roles = FUNCTIONS.iter().filter(uses).count();
    let of_roles = seen.keys.iter().filter(|key| key.starts_with("ASIA")).count();
    assert_eq!((of_roles, seen.keys.len()), (roles, roles + 1), "and the owner's: {:?}", seen.keys);
    let invoked = stage.doors.invoked();
    let mut ran: BTreeSet<&str> =
        invoked.iter().map(|(function, ..)| function.trim_start_matches("dn-dev-")).collect();
    // What the others did, `events` and `night` have seen.
    ran.extend(FUNCTIONS.iter().filter(|one| one.trigger != Trigger::Api).map(|one| one.name));
    assert_eq!(ran, FUNCTIONS.iter().map(|one| one.name).collect(), "every function ran");
    show(&invoked);
    tell(&format!(
        "independent emulator: {} functions deployed in {:.0} s, {} proxy events answered as {roles} roles \
         in {:.0} s",
        ran.len(),
        ready.as_secs_f64(),
        invoked.len(),
        (begun.elapsed() - ready).as_secs_f64()
    ));
}

/// Each route with how often it ended in which status.
fn show(invoked: &[(String, String, u16)]) {
    let mut outcomes: BTreeMap<(&str, &str), BTreeMap<u16, usize>> = BTreeMap::new();
    for (function, route, status) in invoked {
        *outcomes.entry((function, route)).or_default().entry(*status).or_default() += 1;
    }
    for ((function, route), statuses) in &outcomes {
        println!("{function:30} {route:35} {statuses:?}");
    }
}

/// What is forwarded is missing: `what_is_missing_elsewhere_still_is` looks whether it still is.
#[test]
fn what_ends_in_the_embedded_account_is_listed_as_missing() {
    for (what, _) in FORWARDED {
        assert!(MISSING_KINDS.iter().any(|(kind, _)| *kind == what), "{what}");
    }
    for pattern in MISSING {
        let kind = pattern.split('/').nth(1).expect("a kind");
        // What names an API waits for it, and alarms need metric math.
        let missing = MISSING_KINDS.iter().any(|(of, _)| *of == kind);
        let waits = kind == "function policy";
        let differs = kind == "alarm" && DEVIATIONS.iter().any(|(of, ..)| *of == kind);
        assert!(missing || waits || differs, "{pattern} may not be missing any more");
    }
    assert!(HAD.iter().all(|had| MISSING.contains(had)), "{HAD:?}");
}
