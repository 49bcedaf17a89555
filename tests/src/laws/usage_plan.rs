//! Examples of usage plans.

use std::collections::BTreeMap;

use aws_sdk_apigateway::{
    Client,
    types::{ApiStage, Op, PatchOperation},
};
use kinds::{
    World,
    kinds::{
        api_key::ApiKey,
        rest_api::{RestApi, Throttle},
        usage_plan::{Period, PlanStage, Quota, UsagePlan},
    },
};
use model::{Data, MayFind};
use sandbox::Weather;

use super::{
    Example, apply, differences, fresh, hold,
    log_group::code_of,
    rest_api::{minimal, patch},
    subject, world_of, writer,
};

fn stage(world: &mut World, name: &str) -> PlanStage {
    let api = world.add("laws", name, RestApi::serving(minimal(), "dev")).expect("an address");
    PlanStage { api: api.by("id"), stage: api.by("stage").text().clone(), throttles: BTreeMap::new() }
}

fn full(world: &mut World) -> UsagePlan {
    let send = BTreeMap::from([("POST /send-email".to_owned(), Throttle::new(25, 50))]);
    let stages = [PlanStage { throttles: send, ..stage(world, "outreach") }, stage(world, "financial")];
    let keys = ["first", "second"]
        .map(|name| world.add("laws", name, ApiKey::enabled(name)).expect("an address").by("id"));
    UsagePlan {
        stages: stages.into(),
        throttle: Some(Throttle::new(100, 200)),
        quota: Some(Quota::daily(10_000)),
        keys: keys.into(),
        ..UsagePlan::unlimited("The front ends")
    }
}

/// Puts other throttles on the stage that has some, or that comes first.
fn throttle(plan: &mut UsagePlan, throttles: BTreeMap<String, Throttle>) {
    let chosen = plan.stages.iter().find(|one| !one.throttles.is_empty()).or(plan.stages.first());
    let chosen = chosen.expect("a stage").clone();
    plan.stages.remove(&chosen);
    plan.stages.insert(PlanStage { throttles, ..chosen });
}

