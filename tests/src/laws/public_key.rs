//! Examples of public keys, and of a key that gives way to another.

use kinds::{
    KINDS, World,
    kinds::{key_group::KeyGroup, public_key::PublicKey},
};
use model::{Data, MayFind};

use super::{Example, apply, differences, fresh, hold, look, world_of, writer};

pub(crate) const FIRST: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhxjqS9BfkKDSdYwVegbdhAguOhRT
8OxVysxqhdnYVgaeShKI3ZccpvII7jZM/ya9dzVadN45HIJwfQ7mqU5Umg==
-----END PUBLIC KEY-----
";
pub(crate) const SECOND: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmgZ9gGvQn2cBcoHZslGhe4bnv/af
oq1XP3OQ01Rkx7v6REKfZKLq/7GxFlDS1A6KCudEdMl3TyxIx+LapQVOjA==
-----END PUBLIC KEY-----
";
const RSA: &str = "-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkt/+uLqgXzyTvid49OzK
PBCmG1zSNhFl57h0d0mBfUvi50k+Cq7xNztCNuS0dobWT7v9plh58uM0o558mWCA
uxbkuoRewy7QSRyJfcHldLXYPk/eAoUdG0U7Qg5mv2c9gM/2ACfrQuWLhbXwAu18
ZtVgTl+qtRFnEQ24isFT+6W62JN747IGOqu758pr4HhTeZJs/tgQQgTPdhTUuq1G
kar+QLEEGvgGnlAhAv1UuCbY3sPhZoglZZqZJUwqq5438ebG8GVwBP2pSOokMx3r
DK03fX4XfZUaSdIa1lOn7ZS5skKIhmkEcHniHWgjXa2hZU/18GZKO6OpPV558LG/
tQIDAQAB
-----END PUBLIC KEY-----";
const RSA_1024: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDBMULjPoGaye/BktTTzPJm8JPj
kOoJYoMoywclXLXpbEeBkvAsODJwsKWnb0gMznotd/0BVLvBOiH5zUpQk11Emg2a
TlSQGPztAGYF4LenqfD+su4yu++TLYoU612nwPCPG8M3awCVgLG0GH/TbvHKsmVj
Mwb+mkncTBqiXOhgswIDAQAB
-----END PUBLIC KEY-----";

pub(crate) fn examples() -> [Example<PublicKey>; 2] {
    [
        Example {
            name: "ecdsa",
            declare: |_| PublicKey::new(FIRST),
            mutations: &[
                ("comment", |key| key.comment = "since October".to_owned()),
                ("key", |key| key.key = SECOND.to_owned()),
            ],
        },
        Example {
            name: "rsa",
            declare: |_| PublicKey { comment: "signs links".to_owned(), ..PublicKey::new(RSA) },
            mutations: &[("comment", |key| key.comment = String::new())],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_public_key() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn what_cloudfront_does_not_take_is_refused_before_it_is_asked() {
    for (key, part) in
        [(RSA_1024, "neither RSA of 2048 bits nor ECDSA on P-256"), ("ssh-rsa AAAA", "is not PEM")]
    {
        let account = fresh();
        let world = world_of(&examples()[0], |spec| spec.key = key.to_owned());
        let fault = apply(&world, &account).await.expect_err(part);
        assert!(fault.to_string().contains(part), "{fault}");
        assert!(account.served().iter().all(|call| !call.writes), "nothing was asked");
    }
}

#[tokio::test(start_paused = true)]
async fn the_same_key_in_other_lines_is_the_same() {
    let account = fresh();
    apply(&world_of(&examples()[0], |_| {}), &account).await.expect("a birth");
    let other = world_of(&examples()[0], |spec| spec.key = FIRST.trim_end().replace('\n', "\r\n"));
    assert_eq!(differences(&other, &account).await, []);
}

fn world(pem: &str) -> World {
    let mut world = World::default();
    let key = world.add("laws", "links", PublicKey::new(pem)).expect("an address");
    world.add("laws", "subject", KeyGroup::of([key.by("id")])).expect("an address");
    world
}

#[tokio::test(start_paused = true)]
async fn another_key_is_made_joins_the_group_and_the_old_one_goes_last() {
    let account = fresh();
    let (old, new) = (world(FIRST), world(SECOND));
    apply(&old, &account).await.expect("a birth");
    apply(&new, &account).await.expect("the other key, and the group with it");
    assert_eq!(differences(&new, &account).await, []);

    let kind = KINDS.iter().find(|kind| kind.name == "public key").expect("the kind");
    let aws = writer(&account);
    let owned = kind.owned(aws.reader()).await.expect("an inventory");
    let declared: Vec<String> = new.declared(aws.scope()).into_iter().map(|one| one.physical).collect();
    let strays: Vec<_> = owned.into_iter().filter(|(_, name)| !declared.contains(name)).collect();
    let [(address, name)] = strays.as_slice() else { panic!("one stray: {strays:?}") };
    let stray = kind.manage_orphan(address.clone(), name.clone(), &aws);
    stray.delete(MayFind::Anything, Data::Keep).await.expect("nothing uses it any more");
    assert_eq!(account.documents()["cloudfront/public-keys"].len(), 1);
    assert!(look(&new, &account).await.1.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_key_in_a_group_is_not_deleted() {
    let account = fresh();
    let world = world(FIRST);
    apply(&world, &account).await.expect("a birth");
    let managed = world.manage(&writer(&account));
    let fault = managed[0].delete(MayFind::Anything, Data::Lose).await.expect_err("it is in use");
    let cause = fault.cause().expect("a cause");
    assert_eq!(cause.code.as_deref(), Some("PublicKeyInUse"));
    assert!(cause.hint.as_deref().unwrap_or_default().contains("out of its key groups"), "{fault}");
}
