//! Examples of distributions.

use std::collections::BTreeSet;

use kinds::{
    World,
    kinds::{
        bucket::{Bucket, Ownership},
        distribution::{
            AccessLogs, Behavior, Countries, CustomDomain, Distribution, ErrorPage, ErrorResponse,
            HttpVersion, Methods, Origin, PathBehavior, PriceClass, Tls, Viewers, cache_policy,
            origin_request_policy,
        },
        key_group::KeyGroup,
        origin_access_control::OriginAccessControl,
        public_key::PublicKey,
        response_headers_policy::ResponseHeadersPolicy,
    },
};
use model::{Ref, Text};

use super::{Example, hold, public_key::FIRST};

mod deploying;
mod identity;

const BUCKET: &str = "dn-test-reports.s3.us-east-1.amazonaws.com";
const CERTIFICATE: &str = "arn:aws:acm:us-east-1:000000000000:certificate/1";

/// A private bucket behind HTTPS, and no more.
pub(super) fn minimal(world: &mut World) -> Distribution {
    let control = world.add("laws", "reports", OriginAccessControl::bucket()).expect("an address");
    Distribution::of("reports", Origin::bucket(BUCKET, control.by("id")))
}

fn everything(world: &mut World) -> Distribution {
    let key = world.add("laws", "links", PublicKey::new(FIRST)).expect("an address");
    let group = world.add("laws", "links", KeyGroup::of([key.by("id")])).expect("an address");
    let headers = ResponseHeadersPolicy { no_sniff: Some(true), ..ResponseHeadersPolicy::default() };
    let headers = world.add("laws", "headers", headers).expect("an address");
    let logs = Bucket { ownership: Ownership::BucketOwnerPreferred, ..Bucket::private() };
    let logs = world.add("laws", "logs", logs).expect("an address");
    let mut all = minimal(world);
    all.comment = "reports & links".to_owned();
    all.origins.insert("api".to_owned(), Origin::server("api.example.com"));
    all.origins.get_mut("reports").expect("an origin").shield = Some("us-east-1".to_owned());
    all.default_behavior.key_groups.insert(group.by("id"));
    all.default_behavior.response_headers_policy = Some(headers.by("id"));
    let api = Behavior {
        methods: Methods::All,
        cache_policy: Text::from(cache_policy::DISABLED),
        origin_request_policy: Some(Text::from(origin_request_policy::ALL_VIEWER_EXCEPT_HOST)),
        ..Behavior::read("api")
    };
    let public = Behavior { viewers: Viewers::RedirectToHttps, ..Behavior::read("reports") };
    all.behaviors = vec![
        PathBehavior { path: "api/*".to_owned(), behavior: api },
        PathBehavior { path: "public/*".to_owned(), behavior: public },
    ];
    all.custom_domain = Some(CustomDomain {
        aliases: BTreeSet::from(["files.example.com".to_owned()]),
        certificate: Text::from(CERTIFICATE),
        tls: Tls::Tls12Of2021,
    });
    all.access_logs = Some(AccessLogs {
        bucket: Text::of(logs.address(), "domain"),
        prefix: "media/".to_owned(),
        cookies: false,
    });
    all.default_root_object = Some("index.html".to_owned());
    all.countries = Some(Countries::Not(BTreeSet::from(["KP".to_owned()])));
    let page = ErrorPage { path: "/missing.html".to_owned(), code: 404 };
    all.error_responses.insert("403".to_owned(), ErrorResponse { page: Some(page), cache_s: 60 });
    all.web_acl = Some(Text::from("arn:aws:wafv2:us-east-1:000000000000:global/webacl/a/1"));
    all
}

pub(crate) fn examples() -> [Example<Distribution>; 2] {
    [
        Example {
            name: "minimal",
            declare: minimal,
            mutations: &[
                ("comment", |one| one.comment = "reports".to_owned()),
                ("enabled", |one| one.enabled = false),
                ("default_behavior", |one| {
                    one.default_behavior.methods = Methods::ReadAndOptions;
                    one.default_behavior.caches_options = true;
                }),
            ],
        },
        Example {
            name: "everything",
            declare: everything,
            mutations: &[
                ("comment", |one| one.comment = String::new()),
                ("enabled", |one| one.enabled = false),
                ("origins", |one| {
                    one.origins.insert("more".to_owned(), Origin::server("more.example.com"));
                }),
                ("origins", |one| one.origins.get_mut("reports").expect("an origin").access_control = None),
                ("origins", |one| one.origins.get_mut("reports").expect("an origin").shield = None),
                ("origins", |one| one.origins.get_mut("reports").expect("an origin").path = "/v2".to_owned()),
                ("origins", |one| one.origins.get_mut("reports").expect("an origin").attempts = 2),
                ("origins", |one| {
                    let server = &mut one.origins.get_mut("api").expect("an origin").server;
                    server.as_mut().expect("a server").read_timeout_s = 45;
                }),
                ("default_behavior", |one| one.default_behavior.key_groups.clear()),
                ("default_behavior", |one| one.default_behavior.response_headers_policy = None),
                ("default_behavior", |one| one.default_behavior.compresses = false),
                ("default_behavior", |one| {
                    let managed = "67f7725c-6f97-4210-82d7-5512b31e9d03";
                    one.default_behavior.response_headers_policy = Some(Ref::live(managed));
                }),
                ("default_behavior", |one| one.default_behavior.signers.extend(["self".to_owned()])),
                ("behaviors", |one| one.behaviors.reverse()),
                ("behaviors", |one| one.behaviors.clear()),
                ("behaviors", |one| one.behaviors[0].behavior.methods = Methods::ReadAndOptions),
                ("custom_domain", |one| one.custom_domain = None),
                ("custom_domain", |one| one.custom_domain.as_mut().expect("one").tls = Tls::Tls13Of2025),
                ("price_class", |one| one.price_class = PriceClass::Least),
                ("http_version", |one| one.http_version = HttpVersion::Http2And3),
                ("ipv6", |one| one.ipv6 = false),
                ("access_logs", |one| one.access_logs = None),
                ("default_root_object", |one| one.default_root_object = None),
                ("countries", |one| one.countries = None),
                ("error_responses", |one| one.error_responses.clear()),
                ("web_acl", |one| one.web_acl = None),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_distribution() {
    hold(&examples()).await;
}