pub(crate) fn examples() -> [Example<UsagePlan>; 2] {
    [
        Example {
            name: "empty",
            declare: |_| UsagePlan::unlimited("Nobody yet"),
            mutations: &[
                ("description", |plan| plan.description = "Somebody".to_owned()),
                ("throttle", |plan| plan.throttle = Some(Throttle::new(10, 20))),
                ("quota", |plan| plan.quota = Some(Quota { limit: 5, period: Period::Month, offset: 3 })),
            ],
        },
        Example {
            name: "everything",
            declare: full,
            mutations: &[
                ("description", |plan| plan.description = "One front end".to_owned()),
                ("stages", |plan| {
                    plan.stages.pop_last();
                }),
                ("stages", |plan| plan.stages.clear()),
                ("stages", |plan| throttle(plan, BTreeMap::new())),
                ("stages", |plan| {
                    let half = Throttle { rate: "0.5".parse().expect("a number"), burst: 1 };
                    throttle(plan, BTreeMap::from([("POST /send-email".to_owned(), half)]));
                }),
                ("throttle", |plan| plan.throttle = None),
                ("throttle", |plan| plan.throttle = Some(Throttle::new(100, 201))),
                ("quota", |plan| plan.quota = None),
                ("quota", |plan| plan.quota = Some(Quota { limit: 70_000, period: Period::Week, offset: 0 })),
                ("keys", |plan| {
                    plan.keys.pop_first();
                }),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_usage_plan() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_plan_is_born_and_changed_in_real_weather_by_one_call_a_change() {
    let account = fresh();
    account.set_weather(Weather::realistic());
    let example = &examples()[1];
    apply(&world_of(example, |_| {}), &account).await.expect("a birth");
    for (field, mutate) in example.mutations {
        let changed = world_of(example, mutate);
        apply(&changed, &account).await.expect(field);
        assert_eq!(differences(&changed, &account).await, [], "{field}");
    }
    let calm = account.fork();
    let everything = world_of(example, |plan| {
        plan.description = "All at once".to_owned();
        plan.throttle = None;
        plan.quota = None;
        plan.stages.clear();
    });
    apply(&everything, &calm).await.expect("a change of everything");
    let updates = calm.served().into_iter().filter(|call| call.operation == "UpdateUsagePlan").count();
    assert_eq!(updates, 1, "AWS lets one through in 20 seconds");
}

#[tokio::test(start_paused = true)]
async fn a_key_is_let_in_by_its_plan() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    let keys = account.documents()["apigateway/keys"].clone();
    let (id, key) = keys.iter().next().expect("a key");
    let value = key["value"].as_str().expect("a value");
    let (api, ..) =
        account.apis().into_iter().find(|(_, name, _)| name.ends_with("outreach")).expect("an API");
    let usage = account.usage(value, &api, "dev").expect("it is let in");
    assert_eq!((&usage.key, usage.enabled), (id, true));
    assert_eq!(usage.quota, Some((10_000, "DAY".to_owned())));
    assert_eq!(usage.throttle.expect("a throttle").rate, 100.0);
    assert_eq!(usage.methods["/send-email/POST"].burst, 50);
    assert!(account.usage("another value", &api, "dev").is_none());
    assert!(account.usage(value, &api, "prod").is_none());
}

#[tokio::test(start_paused = true)]
async fn calls_are_counted_key_by_key_and_day_by_day() {
    let account = fresh();
    apply(&world_of(&examples()[1], |_| {}), &account).await.expect("a birth");
    let documents = account.documents();
    let plan = documents["apigateway/plans"].keys().next().expect("a plan");
    let keys: Vec<&String> = documents["apigateway/keys"].keys().collect();
    for (key, calls) in [(keys[0], 2), (keys[1], 1)] {
        (0..calls).for_each(|_| account.count_call(plan, key).expect("memory"));
    }
    tokio::time::advance(std::time::Duration::from_secs(86_400)).await;
    account.count_call(plan, keys[0]).expect("memory");
    let aws = Client::new(&account.sdk_config());
    let ask = |first: &str, last: &str| {
        let ask = aws.get_usage().usage_plan_id(plan).start_date(first).end_date(last);
        ask.limit(1).send()
    };
    // The account's time begins with 2026.
    let page = ask("2026-01-01", "2026-01-02").await.expect("a page");
    assert_eq!(page.items().expect("keys")[keys[0]], [vec![2, 9_998], vec![1, 9_999]]);
    let position = page.position.expect("there is more");
    let rest = aws.get_usage().usage_plan_id(plan).start_date("2026-01-01").end_date("2026-01-01");
    let rest = rest.limit(1).position(position).send().await.expect("a page");
    assert_eq!((&rest.items().expect("keys")[keys[1]], rest.position()), (&vec![vec![1, 9_999]], None));
    for (first, last) in [("2026-01-02", "2026-01-01"), ("2026-01-01", "2026-04-01"), ("today", "today")] {
        assert_eq!(code_of(ask(first, last).await), "BadRequestException", "{first} {last}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_of_plans_is_refused() {
    let account = fresh();
    let world = world_of(&examples()[1], |_| {});
    apply(&world, &account).await.expect("a birth");
    let aws = Client::new(&account.sdk_config());
    let (api, ..) = account.apis().into_iter().next().expect("an API");
    let plan = account.documents()["apigateway/plans"].keys().next().expect("a plan").clone();
    let key = account.documents()["apigateway/keys"].keys().next().expect("a key").clone();

    let held = aws.delete_usage_plan().usage_plan_id(&plan).send().await;
    assert_eq!(code_of(held), "BadRequestException", "it names stages");
    let stage = aws.delete_stage().rest_api_id(&api).stage_name("dev").send().await;
    assert_eq!(code_of(stage), "BadRequestException", "a plan names it");
    assert_eq!(code_of(aws.delete_rest_api().rest_api_id(&api).send().await), "BadRequestException");
    let unknown = ApiStage::builder().api_id(&api).stage("prod").build();
    let created = aws.create_usage_plan().name("b").api_stages(unknown).send().await;
    assert_eq!(code_of(created), "BadRequestException", "no such stage");
    let again =
        aws.create_usage_plan_key().usage_plan_id(&plan).key_id(&key).key_type("API_KEY").send().await;
    assert_eq!(code_of(again), "ConflictException", "it is in the plan");
    let second = ApiStage::builder().api_id(&api).stage("dev").build();
    let second = aws.create_usage_plan().name("b").api_stages(second).send().await.expect("a plan");
    let second = second.id.expect("an id");
    let both =
        aws.create_usage_plan_key().usage_plan_id(&second).key_id(&key).key_type("API_KEY").send().await;
    assert_eq!(code_of(both), "ConflictException", "one key reaches a stage by one plan");
    let path = PatchOperation::builder().op(Op::Remove).path(format!("/apiStages/{api}:dev")).build();
    let path = aws.update_usage_plan().usage_plan_id(&plan).patch_operations(path).send().await;
    assert_eq!(code_of(path), "BadRequestException", "stages leave by value");
    let edit = |path: &str, value: &str| {
        aws.update_usage_plan().usage_plan_id(&plan).patch_operations(patch(path, value)).send()
    };
    for (path, value) in [("/quota/offset", "1"), ("/quota/period", "YEAR"), ("/throttle/rateLimit", "fast")]
    {
        assert_eq!(code_of(edit(path, value).await), "BadRequestException", "{path}");
    }

    subject(&world.manage(&writer(&account)))
        .delete(MayFind::Anything, Data::Keep)
        .await
        .expect("it empties first");
}
