//! Examples of artefacts, and what must not become one.

use std::{fs, io::Write, path::PathBuf};

use aws_sdk_s3::primitives::ByteStream;
use kinds::{
    Handle,
    kinds::{
        artefact::{Artefact, digest},
        bucket::{Bucket, Versioning},
    },
};
use model::Ref;
use sandbox::Weather;

use super::*;

/// A file of these bytes, under their digest.
fn file(bytes: &[u8]) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.zip", digest(bytes)));
    if !path.exists() {
        let mut fresh = tempfile::NamedTempFile::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a file");
        fresh.write_all(bytes).expect("it takes bytes");
        fresh.persist(&path).expect("it is renamed");
    }
    path
}

fn zip_in(bucket: Ref<Bucket>, bytes: &[u8]) -> Artefact {
    Artefact::of(bucket, &digest(bytes), bytes.len() as u64, &file(bytes))
}

/// A zip of one file, `bootstrap`, that is not compressed.
pub(crate) fn archive(content: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"bootstrap";
    let crc = !content.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 * (sum & 1)))
    });
    let size = u32::try_from(content.len()).expect("it is short").to_le_bytes();
    let length = u16::try_from(NAME.len()).expect("it is short").to_le_bytes();
    // Version, flags, method, time and date; sizes before and after; lengths of the name and of extra fields.
    let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0][..], &crc.to_le_bytes(), &size, &size, &length, &[0, 0]];
    let about = about.concat();
    let file = [b"PK\x03\x04", about.as_slice(), NAME, content].concat();
    let entry = [b"PK\x01\x02\x14\x00", about.as_slice(), &[0; 14], NAME].concat();
    let length = |part: &[u8]| u32::try_from(part.len()).expect("it is short").to_le_bytes();
    let end = [&b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..], &length(&entry), &length(&file), &[0, 0]].concat();
    [file, entry, end].concat()
}

/// A zip of this content in a control bucket that is declared with it.
pub(crate) fn zip(world: &mut World, name: &str, content: &[u8]) -> Handle<Artefact> {
    let bucket = world.add("laws", &format!("bucket-of-{name}"), Bucket::private()).expect("an address");
    world.add("laws", name, zip_in(bucket.by("name"), &archive(content))).expect("an address")
}

/// Longer than what a document of the embedded account holds.
fn large() -> Vec<u8> {
    (0..=255).cycle().take(200_000).collect()
}

