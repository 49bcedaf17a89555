//! A stage whose APIs have a domain of their own: URLs outlive an API.

use std::collections::BTreeMap;

use model::{Action, Plan, Selection, text};
use sandbox::Account;
use serde_json::{Value, json};

use crate::{
    bad_input::refused,
    project::Project,
    stage::{Stage, environment},
};

const CERTIFICATE: &str =
    "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555";

fn with_domain() -> stacks::Environment {
    let mut environment = environment();
    let domain = json!({
        "name": "api.example.com", "certificate": CERTIFICATE, "paths": { "dn-api": "proxies" },
    });
    environment.web.domain = serde_json::from_value(domain).expect("a domain");
    environment
}

/// The variables of every function of a stage, as its callers meet it.
fn variables(account: &Account) -> BTreeMap<String, BTreeMap<String, String>> {
    let read = |name: &String| {
        let arn = format!("arn:aws:lambda:us-east-1:000000000000:function:{name}:live");
        (name.clone(), account.deployed_function(&arn).expect("a function").environment)
    };
    account.documents()["lambda/functions"].keys().map(read).collect()
}

/// Address and action of every step.
fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| format!("{} {:?}", step.address, step.action)).collect()
}

/// What a hand must do to delete an API, which AWS refuses while anything leads to it.
async fn delete_outreach(account: &Account) {
    let aws = aws_sdk_apigateway::Client::new(&account.sdk_config());
    let (id, ..) =
        account.apis().into_iter().find(|(_, name, _)| name.ends_with("outreach")).expect("the API");
    let held = aws.delete_rest_api().rest_api_id(&id).send().await;
    assert!(format!("{held:?}").contains("remove all base path mappings"), "{held:?}");
    let unmap = aws.delete_base_path_mapping().domain_name("api.example.com").base_path("outreach");
    unmap.send().await.expect("the mapping is deleted");
    let plans = aws.get_usage_plans().send().await.expect("plans");
    let plan =
        plans.items().iter().find(|plan| plan.api_stages().iter().any(|one| one.api_id() == Some(&id)));
    let remove = aws_sdk_apigateway::types::PatchOperation::builder()
        .op(aws_sdk_apigateway::types::Op::Remove)
        .path("/apiStages")
        .value(format!("{id}:dev"));
    let update = aws.update_usage_plan().usage_plan_id(plan.and_then(|plan| plan.id()).expect("a plan"));
    update.patch_operations(remove.build()).send().await.expect("the stage leaves its plan");
    aws.delete_rest_api().rest_api_id(&id).send().await.expect("the API is deleted");
}

#[tokio::test(start_paused = true)]
async fn urls_outlive_an_api() {
    let stage = Stage::empty(&with_domain());
    let report = stage.apply().await;
    assert_eq!(report.failed, BTreeMap::new());
    assert_eq!(stage.plan(&Selection::default()).await.steps, []);
    assert!(stage.drift().await.is_empty());
    let aws = aws_sdk_apigateway::Client::new(&stage.account.sdk_config());
    let (api, ..) = stage.account.apis().into_iter().next().expect("an API");
    let stray = aws.create_base_path_mapping().domain_name("api.example.com").base_path("stray");
    stray.rest_api_id(api).stage("dev").send().await.expect("somebody leads the domain elsewhere too");
    let drift = stage.drift().await;
    assert!(drift.unmanaged.iter().any(|one| one.contains("api.example.com/stray")), "{drift:?}");
    let unmap = aws.delete_base_path_mapping().domain_name("api.example.com").base_path("stray");
    unmap.send().await.expect("it is deleted");
    let before = variables(&stage.account);
    let text = format!("{before:?}");
    let url = "https://api.example.com/outreach/outreach/unsubscribe";
    assert!(text.contains(url), "{url} is not in {text}");
    assert!(!text.contains("execute-api"), "{text}");

    delete_outreach(&stage.account).await;
    let plan = stage.plan(&Selection::default()).await;
    let made = steps(&plan);
    for wanted in [
        "outreach/rest api/outreach Create",
        "outreach/base path mapping/outreach Create",
        "outreach/usage plan/outreach Update",
    ] {
        assert!(made.iter().any(|one| one == wanted), "{wanted} is not in {made:#?}");
    }
    assert!(made.iter().all(|one| !one.contains("/function/")), "no function learns of it: {made:#?}");
    let report = stage.apply().await;
    assert_eq!(report.failed, BTreeMap::new());
    assert_eq!(stage.plan(&Selection::default()).await.steps, []);
    assert_eq!(variables(&stage.account), before);
    let (_, _, api, of) =
        stage.account.mappings().into_iter().find(|(_, base, ..)| base == "outreach").expect("a mapping");
    assert_eq!(of.as_deref(), Some("dev"));
    assert!(stage.account.apis().iter().any(|(id, ..)| *id == api), "it leads to the new one");

    // Buckets and the key are not what this is about.
    let destroy = Selection { destroy: true, ..Selection::default() };
    let plan = stage.plan(&destroy).await;
    let place = |address: &str| plan.steps.iter().position(|step| step.address.to_string() == address);
    for api in ["outreach", "financial"] {
        let mapping = place(&format!("{api}/base path mapping/{api}")).expect("a step");
        assert!(Some(mapping) < place(&format!("{api}/rest api/{api}")), "the mapping goes first");
        assert!(Some(mapping) < place("shared/domain name/apis"), "the mapping goes first");
    }
    assert!(plan.steps.iter().all(|step| step.action == Action::Delete));
}

