//! Quotas are reckoned over declarations: at the limit all is well, one beyond it the sum is spelled out.

use std::collections::{BTreeMap, BTreeSet};

use kinds::{
    Scope, World,
    bound::Handle,
    kinds::{
        api_key::ApiKey,
        base_path_mapping::BasePathMapping,
        bucket::{Bucket, CorsRule},
        contact_list::{self, ContactList},
        distribution::{Distribution, Origin},
        domain_name::DomainName,
        function_policy::{FunctionPolicy, Permission},
        key::Key,
        key_group::KeyGroup,
        public_key::PublicKey,
        queue::Queue,
        rest_api::{MethodSettings, RestApi, Throttle},
        role::Role,
        secret::Secret,
        table::{Attribute, Index, Table},
        topic::Topic,
        usage_plan::{PlanStage, UsagePlan},
    },
    quotas::{Limits, exceeded},
};
use model::{
    Ref,
    policy::{Policy, Statement},
};
use serde_json::json;

use crate::{
    project::Project,
    stage::{artefacts, environment},
};

fn scope() -> Scope {
    Scope {
        project: "dn".to_owned(),
        stage: "test".to_owned(),
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        names: BTreeMap::new(),
        tags: BTreeMap::new(),
    }
}

fn limits() -> Limits {
    environment().quotas
}

fn said(declare: impl FnOnce(&mut World)) -> Vec<String> {
    let mut world = World::default();
    declare(&mut world);
    exceeded(&world, &scope(), &limits()).iter().map(ToString::to_string).collect()
}

/// `declare` with a number at the limit and one beyond it; `says` is all that is said of the latter.
#[track_caller]
fn ends_at(limit: usize, says: &str, declare: impl Fn(&mut World, usize)) {
    assert_eq!(said(|world| declare(world, limit)), Vec::<String>::new(), "at the limit");
    let beyond = said(|world| declare(world, limit + 1));
    let [one] = &beyond[..] else { panic!("one quota is exceeded: {beyond:#?}") };
    let (start, end) = says.split_once("...").expect("`...` stands for the sum");
    assert!(one.starts_with(start) && one.ends_with(end), "{one}\nis not\n{says}");
}

fn names(count: usize) -> impl Iterator<Item = String> {
    (1..=count).map(|number| format!("n{number:03}"))
}

/// A statement such that the document of its policy has `size` characters.
fn policy_of(size: usize) -> Policy {
    let of = |padding: usize| {
        Policy::new([Statement::allow(["s3:GetObject"], [format!("arn:{}", "x".repeat(padding))]).sid("big")])
    };
    of(size - of(0).document().len())
}

#[test]
fn the_stages_declared_here_are_within_them() {
    let environment = environment();
    let world = stacks::declare(&environment, &artefacts()).expect("the stacks");
    let beyond = exceeded(&world, &scope(), &limits());
    assert_eq!(beyond, []);
}

fn distribution() -> Distribution {
    Distribution::of("reports", Origin::bucket("dn-test-reports.s3.us-east-1.amazonaws.com", Ref::live("E1")))
}

/// An API with one method, and plans by name, each with this throttle and so many keys.
fn gateway(world: &mut World, rate: (u32, u32), plans: &[(&str, (u32, u32), usize)]) {
    let document = json!({ "openapi": "3.0.1", "info": { "title": "crm", "version": "1" }, "paths": {} });
    let mut api = RestApi::serving(document, "dev");
    api.stage.settings = Some(MethodSettings::throttled(rate.0, rate.1));
    let settings = MethodSettings::throttled(rate.0 / 2, rate.1 / 2);
    api.stage.methods = BTreeMap::from([("POST /send".to_owned(), settings)]);
    let api = world.add("crm", "crm", api).expect("an API");
    for (name, (rate, burst), keys) in plans {
        let key = |number: usize| {
            let key = world.add("crm", &format!("{name}-{number}"), ApiKey::enabled("A key."));
            key.expect("a key").by("id")
        };
        let keys: BTreeSet<Ref<ApiKey>> = (0..*keys).map(key).collect();
        let stage = PlanStage { api: api.by("id"), stage: "dev".into(), throttles: BTreeMap::new() };
        let plan = UsagePlan {
            stages: [stage].into(),
            throttle: Some(Throttle::new(*rate, *burst)),
            keys,
            ..UsagePlan::unlimited("A plan.")
        };
        world.add("crm", name, plan).expect("a plan");
    }
}