pub(crate) fn examples() -> [Example<Artefact>; 2] {
    [
        Example {
            name: "small",
            declare: |world| {
                world.add("laws", "other", Bucket::private()).expect("an address");
                let bucket = world.add("laws", "control", Bucket::private()).expect("an address");
                zip_in(bucket.by("name"), b"small")
            },
            mutations: &[
                ("bucket", |artefact| {
                    artefact.bucket = Ref::to(&"laws/bucket/other".parse().expect("an address"), "name");
                }),
                ("sha256", |artefact| *artefact = zip_in(artefact.bucket.clone(), b"other")),
                ("size", |artefact| *artefact = zip_in(artefact.bucket.clone(), &large())),
            ],
        },
        Example {
            name: "in a bucket with versions",
            declare: |world| {
                let bucket = Bucket { versioning: Versioning::Enabled, ..Bucket::private() };
                let bucket = world.add("laws", "control", bucket).expect("an address");
                zip_in(bucket.by("name"), &large())
            },
            mutations: &[("sha256", |artefact| *artefact = zip_in(artefact.bucket.clone(), b"other"))],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_artefact() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn other_bytes_are_another_object_and_the_old_ones_stay() {
    let [small, _] = examples();
    let account = fresh();
    apply(&world_of(&small, |_| {}), &account).await.expect("a birth");
    apply(&world_of(&small, small.mutations[1].1), &account).await.expect("another digest");
    for bytes in [&b"small"[..], b"other"] {
        let found = object(&account, bytes).await.expect("it is there");
        assert_eq!(found, bytes);
    }
}

async fn object(account: &Account, bytes: &[u8]) -> Option<Vec<u8>> {
    let client = aws_sdk_s3::Client::new(&account.sdk_config());
    let key = format!("artefacts/{}.zip", digest(bytes));
    let found = client.get_object().bucket("dn-test-control-000000000000").key(key).send().await.ok()?;
    Some(found.body.collect().await.expect("a body").to_vec())
}

#[tokio::test(start_paused = true)]
async fn bytes_that_are_not_what_was_declared_are_not_sent() {
    let [small, _] = examples();
    for wrong in [
        |artefact: &mut Artefact| artefact.size += 1,
        |artefact: &mut Artefact| artefact.sha256 = digest(b"nothing of the kind"),
        |artefact: &mut Artefact| artefact.sha256.truncate(63),
        |artefact: &mut Artefact| artefact.source = kinds::kinds::artefact::Source::file("/nowhere/a.zip"),
    ] {
        let account = fresh();
        let fault = apply(&world_of(&small, wrong), &account).await.expect_err("a refusal");
        assert!(matches!(fault, Fault::Refused(_)), "{fault}");
        let puts = account.served().iter().filter(|call| call.operation == "PutObject").count();
        assert_eq!(puts, 0, "{fault}");
    }
}

#[tokio::test(start_paused = true)]
async fn bytes_that_were_replaced_by_hand_are_put_back() {
    let [small, _] = examples();
    let (account, world) = (fresh(), world_of(&small, |_| {}));
    apply(&world, &account).await.expect("a birth");
    let client = aws_sdk_s3::Client::new(&account.sdk_config());
    let key = format!("artefacts/{}.zip", digest(b"small"));
    let put = client.put_object().bucket("dn-test-control-000000000000").key(key);
    put.body(ByteStream::from_static(b"tampered")).send().await.expect("a put by hand");
    let changes = differences(&world, &account).await;
    let fields: Vec<_> = changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["sha256", "size"]);
    apply(&world, &account).await.expect("a repair");
    assert_eq!(differences(&world, &account).await, []);
    assert_eq!(object(&account, b"small").await.as_deref(), Some(&b"small"[..]));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_check_sum_is_refused_and_large_bodies_outlive_the_process() {
    let directory = tempfile::tempdir().expect("a directory");
    let open = || Account::open(ACCOUNT, REGION, directory.path(), || {}).expect("an account");
    let account = open();
    let client = aws_sdk_s3::Client::new(&account.sdk_config());
    client.create_bucket().bucket("some-bucket").send().await.expect("a bucket");
    let put = |key: &str, body: Vec<u8>| client.put_object().bucket("some-bucket").key(key).body(body.into());
    let wrong =
        put("a", large()).checksum_sha256("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").send().await;
    let code = wrong.expect_err("a refusal");
    assert_eq!(aws_sdk_s3::error::ProvideErrorMetadata::code(&code), Some("BadDigest"));

    put("kept", large()).send().await.expect("a put");
    put("removed", vec![7; 100_000]).send().await.expect("a put");
    client.delete_object().bucket("some-bucket").key("removed").send().await.expect("a delete");
    let blobs = || fs::read_dir(directory.path().join("blobs")).expect("a folder").count();
    assert_eq!(blobs(), 2, "bodies are files beside the documents");
    let journal = fs::metadata(directory.path().join("account.jsonl")).expect("a file").len();
    assert!(journal < 20_000, "and not in the documents: {journal} bytes");

    let later = open();
    assert_eq!(blobs(), 1, "what nothing names is swept");
    let client = aws_sdk_s3::Client::new(&later.fork().sdk_config());
    let found = client.get_object().bucket("some-bucket").key("kept").send().await.expect("it is there");
    assert_eq!(found.body.collect().await.expect("a body").to_vec(), large());
}

#[tokio::test(start_paused = true)]
async fn artefacts_are_born_in_real_weather() {
    for example in &examples() {
        let account = fresh();
        account.set_weather(Weather::realistic());
        let world = world_of(example, |_| {});
        apply(&world, &account).await.expect("a birth");
        assert_eq!(differences(&world, &account).await, [], "{}", example.name);
    }
}
