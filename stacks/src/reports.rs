//! The reports that links in mails lead to: kept in a bucket, served by CloudFront to whoever holds a signed link.
//!
//! **Whose keys.** CloudFront makes no key group without a key, and the distribution needs a group: so the environment
//! names a key for the group to begin with (`reports.signing_keys`), whose private half nobody needs to have. The keys
//! that links are signed with are made by `dn rotate STAGE signing-key`, which puts the public half into the group and
//! the private half into the secret, and takes the environment's key out of the group when it has a key of its own in
//! use. They are declared nowhere, so no plan meddles with a rotation; a key that somebody else puts into the group is
//! a difference as ever (`kinds::key_group`).

use std::collections::{BTreeMap, BTreeSet};

use contract::signing::{KEY_GROUP, SECRET};
use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::{
        bucket::{Bucket, CorsRule, Due, LifecycleRule, Ownership, Versioning},
        distribution::{AccessLogs, Behavior, Distribution, Origin},
        identity_pool::IdentityPool,
        identity_pool_roles::IdentityPoolRoles,
        key_group::KeyGroup,
        origin_access_control::OriginAccessControl,
        public_key::PublicKey,
        response_headers_policy::{FrameOption, Header, ResponseHeadersPolicy, TransportSecurity},
        role::Role,
        secret::Secret,
    },
};
use model::{
    Address, Text,
    policy::{Policy, Statement},
};

use crate::Environment;

pub(crate) const STACK: &str = "reports";

/// The bucket with the reports.
pub(crate) const REPORTS: &str = "reports";

/// Whether anything is: without a key no link can be followed, and there is no distribution.
pub(crate) fn is_served(environment: &Environment) -> bool {
    !environment.reports.signing_keys.is_empty()
}

/// Declares the stack.
///
/// # Errors
/// When an address is taken.
pub fn declare(world: &mut World, environment: &Environment) -> Result<(), DeclareError> {
    let described = "The key that report links are signed with: private key and key id in one document.";
    world.add(SECRET.stack, SECRET.name, Secret::described(described))?;
    let keys = signing_keys(world, environment)?;
    let distribution = keys.map(|keys| distribution(world, environment, &keys)).transpose()?;
    world.add(STACK, REPORTS, bucket(environment, distribution.as_ref())?)?;
    sign_in(world, environment)
}

/// The group that the distribution trusts; none without a key, and then nothing is served.
fn signing_keys(
    world: &mut World,
    environment: &Environment,
) -> Result<Option<Handle<KeyGroup>>, DeclareError> {
    let mut keys = BTreeSet::new();
    for (name, pem) in &environment.reports.signing_keys {
        keys.insert(world.add(STACK, name, PublicKey::new(pem.as_str()))?.by("id"));
    }
    if keys.is_empty() {
        return Ok(None);
    }
    world.add(KEY_GROUP.0, KEY_GROUP.1, KeyGroup::of(keys)).map(Some)
}

/// Nothing but CloudFront may read, over TLS only; the CRM's users by their own role (A23).
fn bucket(
    environment: &Environment,
    distribution: Option<&Handle<Distribution>>,
) -> Result<Bucket, DeclareError> {
    let itself = Text::of(&Address::new(STACK, "bucket", REPORTS)?, "arn");
    let all = itself.clone().then("/*");
    let tls_only = Statement::deny(["s3:*"], [itself.to_string(), all.to_string()])
        .sid("tls-only")
        .to_aws("*")
        .when("Bool", "aws:SecureTransport", "false");
    let mut statements = vec![tls_only];
    if let Some(distribution) = distribution {
        let read = Statement::allow(["s3:GetObject"], [all.to_string()])
            .sid("cloudfront")
            .to_service("cloudfront.amazonaws.com")
            .when("StringEquals", "AWS:SourceArn", distribution.arn().text().to_string());
        statements.push(read);
    }
    let set = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<BTreeSet<String>>();
    let browsers = CorsRule {
        id: None,
        origins: environment.web.origins.iter().cloned().collect(),
        methods: set(&["GET", "HEAD"]),
        headers: set(&["*"]),
        exposed: set(&["ETag"]),
        max_age_s: Some(3600),
    };
    Ok(Bucket {
        policy: Some(Policy::new(statements)),
        versioning: Versioning::Enabled,
        cors: vec![browsers],
        ..Bucket::private()
    })
}