/// Without a domain, a new API has a new URL, and the functions that tell it to people learn of it.
#[tokio::test(start_paused = true)]
async fn without_a_domain_functions_learn_of_a_new_api() {
    let told = stacks::hand_over(&environment()).expect("addresses");
    assert!(text::references(told.webhook.as_str()).next().is_some(), "{}", told.webhook);
    assert_eq!(told.domain, None);
    let told = stacks::hand_over(&with_domain()).expect("addresses");
    assert_eq!(told.webhook.as_str(), "https://api.example.com/outreach/outreach/webhook");
    let urls: Vec<&str> = told.apis.iter().map(|(_, url)| url.as_str()).collect();
    assert!(urls.contains(&"https://api.example.com/proxies"), "{urls:?}");
}

const FILE: &str = "environments/sandbox.yaml";

fn declare(project: &Project, domain: &str) {
    project.replace(FILE, "  path: dev\n", &format!("  path: dev\n  domain: {domain}\n"));
}

fn undeclare(project: &Project) {
    let text = project.read(FILE);
    let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with("  domain: {")).collect();
    project.write(FILE, &(kept.join("\n") + "\n"));
}

#[test]
fn the_program_tells_the_record_and_takes_the_domain_down() {
    let project = Project::new();
    let domain = format!("{{name: api.example.com, certificate: \"{CERTIFICATE}\"}}");
    declare(&project, &domain);
    let ran = project.dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let ran = project.dn(&["plan", "sandbox"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&ran.text).contains("waiting for DNS: publish api.example.com CNAME d-"), "{}", ran.text);
    let ran = project.dn(&["doctor", "sandbox"]);
    assert!(ran.text.contains("todo 1 of 1 domain name waiting for its DNS record"), "{}", ran.text);
    assert!(ran.text.contains("todo shared/domain name/apis: waiting for DNS"), "{}", ran.text);
    project.account().publish_dns("api.example.com").expect("a file");
    let ran = project.dn(&["doctor", "sandbox"]);
    assert!(ran.text.contains("ok   DNS leads callers to the domain of the APIs"), "{}", ran.text);
    let ran = project.dn(&["outputs", "sandbox", "--json"]);
    let told: Value = serde_json::from_str(&ran.text).expect("JSON");
    assert_eq!(told["mailgun_webhook"]["url"], "https://api.example.com/outreach/outreach/webhook");
    assert_eq!(told["apis"]["financial"], "https://api.example.com/financial");
    assert_eq!(told["dns"][1]["name"], "api.example.com");
    assert_eq!(told["dns"][1]["value"], told["outputs"]["shared/domain name/apis"]["target"]);

    project.replace(FILE, "  domain: {name: api", "  domain: {name: calls");
    let ran = project.dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let domains = project.account().documents()["apigateway/domains"].clone();
    assert_eq!(domains.keys().collect::<Vec<_>>(), ["calls.example.com"], "the old one is gone");
    assert_eq!(project.dn(&["plan", "sandbox"]).code, Some(0));
    undeclare(&project);
    let ran = project.dn(&["apply", "sandbox", "--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    assert!(project.account().mappings().is_empty(), "its mappings went with it");
    assert_eq!(project.dn(&["plan", "sandbox"]).code, Some(0));
    let told: Value =
        serde_json::from_str(&project.dn(&["outputs", "sandbox", "--json"]).text).expect("JSON");
    assert!(told["apis"]["financial"].as_str().is_some_and(|url| url.contains(".execute-api.")), "{told}");

    declare(&project, &domain);
    assert_eq!(project.dn(&["apply", "sandbox", "--yes"]).code, Some(0));
    let mut args = vec!["destroy", "sandbox", "--yes"];
    for held in ["operations/bucket/control", "shared/key/unsubscribe"] {
        args.extend(["--destroy-data", held]);
    }
    let ran = project.dn(&args);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let left = project.account().documents();
    assert!(
        left.get("apigateway/domains").is_none_or(|all| all.is_empty()),
        "{:?}",
        left["apigateway/domains"]
    );
}

#[test]
fn a_domain_that_could_not_be_is_refused_before_anything_is_looked_at() {
    let says = |domain: &str, says: &str| {
        let project = Project::new();
        declare(&project, domain);
        refused(&project, &["plan", "sandbox"], 1, &[FILE, says]);
    };
    let of = |name: &str, certificate: &str, more: &str| {
        format!("{{name: {name}, certificate: \"{certificate}\"{more}}}")
    };
    let elsewhere = CERTIFICATE.replace("us-east-1", "eu-west-1");
    let host = "api.example.com";
    says(&of(host, &elsewhere, ""), "web.domain.certificate: it is in eu-west-1, and must be in us-east-1");
    let others = CERTIFICATE.replace("000000000000", "111111111111");
    says(&of(host, &others, ""), "it belongs to account 111111111111, and the stage to 000000000000");
    says(&of(host, "arn:aws:iam::000000000000:server-certificate/a", ""), "is no certificate of ACM");
    says(&of("https://api.example.com", CERTIFICATE, ""), "is no host name: expected one such as");
    says(&of(host, CERTIFICATE, ", paths: {outreach: a/b}"), "is no base path");
    says(&of(host, CERTIFICATE, ", paths: {mail: a}"), "web.domain.paths: there is no API `mail`");
    let twice = of(host, CERTIFICATE, ", paths: {outreach: financial}");
    says(&twice, "are both below `financial`");
}
