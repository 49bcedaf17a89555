//! Examples of buckets, and what S3 refuses.

use kinds::kinds::{
    bucket::{
        AccessLog, Bucket, CorsRule, Due, Encryption, LifecycleRule, LogKeys, Notification, Ownership,
        PublicAccess, StorageClass, Target, Transition, Versioning,
    },
    queue::Queue,
};
use model::{
    Address, Text,
    policy::{Policy, Statement},
};
use sandbox::Weather;

use super::*;

pub(crate) mod objects;
mod refusals;

const NAME: &str = "dn-test-subject-000000000000";

/// A reference to the bucket under test, from its own policy.
fn own(rest: &str) -> String {
    let address = Address::new("laws", "bucket", "subject").expect("an address");
    Text::of(&address, "arn").then(rest).to_string()
}

fn set(words: &[&str]) -> std::collections::BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn mail_policy() -> Policy {
    Policy::new([
        Statement::allow(["s3:PutObject"], [own("/mail/*")])
            .sid("mail")
            .to_service("ses.amazonaws.com")
            .when("StringEquals", "AWS:SourceAccount", ACCOUNT),
        Statement::deny(["s3:*"], [own(""), own("/*")]).sid("tls").to_aws("*").when(
            "Bool",
            "aws:SecureTransport",
            "false",
        ),
    ])
}

fn public_policy() -> Policy {
    Policy::new([Statement::allow(["s3:GetObject"], [own("/*")]).sid("everybody").to_aws("*")])
}

fn upload_cors() -> CorsRule {
    CorsRule {
        id: Some("app".to_owned()),
        origins: set(&["https://app.example.com"]),
        methods: set(&["PUT", "GET"]),
        headers: set(&["*"]),
        exposed: set(&["ETag"]),
        max_age_s: Some(600),
    }
}

fn old_mail() -> LifecycleRule {
    LifecycleRule {
        expire: Some(Due::Days(400)),
        expire_noncurrent_days: Some(30),
        abort_uploads_days: Some(7),
        transitions: [Transition::after_days(60, StorageClass::STANDARD_IA)].into(),
        ..LifecycleRule::of_prefix("mail/")
    }
}

/// A queue that S3 may send to.
fn listener() -> Queue {
    let send = Statement::allow(["sqs:SendMessage"], ["*"]).to_service("s3.amazonaws.com");
    Queue { policy: Some(Policy::new([send])), ..Queue::standard() }
}

fn private() -> Example<Bucket> {
    Example {
        name: "private",
        declare: |_| Bucket::private(),
        mutations: &[
            ("ownership", |bucket| bucket.ownership = Ownership::ObjectWriter),
            ("public_access", |bucket| bucket.public_access = PublicAccess::open()),
            ("policy", |bucket| bucket.policy = Some(mail_policy())),
            ("caller_keys", |bucket| bucket.caller_keys = true),
            ("lifecycle", |bucket| drop(bucket.lifecycle.insert("old-mail".to_owned(), old_mail()))),
            ("cors", |bucket| bucket.cors = vec![upload_cors()]),
            ("event_bridge", |bucket| bucket.event_bridge = true),
        ],
    }
}

/// A bucket with every field set, and the log bucket and queue that it refers to.
fn everything(world: &mut World) -> Bucket {
    let log = world.add("laws", "log", Bucket::private()).expect("an address");
    let queue = world.add("laws", "arrivals", listener()).expect("an address");
    let drafts = LifecycleRule {
        enabled: false,
        tags: model::Tags::from([("draft".to_owned(), "yes & no".to_owned())]),
        larger_than: Some(1_000),
        smaller_than: Some(9_000_000),
        expire: Some(Due::On("2031-01-01T00:00:00Z".to_owned())),
        keep_noncurrent: Some(3),
        noncurrent_transitions: [Transition {
            keep: Some(2),
            ..Transition::after_days(5, StorageClass::GLACIER_IR)
        }]
        .into(),
        transitions: [Transition::after_days(90, StorageClass::DEEP_ARCHIVE)].into(),
        expire_noncurrent_days: Some(9),
        ..LifecycleRule::of_prefix("drafts/")
    };
    let arrival = Notification {
        to: Target::Queue(queue.arn().text().clone()),
        events: set(&["s3:ObjectCreated:*"]),
        prefix: "mail/".to_owned(),
        suffix: ".eml".to_owned(),
    };
    Bucket {
        ownership: Ownership::BucketOwnerPreferred,
        public_access: PublicAccess { block_policy: false, restrict: false, ..PublicAccess::blocked() },
        policy: Some(mail_policy()),
        encryption: Encryption::Key { key: key("1"), bucket_key: true },
        caller_keys: true,
        versioning: Versioning::Enabled,
        lifecycle: [("drafts".to_owned(), drafts), ("old-mail".to_owned(), old_mail())].into(),
        cors: vec![upload_cors(), CorsRule { id: None, max_age_s: None, ..upload_cors() }],
        access_log: Some(AccessLog {
            bucket: log.by("name"),
            prefix: "subject/".to_owned(),
            keys: LogKeys::ByEventDay,
        }),
        event_bridge: true,
        notifications: [("arrivals".to_owned(), arrival)].into(),
    }
}

