//! The reports: nothing but CloudFront and the role of signed-in users reads them; CloudFront serves
//! signed links over HTTPS, and nothing else.

use aws_sdk_cloudfront::types::{MinimumProtocolVersion, ViewerProtocolPolicy};
use model::policy::Policy;

use super::{
    Account,
    evaluator::{Decision, Request, Who, decide},
};

const TLS: (&str, &str) = ("aws:securetransport", "true");
const PLAIN: (&str, &str) = ("aws:securetransport", "false");
const CLOUDFRONT: Who<'static> = Who::Service("cloudfront.amazonaws.com");

/// What S3 itself holds.
async fn bucket_policy(account: &Account) -> Policy {
    let client = aws_sdk_s3::Client::new(&account.stage.account.sdk_config());
    let name = account.output("reports/bucket/reports", "name");
    let answer = client.get_bucket_policy().bucket(&name).send().await.expect("a policy");
    let blocked = client.get_public_access_block().bucket(&name).send().await.expect("a block");
    let blocked = blocked.public_access_block_configuration().expect("a block").clone();
    let all = [
        blocked.block_public_acls(),
        blocked.ignore_public_acls(),
        blocked.block_public_policy(),
        blocked.restrict_public_buckets(),
    ];
    assert_eq!(all, [Some(true); 4], "no ACL and no public policy counts");
    Policy::parse(answer.policy().expect("a policy")).expect("a policy")
}

#[tokio::test(start_paused = true)]
async fn cloudfront_and_the_role_of_who_signed_in_read_and_nobody_else() {
    let account = Account::applied().await;
    let bucket = account.arn("reports/bucket/reports");
    let report = format!("{bucket}/financial-reports/2026/January/X-youtube.pdf");
    let (distribution, crm) = (account.arn("reports/distribution/reports"), account.arn("reports/role/crm"));
    let policy = bucket_policy(&account).await;
    let own = account.inline("reports/role/crm");
    fn ask(
        policy: &Policy,
        (who, own): (Who<'_>, &[&Policy]),
        action: &str,
        resource: &str,
        context: &[(&str, &str)],
    ) -> Decision {
        decide(own, &[policy], &Request { who, action, resource, context })
    }
    let from = ("aws:sourcearn", distribution.as_str());
    let get = "s3:GetObject";
    assert_eq!(ask(&policy, (CLOUDFRONT, &[]), get, &report, &[from, TLS]), Decision::Allowed);
    assert_eq!(
        ask(&policy, (CLOUDFRONT, &[]), get, &report, &[from, PLAIN]),
        Decision::Denied,
        "not without TLS"
    );
    let other = ("aws:sourcearn", "arn:aws:cloudfront::000000000000:distribution/EOTHER");
    assert_eq!(
        ask(&policy, (CLOUDFRONT, &[]), get, &report, &[other, TLS]),
        Decision::Silent,
        "no other distribution"
    );
    for action in ["s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:GetObjectVersion"] {
        let on = if action == "s3:ListBucket" { &bucket } else { &report };
        assert_eq!(ask(&policy, (CLOUDFRONT, &[]), action, on, &[from, TLS]), Decision::Silent, "{action}");
    }
    let role = Who::Role(&crm);
    assert_eq!(ask(&policy, (role, &[&own]), get, &report, &[TLS]), Decision::Allowed);
    assert_eq!(ask(&policy, (role, &[&own]), "s3:ListBucket", &bucket, &[TLS]), Decision::Allowed);
    assert_eq!(ask(&policy, (role, &[&own]), get, &report, &[PLAIN]), Decision::Denied);
    for action in ["s3:PutObject", "s3:DeleteObject", "s3:PutBucketPolicy"] {
        let on = if action == "s3:PutBucketPolicy" { &bucket } else { &report };
        assert_eq!(ask(&policy, (role, &[&own]), action, on, &[TLS]), Decision::Silent, "{action}");
    }
    for who in [Who::Anybody, Who::Service("s3.amazonaws.com"), Who::Role("arn:aws:iam::111111111111:role/x")]
    {
        assert_eq!(ask(&policy, (who, &[]), get, &report, &[TLS, from]), Decision::Silent, "{who:?}");
    }
    // Of all roles of the stage, by their own policies.
    let readers: Vec<String> = account
        .roles()
        .filter(|role| {
            let (own, arn) = (account.inline(role), account.arn(role));
            ask(&policy, (Who::Role(&arn), &[&own]), get, &report, &[TLS]) == Decision::Allowed
        })
        .collect();
    assert_eq!(readers, ["reports/role/crm"]);
}

#[tokio::test(start_paused = true)]
async fn the_distribution_serves_signed_links_over_https_and_nothing_else() {
    let account = Account::applied().await;
    let client = aws_sdk_cloudfront::Client::new(&account.stage.account.sdk_config());
    let id = account.output("reports/distribution/reports", "id");
    let config = client.get_distribution_config().id(id).send().await.expect("a distribution");
    let config = config.distribution_config().expect("a configuration");
    let behavior = config.default_cache_behavior().expect("a behaviour");
    assert_eq!(config.cache_behaviors().map_or(0, |all| all.quantity()), 0, "one behaviour for every path");
    assert_eq!(*behavior.viewer_protocol_policy(), ViewerProtocolPolicy::HttpsOnly);
    let groups = behavior.trusted_key_groups().expect("groups");
    let group = account.output("reports/key group/links", "id");
    assert_eq!(
        (groups.enabled(), groups.items()),
        (true, &[group.clone()][..]),
        "unsigned links are refused"
    );
    assert!(behavior.trusted_signers().is_none_or(|signers| !signers.enabled()), "no accounts sign");
    let methods = behavior.allowed_methods().expect("methods").items();
    assert!(methods.iter().all(|one| ["GET", "HEAD"].contains(&one.as_str())), "{methods:?}");
    let origins = config.origins().expect("origins").items();
    let [origin] = origins else { panic!("one origin: {origins:?}") };
    assert!(origin.domain_name().starts_with(&account.output("reports/bucket/reports", "name")));
    assert!(origin.origin_access_control_id().is_some_and(|id| !id.is_empty()), "the origin is private");
    let tls = config.viewer_certificate().and_then(|one| one.minimum_protocol_version());
    // CloudFront's own domain has the oldest TLS that CloudFront speaks; a domain of one's own has 1.2
    // or later.
    let old =
        [MinimumProtocolVersion::SsLv3, MinimumProtocolVersion::TlSv1, MinimumProtocolVersion::TlSv12016];
    let own_domain = config.aliases().is_some_and(|aliases| aliases.quantity() > 0);
    assert!(!own_domain || tls.is_some_and(|tls| !old.contains(tls)), "{tls:?}");
    assert!(config.logging().is_some_and(|logs| logs.enabled()), "who read what is written down");
    // The group holds the keys of the environment, and no others.
    let keys = client.get_key_group_config().id(group).send().await.expect("a group");
    let keys = keys.key_group_config().expect("a group").items().to_vec();
    assert_eq!(keys, [account.output("reports/public key/links-1", "id")]);
}
