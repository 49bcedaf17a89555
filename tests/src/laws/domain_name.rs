//! Examples of custom domains.

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use aws_sdk_apigateway::{
    Client,
    types::{EndpointConfiguration, EndpointType},
};
use kinds::{
    Clients, Names, Writer,
    kinds::{
        domain_name::{DomainName, Routing, Tls, Truststore},
        rest_api::Endpoint,
    },
};
use model::BoxFuture;
use sandbox::{Account, Weather};

use super::{
    Example, PlainGate, apply, differences, fresh, hold, log_group::code_of, look, rest_api::patch, scope,
    world_of,
};

pub(super) const HOST: &str = "api.example.com";
const FIRST: &str = "arn:aws:acm:us-east-1:000000000000:certificate/11111111-2222-3333-4444-555555555555";
const SECOND: &str = "arn:aws:acm:us-east-1:000000000000:certificate/66666666-7777-8888-9999-000000000000";

pub(super) fn domain() -> DomainName {
    DomainName::regional(HOST, FIRST)
}

pub(crate) fn examples() -> [Example<DomainName>; 3] {
    [
        Example {
            name: "regional",
            declare: |_| domain(),
            mutations: &[
                ("name", |one| one.name = "calls.example.com".to_owned()),
                ("endpoint", |one| one.endpoint = Endpoint::Edge),
                ("certificate", |one| one.certificate = SECOND.into()),
                ("tls", |one| one.tls = Tls::Tls10),
                ("truststore", |one| {
                    one.truststore = Some(Truststore { uri: "s3://trust/ca.pem".to_owned(), version: None });
                }),
                ("dual_stack", |one| one.dual_stack = true),
                ("routing", |one| one.routing = Routing::Rules),
            ],
        },
        Example {
            name: "everything set",
            declare: |_| DomainName {
                truststore: Some(Truststore {
                    uri: "s3://trust/ca.pem".to_owned(),
                    version: Some("v1".to_owned()),
                }),
                dual_stack: true,
                routing: Routing::RulesThenBasePaths,
                ..domain()
            },
            mutations: &[
                ("certificate", |one| one.certificate = SECOND.into()),
                ("truststore", |one| one.truststore = None),
                ("truststore", |one| one.truststore.as_mut().expect("one").version = None),
                ("truststore", |one| one.truststore.as_mut().expect("one").uri = "s3://b/ca".to_owned()),
                ("dual_stack", |one| one.dual_stack = false),
                ("routing", |one| one.routing = Routing::BasePaths),
            ],
        },
        Example {
            name: "at the edge",
            declare: |_| DomainName { endpoint: Endpoint::Edge, ..domain() },
            mutations: &[
                ("certificate", |one| one.certificate = SECOND.into()),
                ("tls", |one| one.tls = Tls::Tls10),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_domain_name() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_waits_for_the_one_before() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        apply(&world_of(example, |_| {}), &account).await.expect("a birth");
        for (field, mutate) in
            example.mutations.iter().filter(|(field, _)| !["name", "endpoint"].contains(field))
        {
            let changed = world_of(example, mutate);
            apply(&changed, &account).await.expect(field);
            assert_eq!(differences(&changed, &account).await, [], "{}.{field}", example.name);
            let findings = look(&changed, &account).await.1.expect("it exists").findings;
            assert!(findings[0].ends_with("(UPDATING)"), "{findings:?}");
        }
    }
}

/// The world's DNS is the account's.
struct World(Account);

impl Names for World {
    fn addresses<'a>(&'a self, host: &'a str) -> BoxFuture<'a, BTreeSet<IpAddr>> {
        Box::pin(async move { self.0.addresses(host).into_iter().collect() })
    }
}

#[tokio::test(start_paused = true)]
async fn its_record_is_asked_for_until_dns_leads_there() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    let look = async |clients: Clients| {
        let aws = Writer::new(clients, scope(), Arc::new(PlainGate::PATIENT));
        world.watch(aws.reader())[0].observe().await.expect("a look").expect("it exists")
    };
    let plain = || Clients::new(&account.sdk_config());
    let unknown = look(plain()).await;
    let target = &unknown.outputs["target"];
    assert!(target.starts_with("d-") && target.ends_with(".execute-api.us-east-1.amazonaws.com"), "{target}");
    let record = format!(
        "publish api.example.com CNAME {target} (in Route 53: an alias to it in zone Z1UJRXOUMOOFQ8)"
    );
    assert_eq!(unknown.findings, [format!("DNS was not asked whether it leads here: {record}")]);
    let asking = || plain().with_names(Arc::new(World(account.clone())));
    assert_eq!(look(asking()).await.findings, [format!("waiting for DNS: {record}")]);
    account.publish_dns("api.example.com").expect("memory");
    assert_eq!(look(asking()).await.findings, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_served_is_refused_before_aws_is_asked() {
    let account = fresh();
    let refused = async |change: fn(&mut DomainName), says: &str| {
        let world = world_of(&examples()[0], change);
        let fault = apply(&world, &account).await.expect_err(says);
        assert!(fault.to_string().contains(says), "{fault}");
    };
    refused(|one| one.certificate = FIRST.replace("us-east-1", "eu-west-1").into(), "must be one of").await;
    refused(|one| one.certificate = FIRST.replace("000000000000", "111111111111").into(), "must be one of")
        .await;
    refused(|one| one.endpoint = Endpoint::Private, "private domains").await;
    refused(|one| one.tls = Tls::Other("SecurityPolicy_TLS13_2025_EDGE".to_owned()), "cannot be declared")
        .await;
    assert!(account.served().iter().all(|call| !call.writes), "nothing was asked for");
}

#[tokio::test(start_paused = true)]
async fn what_aws_refuses_is_refused() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let aws = Client::new(&account.sdk_config());
    let regional = EndpointConfiguration::builder().types(EndpointType::Regional).build();
    let create = |name: &str, certificate: &str| {
        let ask = aws.create_domain_name().domain_name(name).endpoint_configuration(regional.clone());
        ask.set_regional_certificate_arn(Some(certificate.to_owned()).filter(|arn| !arn.is_empty())).send()
    };
    for (name, certificate) in [
        (HOST, FIRST),
        ("nowhere", FIRST),
        ("b.example.com", ""),
        ("b.example.com", "arn:aws:acm:eu-west-1:000000000000:certificate/1"),
        ("b.example.com", "arn:aws:acm:us-east-1:111111111111:certificate/1"),
    ] {
        assert_eq!(code_of(create(name, certificate).await), "BadRequestException", "{name} {certificate}");
    }
    let other = aws.create_domain_name().domain_name("b.example.com").certificate_arn(FIRST);
    assert_eq!(code_of(other.endpoint_configuration(regional.clone()).send().await), "BadRequestException");
    for (path, value) in
        [("/securityPolicy", "SSL"), ("/routingMode", "ANY"), ("/certificateArn", FIRST), ("/name", "b")]
    {
        let edit =
            aws.update_domain_name().domain_name(HOST).patch_operations(patch(path, value)).send().await;
        assert_eq!(code_of(edit), "BadRequestException", "{path}");
    }
    let absent = aws.get_domain_name().domain_name("b.example.com").send().await;
    assert_eq!(code_of(absent), "NotFoundException");
    account.set_weather(Weather::realistic());
    let edit = || {
        aws.update_domain_name()
            .domain_name(HOST)
            .patch_operations(patch("/securityPolicy", "TLS_1_0"))
            .send()
    };
    edit().await.expect("a change");
    tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    assert_eq!(code_of(edit().await), "ConflictException", "the first is on its way");
}