#[test]
fn plans_promise_no_more_than_their_stage_has() {
    let plans = [("artists", (30, 10), 2), ("partners", (40, 10), 1), ("nobody", (90, 90), 0)];
    assert_eq!(said(|world| gateway(world, (100, 200), &plans)), Vec::<String>::new());
    let plans = [("artists", (30, 10), 2), ("partners", (41, 10), 1), ("nobody", (90, 90), 0)];
    assert_eq!(
        said(|world| gateway(world, (100, 200), &plans)),
        ["crm/rest api/crm: the keys of its usage plans may do more than the stage lets through: 60 \
            crm/usage plan/artists (2 keys of 30) + 41 crm/usage plan/partners (1 key of 41) + 0 \
            crm/usage plan/nobody (0 keys of 90) = 101 calls a second, and the limit is 100"]
    );
    let burst = said(|world| gateway(world, (100, 200), &[("artists", (10, 201), 1)]));
    assert!(burst[0].ends_with("= 201 calls at once, and the limit is 200"), "{burst:?}");
}

#[test]
fn a_plan_promises_no_more_for_a_method_than_that_has() {
    let declare = |world: &mut World, rate: u32| {
        let document = json!({ "openapi": "3.0.1", "info": { "title": "crm", "version": "1" }, "paths": {} });
        let mut api = RestApi::serving(document, "dev");
        let settings = MethodSettings::throttled(25, 50);
        api.stage.methods = BTreeMap::from([("POST /send".to_owned(), settings)]);
        let api = world.add("crm", "crm", api).expect("an API");
        let key = world.add("crm", "crm", ApiKey::enabled("A key.")).expect("a key").by("id");
        let throttles = BTreeMap::from([("POST /send".to_owned(), Throttle::new(rate, 50))]);
        let stage = PlanStage { api: api.by("id"), stage: "dev".into(), throttles };
        let plan =
            UsagePlan { stages: [stage].into(), keys: [key].into(), ..UsagePlan::unlimited("A plan.") };
        world.add("crm", "crm", plan).expect("a plan");
    };
    let says = "crm/rest api/crm: the keys of its usage plans may do more than the method lets through: 26 \
        crm/usage plan/crm (1 key of 26) for POST /send...= 26 calls a second, and the limit is 25";
    ends_at(25, says, |world, rate| declare(world, u32::try_from(rate).expect("a rate")));
}

#[test]
fn stages_have_no_more_than_their_account() {
    let beyond = said(|world| gateway(world, (10_001, 5_000), &[]));
    let stage = "crm/rest api/crm: the stage lets more through than the account has: 10001 stage dev = \
        10001 calls a \
        second, and the limit is 10000";
    assert_eq!(beyond, [stage]);
    let methods = said(|world| gateway(world, (10, 10_002), &[]));
    assert!(
        methods.contains(
            &"the account: the methods of all APIs let more through than the account has: 5001 crm POST \
                /send = 5001 \
            calls at once, and the limit is 5000"
                .to_owned()
        ),
        "{methods:#?}"
    );
}

#[test]
fn functions_leave_a_hundred_calls_to_the_others() {
    let says = "the account: functions set aside more than the account has beside the 100 for all \
        others: ...= \
        901 calls at the same time, and the limit is 900";
    ends_at(900, says, |world, calls| {
        let mut function = crate::laws::function::minimal_in(world);
        function.reserved_concurrency = u32::try_from(calls).ok();
        world.add("crm", "send", function).expect("a function");
    });
}

#[test]
fn an_environment_has_four_kilobytes() {
    // `{"A":"` and `"}` are around the value.
    let says = "crm/function/send: its environment is too large: 4096 A + 1 around them...= 4097 bytes, \
        and the limit \
        is 4096";
    ends_at(4_096 - 8, says, |world, size| {
        let mut function = crate::laws::function::minimal_in(world);
        function.environment = BTreeMap::from([("A".to_owned(), "x".repeat(size).as_str().into())]);
        world.add("crm", "send", function).expect("a function");
    });
}

