//! The object store over the account.

use kinds::Objects;

use super::*;

fn at() -> Address {
    Address::new("laws", "bucket", "subject").expect("an address")
}

async fn store(cloud: &impl Cloud) -> Objects<Writer> {
    apply(&world_of(&private(), |_| {}), cloud).await.expect("a birth");
    Objects::new(writer(cloud), &at(), NAME)
}

/// What a lock and a journal rely on; in an empty account.
pub(crate) async fn objects_obey(cloud: &impl Cloud) {
    without_its_bucket_it_reads_as_empty_and_refuses_writes(cloud).await;
    let store = store(cloud).await;
    an_object_is_made_once_and_replaced_only_by_who_read_it(&store).await;
    any_bytes_and_any_key_survive(&store).await;
    let others = Objects::new(writer(cloud), &at(), NAME);
    let (ours, theirs) =
        futures::join!(store.create_once("lock/b", b"ours"), others.create_once("lock/b", b"theirs"));
    assert_ne!(ours.unwrap(), theirs.unwrap(), "just one of them has the lock");
}

#[tokio::test(start_paused = true)]
async fn laws_of_objects() {
    objects_obey(&fresh()).await;
}

async fn an_object_is_made_once_and_replaced_only_by_who_read_it(store: &Objects<Writer>) {
    assert_eq!(store.read("lock/a").await.unwrap(), None);
    assert!(store.create_once("lock/a", b"first").await.unwrap());
    assert!(!store.create_once("lock/a", b"second").await.unwrap());
    let (body, etag) = store.read("lock/a").await.unwrap().expect("it is there");
    assert_eq!(body, b"first");
    assert!(store.replace("lock/a", b"third", &etag).await.unwrap());
    assert!(!store.replace("lock/a", b"fourth", &etag).await.unwrap());
    let (body, newer) = store.read("lock/a").await.unwrap().expect("it is there");
    assert_eq!(body, b"third");
    assert_ne!(newer, etag);
    store.remove("lock/a").await.unwrap();
    store.remove("lock/a").await.unwrap();
    assert_eq!(store.read("lock/a").await.unwrap(), None);
    assert!(!store.replace("lock/a", b"fifth", &newer).await.unwrap());
    assert!(store.create_once("lock/a", b"sixth").await.unwrap());
    store.remove("lock/a").await.unwrap();
}

async fn any_bytes_and_any_key_survive(store: &Objects<Writer>) {
    let every_byte: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    for (key, body) in [("empty", &b""[..]), ("a b/ü+%2F&<x>", b"\r\n0\r\n\r\n"), ("large", &every_byte)] {
        assert!(store.create_once(key, body).await.unwrap(), "{key}");
        assert_eq!(store.read(key).await.unwrap().expect(key).0, body, "{key}");
    }
    assert_eq!(store.list("").await.unwrap(), ["a b/ü+%2F&<x>", "empty", "large"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_goes_on_over_pages() {
    let account = fresh();
    let store = store(&account).await;
    let keys: Vec<String> = (0..1_005).map(|number| format!("journal/{number:06}")).collect();
    for key in &keys {
        assert!(store.create_once(key, b"x").await.unwrap());
    }
    assert!(store.create_once("other", b"x").await.unwrap());
    account.forget_served();
    assert_eq!(store.list("journal/").await.unwrap(), keys);
    assert_eq!(account.served().len(), 2);
}

async fn without_its_bucket_it_reads_as_empty_and_refuses_writes(cloud: &impl Cloud) {
    let store = Objects::new(writer(cloud), &at(), NAME);
    assert_eq!(store.read("a").await.unwrap(), None);
    assert_eq!(store.list("").await.unwrap(), Vec::<String>::new());
    for fault in [
        store.create_once("a", b"x").await.unwrap_err(),
        store.replace("a", b"x", "\"e\"").await.unwrap_err(),
        store.remove("a").await.unwrap_err(),
    ] {
        let cause = fault.cause().expect("a cause");
        assert_eq!(cause.code.as_deref(), Some("NoSuchBucket"), "{cause}");
        assert_eq!(cause.hint.as_deref(), Some("apply the bucket first"));
    }
}

#[tokio::test(start_paused = true)]
async fn two_writers_at_once_are_told_apart_and_readers_need_no_writer() {
    let account = fresh();
    let store = store(&account).await;
    let others = Objects::new(writer(&account), &at(), NAME);
    account.set_weather(Weather { latency: std::time::Duration::from_millis(10), ..Weather::default() });
    let (ours, theirs) =
        futures::join!(store.create_once("lock", b"ours"), others.create_once("lock", b"theirs"));
    assert_ne!(ours.unwrap(), theirs.unwrap(), "just one of them has the lock");
    let reader = Objects::new(writer(&account).reader().clone(), &at(), NAME);
    assert!(reader.read("lock").await.unwrap().is_some());
    assert_eq!(reader.list("lo").await.unwrap(), ["lock"]);
}

/// S3 asks to try again when two conditional writes overlap.
#[tokio::test(start_paused = true)]
async fn an_overlapping_write_is_tried_again() {
    let account = fresh();
    let store = store(&account).await;
    account.plan_trouble(Trouble {
        when: When::Operation { service: "s3".to_owned(), operation: "PutObject".to_owned() },
        what: What::Fail {
            code: "ConditionalRequestConflict".to_owned(),
            message: "The conditional request cannot succeed due to a conflicting operation".to_owned(),
            status: 409,
            times: 2,
        },
    });
    assert!(store.create_once("lock", b"ours").await.unwrap());
    assert_eq!(account.troubles_left(), 0);
}
