//! What S3 refuses, and what becomes of it.

use kinds::Objects;

use super::*;

async fn born(change: impl FnOnce(&mut Bucket)) -> Account {
    let account = fresh();
    apply(&world_of(&private(), change), &account).await.expect("a birth");
    account
}

async fn refused(account: &Account, change: impl FnOnce(&mut Bucket)) -> model::fault::Cause {
    let fault = apply(&world_of(&private(), change), account).await.expect_err("a refusal");
    let Fault::Refused(cause) = fault else { panic!("{fault:?} is no refusal") };
    cause
}

#[tokio::test(start_paused = true)]
async fn a_public_policy_meets_the_lock() {
    let account = born(|_| {}).await;
    let cause = refused(&account, |bucket| bucket.policy = Some(public_policy())).await;
    assert!(cause.hint.expect("a hint").contains("block_policy"), "{}", cause.message);
    let open = |bucket: &mut Bucket| {
        bucket.public_access = PublicAccess::open();
        bucket.policy = Some(public_policy());
    };
    apply(&world_of(&private(), open), &account).await.expect("an open bucket");
    apply(&world_of(&private(), |_| {}), &account).await.expect("and closed again");
}

#[tokio::test(start_paused = true)]
async fn a_policy_for_another_bucket_is_malformed() {
    let account = born(|_| {}).await;
    let other = Statement::allow(["s3:GetObject"], ["arn:aws:s3:::other/*"]).to_service("ses.amazonaws.com");
    let cause = refused(&account, |bucket| bucket.policy = Some(Policy::new([other]))).await;
    assert_eq!(cause.code.as_deref(), Some("MalformedPolicy"));
}

#[tokio::test(start_paused = true)]
async fn versioning_is_never_off_again() {
    let account = born(|bucket| bucket.versioning = Versioning::Enabled).await;
    let world = world_of(&private(), |_| {});
    assert_eq!(differences(&world, &account).await[0].impact, Impact::Blocked);
    let cause = refused(&account, |_| {}).await;
    assert!(cause.hint.expect("a hint").contains("suspended"), "{}", cause.message);
}

#[tokio::test(start_paused = true)]
async fn wrong_values_are_refused_by_name() {
    let account = born(|_| {}).await;
    let method = refused(&account, |bucket| {
        bucket.cors = vec![CorsRule { methods: set(&["PATCH"]), ..upload_cors() }];
    });
    assert_eq!(method.await.code.as_deref(), Some("InvalidRequest"));
    let early = refused(&account, |bucket| {
        let transitions = [Transition::after_days(3, StorageClass::STANDARD_IA)].into();
        bucket.lifecycle.insert("a".to_owned(), LifecycleRule { transitions, ..old_mail() });
    });
    assert_eq!(early.await.code.as_deref(), Some("InvalidArgument"));
    let idle = refused(&account, |bucket| {
        bucket.lifecycle.insert("a".to_owned(), LifecycleRule::of_prefix(""));
    });
    assert_eq!(idle.await.code.as_deref(), Some("InvalidRequest"));
    let log = refused(&account, |bucket| {
        let target = model::Ref::live("nowhere");
        bucket.access_log = Some(AccessLog { bucket: target, prefix: String::new(), keys: LogKeys::Plain });
    });
    assert_eq!(log.await.code.as_deref(), Some("InvalidTargetBucketForLogging"));
    let date = refused(&account, |bucket| {
        let expire = Some(super::Due::On("tomorrow".to_owned()));
        bucket.lifecycle.insert("a".to_owned(), LifecycleRule { expire, ..LifecycleRule::of_prefix("") });
    });
    assert!(date.await.message.contains("cannot be written"));
}

/// The queue lets S3 in only later: S3 checks, and the put is tried again.
#[tokio::test(start_paused = true)]
async fn a_listener_that_is_not_ready_is_waited_for() {
    let account = born(|_| {}).await;
    let deaf = |bucket: &mut Bucket| {
        let queue = Text::from(format!("arn:aws:sqs:{REGION}:{ACCOUNT}:nobody"));
        let events = set(&["s3:ObjectCreated:*"]);
        let (prefix, suffix) = (String::new(), String::new());
        let one = Notification { to: Target::Queue(queue), events, prefix, suffix };
        bucket.notifications.insert("arrivals".to_owned(), one);
    };
    let before = tokio::time::Instant::now();
    let fault = apply(&world_of(&private(), deaf), &account).await.expect_err("nobody listens");
    assert!(matches!(fault, Fault::Transient(_)), "{fault:?}");
    assert!(before.elapsed() > std::time::Duration::from_secs(60));
}