fn distribution(
    world: &mut World,
    environment: &Environment,
    keys: &Handle<KeyGroup>,
) -> Result<Handle<Distribution>, DeclareError> {
    let access = world.add(STACK, REPORTS, OriginAccessControl::bucket())?;
    let headers = world.add(STACK, "links", strict_headers())?;
    let logs = world.add(STACK, "access-logs", access_logs(environment))?;
    // The bucket's policy names the distribution, so the distribution only names the bucket.
    let bucket = Address::new(STACK, "bucket", REPORTS)?;
    let domain =
        Text::named(&bucket, "name").then(&format!(".s3.{}.amazonaws.com", environment.region.as_str()));
    let behavior = Behavior {
        key_groups: [keys.by("id")].into(),
        response_headers_policy: Some(headers.by("id")),
        ..Behavior::read(REPORTS)
    };
    let mut declared = Distribution::of(REPORTS, Origin::bucket(domain, access.by("id")));
    declared.comment = "Financial reports by signed links".to_owned();
    declared.default_behavior = behavior;
    declared.access_logs = Some(AccessLogs {
        bucket: logs.by("name").text().clone().then(".s3.amazonaws.com"),
        prefix: "cloudfront/".to_owned(),
        cookies: false,
    });
    world.add(STACK, REPORTS, declared)
}

/// A report is read, and leads nowhere: not into frames, and no page learns its link.
fn strict_headers() -> ResponseHeadersPolicy {
    let year = TransportSecurity { max_age_s: 31_536_000, subdomains: true, preload: false };
    ResponseHeadersPolicy {
        comment: "Reports by signed links".to_owned(),
        no_sniff: Some(true),
        frame_options: Some(Header::replacing(FrameOption::Deny)),
        referrer_policy: Some(Header::replacing("no-referrer".to_owned())),
        strict_transport_security: Some(Header::replacing(year)),
        cors: None,
        content_security_policy: None,
        xss_protection: None,
        custom: BTreeMap::new(),
        removed: BTreeSet::new(),
        server_timing_ppm: None,
    }
}

/// CloudFront writes its logs by an ACL, which the bucket must honour (CloudFront developer guide,
/// "Access logs").
fn access_logs(environment: &Environment) -> Bucket {
    let old = LifecycleRule {
        expire: Some(Due::Days(i32::try_from(environment.reports.access_log_days).unwrap_or(i32::MAX))),
        ..LifecycleRule::of_prefix("")
    };
    Bucket {
        ownership: Ownership::BucketOwnerPreferred,
        lifecycle: [("old".to_owned(), old)].into(),
        ..Bucket::private()
    }
}

/// The file browser of the CRM: signed-in users read the bucket by a role of their own (I20).
fn sign_in(world: &mut World, environment: &Environment) -> Result<(), DeclareError> {
    let Some(provider) = &environment.reports.sign_in_provider else { return Ok(()) };
    let pool = world.add(STACK, "crm", IdentityPool::for_oidc(provider.as_str()))?;
    let bucket = Address::new(STACK, "bucket", REPORTS)?;
    let arn = Text::of(&bucket, "arn");
    let read = Statement::allow(["s3:GetObject"], [arn.clone().then("/*").to_string()]).sid("read");
    let list = Statement::allow(["s3:ListBucket"], [arn.to_string()]).sid("list");
    let role = Role {
        description: Some("What signed-in users of the CRM may read.".to_owned()),
        inline: Some(Policy::new([read, list])),
        ..Role::trusting(IdentityPool::trust(&pool.by("id")))
    };
    let role = world.add(STACK, "crm", role)?;
    world.add(STACK, "crm", IdentityPoolRoles::of(pool.by("name"), role.arn())).map(|_| ())
}