fn whole() -> Example<Bucket> {
    Example {
        name: "everything set",
        declare: everything,
        mutations: &[
            ("ownership", |bucket| bucket.ownership = Ownership::BucketOwnerEnforced),
            ("public_access", |bucket| bucket.public_access.ignore_acls = false),
            ("policy", |bucket| bucket.policy = Some(public_policy())),
            ("policy", |bucket| bucket.policy = None),
            ("encryption", |bucket| {
                bucket.encryption = Encryption::KeyTwice { key: key("2") };
            }),
            ("encryption", |bucket| bucket.encryption = Encryption::S3),
            ("caller_keys", |bucket| bucket.caller_keys = false),
            ("versioning", |bucket| bucket.versioning = Versioning::Suspended),
            ("versioning", |bucket| bucket.versioning = Versioning::Off),
            ("lifecycle", |bucket| drop(bucket.lifecycle.remove("drafts"))),
            ("lifecycle", |bucket| bucket.lifecycle.clear()),
            ("cors", |bucket| bucket.cors.reverse()),
            ("cors", |bucket| bucket.cors.clear()),
            ("access_log", |bucket| bucket.access_log = None),
            ("access_log", |bucket| {
                let log = bucket.access_log.as_mut().expect("a log");
                (log.keys, log.prefix) = (LogKeys::Plain, String::new());
            }),
            ("event_bridge", |bucket| bucket.event_bridge = false),
            ("notification", |bucket| bucket.notifications.clear()),
            ("notification", |bucket| {
                let arrival = bucket.notifications.get_mut("arrivals").expect("a notification");
                (arrival.prefix, arrival.suffix) = (String::new(), String::new());
            }),
        ],
    }
}

/// S3 keeps any key that it is given, so the laws need none.
fn key(id: &str) -> model::Ref<kinds::kinds::key::Key> {
    model::Ref::live(format!("arn:aws:kms:{REGION}:{ACCOUNT}:key/{id}"))
}

pub(crate) fn examples() -> [Example<Bucket>; 2] {
    [private(), whole()]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_bucket() {
    hold(&examples()).await;
}

/// Real conditions: the bucket cannot be read at once, and its name not be used again at once.
#[tokio::test(start_paused = true)]
async fn a_slow_account_is_waited_out() {
    let account = fresh();
    let invisible = std::time::Duration::from_secs(3);
    account.set_weather(Weather { invisible, ..Weather::realistic() });
    let world = world_of(&private(), |_| {});
    for _ in 0..2 {
        apply(&world, &account).await.expect("a birth");
        assert_eq!(differences(&world, &account).await, []);
        subject(&world.manage(&writer(&account)))
            .delete(MayFind::Anything, model::Data::Lose)
            .await
            .expect("a delete");
        assert!(look(&world, &account).await.1.is_none());
    }
    let world = world_of(&whole(), |_| {});
    apply(&world, &account).await.expect("a birth");
    assert_eq!(differences(&world, &account).await, []);
}

/// One round of looking costs one call a setting, and no tag call where the inventory shows what is expected.
#[tokio::test(start_paused = true)]
async fn a_look_is_one_round() {
    let account = fresh();
    let world = world_of(&private(), |_| {});
    apply(&world, &account).await.expect("a birth");
    let latency = std::time::Duration::from_millis(100);
    account.set_weather(Weather { latency, ..Weather::default() });
    account.forget_served();
    let before = tokio::time::Instant::now();
    assert!(look(&world, &account).await.1.is_some());
    assert_eq!(before.elapsed(), latency);
    let calls = account.served();
    assert!(!calls.iter().any(|call| call.operation == "GetBucketTagging"), "{calls:?}");
    assert_eq!(calls.len(), 12, "{calls:?}");
}