#[tokio::test(start_paused = true)]
async fn a_name_of_another_account_is_refused_before_and_at_birth() {
    let theirs = born(|_| {}).await;
    let ours = Account::of("111122223333", REGION, theirs.clock(), theirs.documents());
    let world = world_of(&private(), |_| {});
    let watched = world.watch(writer(&ours).reader());
    let fault = watched[0].observe().await.expect_err("not ours");
    let cause = fault.cause().expect("a cause");
    assert!(cause.message.contains("may not use it"), "{cause}");
    assert!(cause.hint.as_deref().expect("a hint").contains("another name"));

    // Created by the other account between the look and the birth.
    let account = fresh();
    account.plan_trouble(Trouble {
        when: When::Operation { service: "s3".to_owned(), operation: "CreateBucket".to_owned() },
        what: What::Edit(Box::new(|world| {
            let bucket = serde_json::json!({ "owner": "111122223333", "region": REGION, "created": 0 });
            world.put("s3/buckets", NAME, bucket);
        })),
    });
    let cause = refused(&account, |_| {}).await;
    assert!(cause.message.contains("belongs to another account"), "{}", cause.message);
}

#[tokio::test(start_paused = true)]
async fn a_bucket_in_another_region_is_named_as_such() {
    let there = born(|_| {}).await;
    let here = Account::of(ACCOUNT, "eu-west-1", there.clock(), there.documents());
    let world = world_of(&private(), |_| {});
    let watched = world.watch(writer(&here).reader());
    let fault = watched[0].observe().await.expect_err("elsewhere");
    assert!(fault.to_string().contains("another Region"), "{fault}");
}

/// Elsewhere than in us-east-1 the Region must be named at birth.
#[tokio::test(start_paused = true)]
async fn a_bucket_is_born_in_its_region() {
    let account = Account::in_memory(ACCOUNT, "eu-west-1", Clock::simulated());
    let scope = Scope { region: "eu-west-1".to_owned(), ..scope() };
    let aws = Writer::new(Clients::new(&account.sdk_config()), scope, Arc::new(PlainGate::PATIENT));
    let world = world_of(&private(), |_| {});
    let outputs = subject(&world.manage(&aws)).converge(MayFind::Anything).await.expect("a birth");
    assert_eq!(outputs["domain"], format!("{NAME}.s3.eu-west-1.amazonaws.com"));
    assert_eq!(outputs["arn"], format!("arn:aws:s3:::{NAME}"));
}

/// Old versions, delete markers and more than a page of them are all in the way.
#[tokio::test(start_paused = true)]
async fn a_full_bucket_is_emptied_and_deleted() {
    let versioned = |bucket: &mut Bucket| bucket.versioning = Versioning::Enabled;
    let account = born(versioned).await;
    let world = world_of(&private(), versioned);
    let holds = |found: (Declared, Option<Found>)| found.1.expect("it exists").holds;
    assert_eq!(holds(look(&world, &account).await), model::Holds::Nothing);

    let address = Address::new("laws", "bucket", "subject").expect("an address");
    let store = Objects::new(writer(&account), &address, NAME);
    for number in 0..1_010 {
        assert!(store.create_once(&format!("{number:05}"), b"one").await.unwrap());
    }
    let (_, etag) = store.read("00000").await.unwrap().expect("an object");
    assert!(store.replace("00000", b"two", &etag).await.unwrap());
    store.remove("00001").await.unwrap();
    assert_eq!(store.list("").await.unwrap().len(), 1_009);
    assert_eq!(holds(look(&world, &account).await), model::Holds::Data("objects".to_owned()));

    subject(&world.manage(&writer(&account)))
        .delete(MayFind::Anything, model::Data::Lose)
        .await
        .expect("a delete");
    assert!(look(&world, &account).await.1.is_none());
    assert!(account.documents().get("s3/objects").is_none_or(|left| left.is_empty()));
    let batches = account.served().iter().filter(|call| call.operation == "DeleteObjects").count();
    assert_eq!(batches, 2);
}