#[test]
fn policies_have_the_room_that_each_service_gives() {
    let role = |world: &mut World, size: usize| {
        let inline = Some(policy_of(size));
        let role = Role { inline, ..Role::of_service("lambda.amazonaws.com") };
        world.add("crm", "one", role).expect("a role");
    };
    ends_at(
        10_240,
        "crm/role/one: what it may do is too long...= 10241 characters, and the limit is 10240",
        role,
    );
    let trust = |world: &mut World, size: usize| {
        world.add("crm", "one", Role::trusting(policy_of(size))).expect("a role");
    };
    ends_at(
        2_048,
        "crm/role/one: who may assume it is too long...= 2049 characters, and the limit is 2048",
        trust,
    );
    let bucket = |world: &mut World, size: usize| {
        world
            .add("crm", "one", Bucket { policy: Some(policy_of(size)), ..Bucket::private() })
            .expect("a bucket");
    };
    let says = "crm/bucket/one: its policy is too large: ...= 20481 bytes, and the limit is 20480";
    ends_at(20_480, says, bucket);
    let key = |world: &mut World, size: usize| {
        world.add("crm", "one", Key::symmetric(policy_of(size))).expect("a key");
    };
    ends_at(32_768, "crm/key/one: its policy is too large: ...= 32769 bytes, and the limit is 32768", key);
    let topic = |world: &mut World, size: usize| {
        world
            .add("crm", "one", Topic { policy: Some(policy_of(size)), ..Topic::standard() })
            .expect("a topic");
    };
    ends_at(
        30_720,
        "crm/topic/one: its policy is too large: ...= 30721 bytes, and the limit is 30720",
        topic,
    );
    let queue = |world: &mut World, size: usize| {
        world
            .add("crm", "one", Queue { policy: Some(policy_of(size)), ..Queue::standard() })
            .expect("a queue");
    };
    ends_at(8_192, "crm/queue/one: its policy is too large: ...= 8193 bytes, and the limit is 8192", queue);
    let secret = |world: &mut World, size: usize| {
        let secret = Secret { policy: Some(policy_of(size)), ..Secret::described("One.") };
        world.add("crm", "one", secret).expect("a secret");
    };
    let says = "crm/secret/one: its policy is too large: ...= 20481 characters, and the limit is 20480";
    ends_at(20_480, says, secret);
}

#[test]
fn who_may_call_a_function_fits_into_twenty_kilobytes() {
    let declare = |world: &mut World, callers: usize| {
        let source = "arn:aws:execute-api:us-east-1:123456789012:abcdefghij/dev/POST/outreach/send-email";
        let one = |sid| (sid, Permission::of_service("apigateway.amazonaws.com", source));
        let statements = names(callers).map(one).collect();
        let function = Ref::live("dn-test-send");
        let policy = FunctionPolicy { function, statements, strays: BTreeMap::new() };
        world.add("crm", "send", policy).expect("a policy");
    };
    let fits = |callers| said(|world| declare(world, callers)).is_empty();
    let most = (1..200).take_while(|callers| fits(*callers)).last().expect("one fits");
    assert!((40..90).contains(&most), "{most} callers of about 300 bytes");
    let says =
        "crm/function policy/send: the policy of its callers is too large: ...bytes, and the limit is 20480";
    ends_at(most, says, declare);
}

#[test]
fn lists_groups_and_tables_hold_only_so_many() {
    let topic = || contact_list::Topic {
        display_name: "News".to_owned(),
        description: None,
        default: contact_list::Subscription::OptIn,
    };
    let list = |world: &mut World, count: usize| {
        let topics = names(count).map(|name| (name, topic())).collect();
        let list = ContactList { name: "dn".to_owned(), description: None, topics };
        world.add("crm", "contacts", list).expect("a list");
    };
    let says = "crm/contact list/contacts: it has too many topics: 1 n001 + 1 n002...1 n021 = 21 \
        topics, and the limit \
        is 20";
    ends_at(20, says, list);
    let group = |world: &mut World, count: usize| {
        let keys = names(count).map(Ref::<PublicKey>::live);
        world.add("crm", "links", KeyGroup::of(keys)).expect("a group");
    };
    let says =
        "crm/key group/links: it has too many public keys: 1 n001...= 6 public keys, and the limit is 5";
    ends_at(5, says, group);
    let table = |world: &mut World, count: usize| {
        let table = Table::on_demand(Attribute::text("id"));
        let table = names(count).fold(table, |table, name| {
            let on = Index::on(Attribute::text(&name));
            table.index(&name, on)
        });
        world.add("crm", "rows", table).expect("a table");
    };
    let says =
        "crm/table/rows: it has too many indexes: ...= 21 global secondary indexes, and the limit is 20";
    ends_at(20, says, table);
    let bucket = |world: &mut World, count: usize| {
        let rule = CorsRule {
            id: None,
            origins: ["*".to_owned()].into(),
            methods: ["GET".to_owned()].into(),
            headers: BTreeSet::new(),
            exposed: BTreeSet::new(),
            max_age_s: None,
        };
        let bucket = Bucket { cors: vec![rule; count], ..Bucket::private() };
        world.add("crm", "reports", bucket).expect("a bucket");
    };
    ends_at(
        100,
        "crm/bucket/reports: it has too many CORS rules: ...= 101 rules, and the limit is 100",
        bucket,
    );
}

