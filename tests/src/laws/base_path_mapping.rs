//! Examples of base paths.

use aws_sdk_apigateway::Client;
use kinds::{
    KINDS, World,
    bound::Handle,
    kinds::{base_path_mapping::BasePathMapping, domain_name::DomainName, rest_api::RestApi},
};
use model::{Data, Fault, MayFind, Ref};
use sandbox::Weather;

use super::{
    Example, apply, differences, domain_name, fresh, hold,
    log_group::code_of,
    look,
    rest_api::{minimal, patch},
    subject, world_of, writer,
};

fn domain(world: &mut World) -> Handle<DomainName> {
    world.add("laws", "apis", domain_name::domain()).expect("an address")
}

fn api(world: &mut World, name: &str) -> Handle<RestApi> {
    world.add("laws", name, RestApi::serving(minimal(), "dev")).expect("an address")
}

fn mapping(world: &mut World, path: Option<&str>) -> BasePathMapping {
    let (domain, first) = (domain(world), api(world, "first"));
    api(world, "second");
    let other = DomainName { name: "calls.example.com".to_owned(), ..domain_name::domain() };
    world.add("laws", "other", other).expect("an address");
    BasePathMapping {
        domain: domain.by("name"),
        path: path.map(str::to_owned),
        api: first.by("id"),
        stage: first.by("stage").text().clone(),
    }
}

fn second() -> Ref<RestApi> {
    Ref::to(&"laws/rest api/second".parse().expect("an address"), "id")
}

fn other() -> Ref<DomainName> {
    Ref::to(&"laws/domain name/other".parse().expect("an address"), "name")
}

pub(crate) fn examples() -> [Example<BasePathMapping>; 2] {
    [
        Example {
            name: "below a path",
            declare: |world| mapping(world, Some("outreach")),
            mutations: &[
                ("path", |one| one.path = Some("mail".to_owned())),
                ("path", |one| one.path = None),
                ("api", |one| one.api = second()),
                // Callers say the stage themselves.
                ("stage", |one| one.stage = "(none)".into()),
            ],
        },
        Example {
            name: "the whole domain",
            declare: |world| mapping(world, None),
            mutations: &[("api", |one| one.api = second()), ("domain", |one| one.domain = other())],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_base_path_mapping() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_mapping_is_born_and_changed_in_real_weather() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        for (field, mutate) in example.mutations.iter().filter(|(field, _)| ["api", "stage"].contains(field))
        {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{}.{field}", example.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn where_else_a_domain_leads_is_shown() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    let aws = Client::new(&account.sdk_config());
    let apis = account.apis();
    let (id, ..) = apis.last().expect("an API");
    // More than one page of the smallest size that AWS has.
    for number in 0..30 {
        let ask = aws.create_base_path_mapping().domain_name(domain_name::HOST).rest_api_id(id).stage("dev");
        ask.base_path(format!("stray{number}")).send().await.expect("a mapping");
    }
    let kind = KINDS.iter().find(|kind| kind.name == "base path mapping").expect("the kind is listed");
    let mut found = kind.unmanaged(writer(&account).reader()).await.expect("an inventory");
    found.retain(|one| !one.contains("stray"));
    assert_eq!(found, ["api.example.com/outreach"], "what is declared is told apart by its physical name");
    let all = kind.unmanaged(writer(&account).reader()).await.expect("an inventory");
    assert_eq!(all.len(), 31);
    let declared = look(&world, &account).await.0;
    assert_eq!(declared.physical, "api.example.com/outreach");
}

#[tokio::test(start_paused = true)]
async fn a_bad_path_is_refused_before_aws_is_asked() {
    let account = fresh();
    for bad in ["a/b", "", "a b"] {
        let mut world = World::default();
        let spec = BasePathMapping { path: Some(bad.to_owned()), ..mapping(&mut world, None) };
        world.add("laws", "subject", spec).expect("an address");
        let fault = apply(&world, &account).await.expect_err(bad);
        assert!(
            matches!(&fault, Fault::Refused(_)) && fault.to_string().contains("is no base path"),
            "{fault}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_refused() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    let aws = Client::new(&account.sdk_config());
    let host = domain_name::HOST;
    let found = aws.get_base_path_mapping().domain_name(host).base_path("outreach").send().await;
    let api = found.expect("a mapping").rest_api_id.expect("an API");
    let map = |host: &str, path: &str, api: &str, stage: &str| {
        let ask = aws.create_base_path_mapping().domain_name(host).base_path(path);
        ask.rest_api_id(api).stage(stage).send()
    };
    assert_eq!(code_of(map("b.example.com", "a", &api, "dev").await), "NotFoundException");
    assert_eq!(code_of(map(host, "outreach", &api, "dev").await), "ConflictException", "it is taken");
    assert_eq!(code_of(map(host, "(none)", &api, "dev").await), "ConflictException", "it is all or parts");
    assert_eq!(code_of(map(host, "a/b", &api, "dev").await), "BadRequestException", "one segment");
    assert_eq!(code_of(map(host, "a", "none", "dev").await), "BadRequestException", "no such API");
    assert_eq!(code_of(map(host, "a", &api, "prod").await), "BadRequestException", "no such stage");
    let edit = |path: &str, value: &str| {
        let ask = aws.update_base_path_mapping().domain_name(host).base_path("outreach");
        ask.patch_operations(patch(path, value)).send()
    };
    for (path, value) in [("/restapiId", "none"), ("/stage", "prod"), ("/domain", host)] {
        assert_eq!(code_of(edit(path, value).await), "BadRequestException", "{path}");
    }
    let stage = aws.delete_stage().rest_api_id(&api).stage_name("dev").send().await;
    assert_eq!(code_of(stage), "BadRequestException", "the domain leads to it");
    assert_eq!(code_of(aws.delete_rest_api().rest_api_id(&api).send().await), "BadRequestException");

    let managed = world.manage(&writer(&account));
    subject(&managed).delete(MayFind::Anything, Data::Keep).await.expect("a delete");
    aws.delete_rest_api().rest_api_id(&api).send().await.expect("nothing leads to it now");
    map(host, "a", &account.apis()[0].0, "dev").await.expect("another");
    aws.delete_domain_name().domain_name(host).send().await.expect("a domain takes its mappings with it");
    assert_eq!(account.mappings(), []);
}