#[tokio::test(start_paused = true)]
async fn only_a_marker_is_left_and_still_counts() {
    let versioned = |bucket: &mut Bucket| bucket.versioning = Versioning::Enabled;
    let account = born(versioned).await;
    let address = Address::new("laws", "bucket", "subject").expect("an address");
    Objects::new(writer(&account), &address, NAME).remove("never there").await.unwrap();
    let found = look(&world_of(&private(), versioned), &account).await.1.expect("it exists");
    assert_eq!(found.holds, model::Holds::Data("objects".to_owned()));
}

/// S3 refuses a set of tags without those that AWS itself put there.
#[tokio::test(start_paused = true)]
async fn tags_of_aws_stay() {
    let account = born(|_| {}).await;
    let tags = "<Tagging><TagSet><Tag><Key>aws:backup:source</Key><Value>x</Value></Tag>\
                <Tag><Key>stray</Key><Value>y</Value></Tag></TagSet></Tagging>";
    account.plan_trouble(Trouble {
        when: When::Call(1),
        what: What::Edit(Box::new(move |world| {
            world.edit("s3/buckets", NAME, |bucket| bucket["settings"]["BucketTagging"] = tags.into());
        })),
    });
    let world = world_of(&private(), |_| {});
    apply(&world, &account).await.expect("new tags");
    assert_eq!(differences(&world, &account).await, []);
    let kept = account.documents()["s3/buckets"][NAME]["settings"]["BucketTagging"].to_string();
    assert!(kept.contains("aws:backup:source") && !kept.contains("stray"), "{kept}");
}

/// "Not allowed" is an error, and never "not there".
#[tokio::test(start_paused = true)]
async fn access_denied_is_not_absent() {
    let account = born(|bucket| bucket.cors = vec![upload_cors()]).await;
    account.plan_trouble(Trouble {
        when: When::Operation { service: "s3".to_owned(), operation: "GetBucketCors".to_owned() },
        what: What::Fail {
            code: "AccessDenied".to_owned(),
            message: "Access Denied".to_owned(),
            status: 403,
            times: 1,
        },
    });
    let world = world_of(&private(), |_| {});
    let fault = world.watch(writer(&account).reader())[0].observe().await.expect_err("denied");
    assert_eq!(fault.cause().and_then(|cause| cause.code.as_deref()), Some("AccessDenied"));
}

/// Other S3 servers make buckets without any of AWS's defaults.
#[tokio::test(start_paused = true)]
async fn a_server_without_the_defaults_gets_them() {
    let account = born(|_| {}).await;
    account.plan_trouble(Trouble {
        when: When::Call(1),
        what: What::Edit(Box::new(|world| {
            world.edit("s3/buckets", NAME, |bucket| bucket["settings"] = serde_json::json!({}));
        })),
    });
    let world = world_of(&private(), |_| {});
    let changed = differences(&world, &account).await;
    assert!(changed.iter().any(|change| change.field == "public_access"), "{changed:?}");
    apply(&world, &account).await.expect("the defaults");
    assert_eq!(differences(&world, &account).await, []);
}

/// A deleted role leaves its id behind in the policy.
#[tokio::test(start_paused = true)]
async fn a_deleted_principal_is_a_finding() {
    let account = born(|bucket| {
        let gone = Statement::allow(["s3:GetObject"], [own("/*")]).to_aws("AROAEXAMPLE");
        bucket.policy = Some(Policy::new([gone]));
    })
    .await;
    let found = look(&world_of(&private(), |_| {}), &account).await.1.expect("it exists");
    assert_eq!(found.findings, ["its policy names AROAEXAMPLE, which was deleted"]);
}

/// A HEAD has no body to say why it failed, so another call's answer is shown.
#[tokio::test(start_paused = true)]
async fn expired_credentials_are_named() {
    let account = born(|_| {}).await;
    for (operation, code) in [("HeadBucket", "Unknown"), ("GetBucketCors", "ExpiredToken")] {
        account.plan_trouble(Trouble {
            when: When::Operation { service: "s3".to_owned(), operation: operation.to_owned() },
            what: What::Fail { code: code.to_owned(), message: String::new(), status: 400, times: 1 },
        });
    }
    let world = world_of(&private(), |_| {});
    let fault = world.watch(writer(&account).reader())[0].observe().await.expect_err("expired");
    assert_eq!(fault.cause().and_then(|cause| cause.code.as_deref()), Some("ExpiredToken"));
}