#[test]
fn a_behaviour_trusts_four_groups() {
    let says = "crm/distribution/reports: a behaviour trusts too many key groups: 1 n001 at *...= 5 key \
        groups, and the \
        limit is 4";
    ends_at(4, says, |world, count| {
        let mut distribution = distribution();
        distribution.default_behavior.key_groups = names(count).map(Ref::live).collect();
        world.add("crm", "reports", distribution).expect("a distribution");
    });
}

#[test]
fn an_account_has_only_so_many() {
    let keys = |world: &mut World, count: usize| {
        for name in names(count) {
            world.add("crm", &name, PublicKey::new("PEM")).expect("a key");
        }
    };
    let says = "the account: it has too many public keys: 1 crm/public key/n001...= 11 public keys, and \
        the limit is 10";
    ends_at(10, says, keys);
    let groups = |world: &mut World, count: usize| {
        for name in names(count) {
            world.add("crm", &name, KeyGroup::of([Ref::live("K")])).expect("a group");
        }
    };
    ends_at(10, "the account: it has too many key groups: ...= 11 key groups, and the limit is 10", groups);
    let roles = |world: &mut World, count: usize| {
        let role = Role { managed: names(count).collect(), ..Role::of_service("lambda.amazonaws.com") };
        world.add("crm", "one", role).expect("a role");
    };
    ends_at(
        10,
        "crm/role/one: it has too many managed policies: ...= 11 policies, and the limit is 10",
        roles,
    );
    let distributions = |world: &mut World, count: usize| {
        for name in names(count) {
            let distribution = distribution();
            world.add("crm", &name, distribution).expect("a distribution");
        }
    };
    let says = "the account: the stage needs more than the account has: ...= 501 distributions, and the \
        limit is 500";
    ends_at(500, says, distributions);
    let domains = |world: &mut World, count: usize| {
        for name in names(count) {
            world.add("crm", &name, DomainName::regional(&name, "ARN")).expect("a domain");
        }
    };
    let says = "the account: the stage needs more than the account has: ...= 121 custom domains, and the \
        limit is 120";
    ends_at(120, says, domains);
}

#[test]
fn a_domain_leads_to_so_many_apis() {
    let says = "crm/domain name/apis: it leads to too many APIs: 1 crm/base path mapping/n001...= 201 base \
        path mappings, and the limit is 200";
    ends_at(200, says, |world, count| {
        let domain = DomainName::regional("api.example.com", "ARN");
        let domain = world.add("crm", "apis", domain).expect("a domain");
        let other = DomainName::regional("calls.example.com", "ARN");
        let other = world.add("crm", "calls", other).expect("a domain");
        let mapping = |domain: &Handle<DomainName>, name: &str| BasePathMapping {
            domain: domain.by("name"),
            path: Some(name.to_owned()),
            api: Ref::live("a1"),
            stage: "dev".into(),
        };
        // Those of another domain do not count.
        world.add("crm", "elsewhere", mapping(&other, "a")).expect("a mapping");
        for name in names(count) {
            world.add("crm", &name, mapping(&domain, &name)).expect("a mapping");
        }
    });
}

#[test]
fn an_id_that_aws_will_give_counts_with_its_length() {
    let environment = environment();
    let scope = scope();
    let world = stacks::declare(&environment, &artefacts()).expect("the stacks");
    for (address, role) in world.specs(&scope).full_length::<Role>() {
        let text = role.inline.map(|policy| policy.document()).unwrap_or_default();
        assert!(!text.contains("@{"), "{address}: {text}");
    }
}

#[test]
fn plan_and_apply_stop_before_they_look() {
    let project = Project::new();
    let file = "environments/sandbox.yaml";
    let text = project.read(file);
    project.write(file, &format!("{text}\nquotas:\n  gateway_rate: 99\n"));
    for words in [&["plan", "sandbox"][..], &["apply", "sandbox", "--yes"]] {
        let ran = project.dn(words);
        assert_eq!(ran.code, Some(4), "{}", ran.text);
        for part in [
            "more than AWS gives is declared",
            "outreach/rest api/outreach: the stage lets more through than the account has: 100 stage \
                dev = 100 calls \
             a second, and the limit is 99",
            "the account: the methods of all APIs let more through than the account has: 50 outreach GET",
            "say so under `quotas` in environments/sandbox.yaml",
        ] {
            let said = ran.text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(said.contains(part), "{part}\nis not in\n{}", ran.text);
        }
    }
    let before = project.files();
    assert!(
        before.iter().all(|(path, _)| !path.components().any(|one| one.as_os_str() == ".dn")),
        "{before:?}"
    );
}
