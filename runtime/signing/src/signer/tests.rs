use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256,
    UnparsedPublicKey, VerificationAlgorithm,
};
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{IpRange, Pair};

const CASES: &str = include_str!("../../tests/vectors/cases.json");
const OPENSSL: &str = include_str!("../../tests/vectors/openssl.json");
const RSA_PKCS1: &str = include_str!("../../tests/vectors/aws-cli-key-pkcs1.pem");
const RSA_PKCS8: &str = include_str!("../../tests/vectors/aws-cli-key-pkcs8.pem");
const RSA_SHORT: &str = include_str!("../../tests/vectors/test-rsa-key.pem");
const RSA_SHORT_PUBLIC: &str = include_str!("../../tests/vectors/test-rsa-key-public.pem");
const ECDSA: &str = include_str!("../../tests/vectors/test-ecdsa-key.pem");
const ECDSA_SEC1: &str = include_str!("../../tests/vectors/test-ecdsa-key-sec1.pem");
const ECDSA_PUBLIC: &str = include_str!("../../tests/vectors/test-ecdsa-key-public.pem");

/// A day before the links of the vectors end.
const NOW_S: i64 = 1_767_204_000;

fn document(private_key: &str) -> SigningKey {
    SigningKey { key_id: "K1TESTKEY".to_owned(), private_key: private_key.to_owned() }
}

fn signer(private_key: &str) -> Signer {
    Signer::new(&document(private_key)).unwrap()
}

/// What CloudFront reads in a link: the address, and its own parameters.
fn taken_apart(link: &str) -> (String, std::collections::BTreeMap<String, String>) {
    let (base, query) = link.split_once('?').unwrap();
    let (mut own, mut rest) = (std::collections::BTreeMap::new(), Vec::new());
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "Expires" | "Policy" | "Signature" | "Key-Pair-Id" | "Hash-Algorithm" => {
                assert!(own.insert(name.to_owned(), value.to_owned()).is_none(), "{name} twice");
            }
            _ => rest.push(pair),
        }
    }
    let base = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
    (base, own)
}

fn decoded(text: &str) -> Vec<u8> {
    let swap = |c| match c {
        '-' => '+',
        '_' => '=',
        '~' => '/',
        other => other,
    };
    STANDARD.decode(text.chars().map(swap).collect::<String>()).expect("base64")
}

/// Judges a link as an edge does.
fn is_accepted(link: &str, how: &'static dyn VerificationAlgorithm, public: &[u8]) -> bool {
    let (base, own) = taken_apart(link);
    let policy = match (own.get("Policy"), own.get("Expires")) {
        (Some(policy), None) => decoded(policy),
        (None, Some(until)) => format!(
            "{{\"Statement\":[{{\"Resource\":\"{base}\",\"Condition\":\
             {{\"DateLessThan\":{{\"AWS:EpochTime\":{until}}}}}}}]}}"
        )
        .into_bytes(),
        _ => return false,
    };
    own.get("Hash-Algorithm").is_some_and(|hash| hash == "SHA256")
        && UnparsedPublicKey::new(how, public).verify(&policy, &decoded(&own["Signature"])).is_ok()
}

/// The policy that our code would sign for a case of the vectors.
fn policy_of(case: &Value) -> Result<String, String> {
    let resource = Url::parse(case["resource"].as_str().unwrap()).map_err(|error| error.to_string())?;
    let until_s = case["expires"].as_i64().unwrap();
    let from_s = case["activeDate"].as_i64();
    let from_address = match case["ipRange"].as_str() {
        Some(range) => Some(IpRange::parse(range).ok_or("no range")?),
        None => None,
    };
    if from_s.is_none() && from_address.is_none() && case["applyTo"].is_null() {
        return Ok(policy::canned(&resource, until_s));
    }
    let policy = Custom { resource: resource.clone(), until_s, from_s, from_address };
    signer(ECDSA).link_under(&policy, &resource, until_s - 60).map_err(|error| error.to_string())?;
    Ok(policy.document())
}

#[test]
fn every_vector_has_our_policy_and_its_signature_is_of_it() {
    let all: Value = serde_json::from_str(CASES).unwrap();
    let (mut exact, mut refused) = (0, 0);
    for case in all["cases"].as_array().unwrap() {
        let id = &case["id"];
        if case["error"] == true {
            policy_of(case).expect_err(&id.to_string());
            refused += 1;
            continue;
        }
        let policy = policy_of(case).unwrap();
        assert_eq!(policy, case["policyJson"], "{id}");
        if let Some(wanted) = case["queryParams"]["Policy"].as_str() {
            assert_eq!(url_safe(policy.as_bytes()), wanted, "{id}");
        }
        // The keys are shorter than CloudFront's, so ours does not sign with them; PKCS#1 v1.5 has one signature for
        // each text, so the one that verifies is the one we would have made.
        let Some(signature) = case["signature"].as_str() else { continue };
        let public = block(RSA_SHORT_PUBLIC, "PUBLIC KEY").unwrap();
        let key = UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, public);
        key.verify(policy.as_bytes(), &decoded(signature)).unwrap_or_else(|_| panic!("{id}"));
        assert_eq!(url_safe(&decoded(signature)), signature, "{id}");
        exact += 1;
    }
    assert_eq!((exact, refused), (5, 3));
}

#[test]
fn rsa_signs_byte_for_byte_as_openssl_does() {
    let wanted: Value = serde_json::from_str(OPENSSL).unwrap();
    for (file, pem) in [("aws-cli-key-pkcs1.pem", RSA_PKCS1), ("aws-cli-key-pkcs8.pem", RSA_PKCS8)] {
        let url = Url::of("d111111abcdef8.cloudfront.net", ["image.jpg"]).unwrap();
        let link = signer(pem).link(&url, 1_767_290_400, NOW_S).unwrap();
        let wanted = wanted[file].as_str().unwrap();
        assert_eq!(
            link,
            format!(
                "https://d111111abcdef8.cloudfront.net/image.jpg?Expires=1767290400&Signature={wanted}\
                 &Key-Pair-Id=K1TESTKEY&Hash-Algorithm=SHA256"
            )
        );
    }
}

#[test]
fn ecdsa_links_are_accepted_from_both_forms_of_the_key() {
    let public = block(ECDSA_PUBLIC, "PUBLIC KEY").unwrap();
    for pem in [ECDSA, ECDSA_SEC1] {
        let url = Url::parse("https://d111111abcdef8.cloudfront.net/video.mp4?size=large").unwrap();
        let link = signer(pem).link(&url, 1_767_290_400, NOW_S).unwrap();
        assert!(link.starts_with(&format!("{url}&Expires=1767290400&Signature=")), "{link}");
        assert!(is_accepted(&link, &ECDSA_P256_SHA256_ASN1, &public), "{link}");
        let other = link.replace("video", "other");
        assert!(!is_accepted(&other, &ECDSA_P256_SHA256_ASN1, &public), "{other}");
    }
}

#[test]
fn lives_are_bounded() {
    let (signer, url) = (signer(ECDSA), Url::of("d1", ["a"]).unwrap());
    for (life, wanted) in [
        (i64::MIN / 2, Err(Refused::Expired)),
        (-1, Err(Refused::Expired)),
        (0, Err(Refused::Expired)),
        (1, Ok(())),
        (LINK_LIFE_MAX_S, Ok(())),
        (LINK_LIFE_MAX_S + 1, Err(Refused::TooLong)),
        (i64::MAX - NOW_S, Err(Refused::TooLong)),
    ] {
        let until_s = NOW_S + life;
        assert_eq!(signer.link(&url, until_s, NOW_S).map(drop), wanted, "{life}");
        let policy = Custom { resource: url.clone(), until_s, from_s: None, from_address: None };
        assert_eq!(signer.link_under(&policy, &url, NOW_S).map(drop), wanted, "{life}");
    }
    assert_eq!(signer.link(&url, i64::MAX, i64::MIN), Err(Refused::TooLong));
}

#[test]
fn what_is_no_key_of_cloudfronts_is_refused_without_showing_it() {
    let with = |id: &str, pem: &str| {
        let document = SigningKey { key_id: id.to_owned(), private_key: pem.to_owned() };
        Signer::new(&document).map(drop).unwrap_err()
    };
    assert_eq!(with("K1", RSA_SHORT), UnusableKey::Sort);
    assert_eq!(with("K1", &RSA_PKCS8.replace("BEGIN ", "BEGIN ENCRYPTED ")), UnusableKey::Pem);
    assert_eq!(with("K1", ECDSA_PUBLIC), UnusableKey::Pem);
    assert_eq!(with("K1", ""), UnusableKey::Pem);
    for id in ["", "K1&Expires=1", "K 1", &"K".repeat(65)] {
        assert_eq!(with(id, ECDSA), UnusableKey::KeyId, "{id}");
    }
    for text in ["", "{}", RSA_PKCS8, r#"{"keyId":"K1"}"#] {
        assert_eq!(Signer::from_secret(text).map(drop).unwrap_err(), UnusableKey::Document);
    }
    let shown = format!("{:?}", signer(ECDSA));
    assert_eq!(shown, "Signer(K1TESTKEY, …)");
}

fn accepted_by_its_own_half(algorithm: Algorithm) {
    let how: &'static dyn VerificationAlgorithm = match algorithm {
        Algorithm::Ecdsa => &ECDSA_P256_SHA256_ASN1,
        Algorithm::Rsa => &RSA_PKCS1_2048_8192_SHA256,
    };
    let (one, other) = (Pair::generate(algorithm).unwrap(), Pair::generate(algorithm).unwrap());
    let signer = Signer::new(&one.document("K1")).unwrap();
    assert_eq!(signer.algorithm(), algorithm);
    let url = Url::of("d1", ["report.csv"]).unwrap();
    let link = signer.link(&url, NOW_S + 60, NOW_S).unwrap();
    let half = |pair: &Pair| block(&pair.public_pem(), "PUBLIC KEY").unwrap();
    assert!(is_accepted(&link, how, &half(&one)));
    assert!(!is_accepted(&link, how, &half(&other)), "the two are different keys");
    // CloudFront takes just these lengths.
    assert_eq!(half(&one).len(), if algorithm == Algorithm::Rsa { 294 } else { 91 });
    assert!(!format!("{one:?} {:?}", one.document("K1")).contains("BEGIN"));
}

#[test]
fn a_new_pair_signs_what_its_public_half_accepts() {
    accepted_by_its_own_half(Algorithm::Ecdsa);
    accepted_by_its_own_half(Algorithm::Rsa);
}

proptest! {
    #[test]
    fn a_link_is_accepted_and_no_other_address_or_time_is(
        parts in proptest::collection::vec("[^\u{0}-\u{1f}]{1,10}", 1..4),
        life in 1..=LINK_LIFE_MAX_S,
        at in any::<proptest::sample::Index>(),
    ) {
        prop_assume!(parts.iter().all(|part| part != "." && part != ".."));
        let public = block(ECDSA_PUBLIC, "PUBLIC KEY").unwrap();
        let url = Url::of("d1.cloudfront.net", parts.iter().map(String::as_str)).unwrap();
        let link = signer(ECDSA).link(&url, NOW_S + life, NOW_S).unwrap();
        prop_assert!(is_accepted(&link, &ECDSA_P256_SHA256_ASN1, &public));
        let never = b"\"<>\\^`{|}";
        let travels = link.bytes().all(|c| c.is_ascii_graphic() && !never.contains(&c));
        prop_assert!(travels, "{}", link);
        let (base, own) = taken_apart(&link);
        prop_assert_eq!(base, url.as_str());
        // One character of address or time is another.
        let until = &own["Expires"];
        let signed = url.as_str().len() - "https://d1.cloudfront.net/".len() + until.len();
        let index = at.index(signed);
        let from = if index < until.len() {
            link.find("Expires=").unwrap() + "Expires=".len() + index
        } else {
            "https://d1.cloudfront.net/".len() + index - until.len()
        };
        let mut forged = link.clone().into_bytes();
        forged[from] = if forged[from] == b'7' { b'8' } else { b'7' };
        let forged = String::from_utf8(forged).unwrap();
        prop_assert!(!is_accepted(&forged, &ECDSA_P256_SHA256_ASN1, &public), "{}", forged);
    }

    #[test]
    fn a_custom_policy_travels_whole(
        life in 1..=LINK_LIFE_MAX_S,
        from in proptest::option::of(1_i64..1_000_000),
        address in proptest::option::of((any::<[u8; 4]>(), 0_u8..=32)),
    ) {
        let public = block(ECDSA_PUBLIC, "PUBLIC KEY").unwrap();
        let range = address.map(|([a, b, c, d], bits)| format!("{a}.{b}.{c}.{d}/{bits}"));
        let policy = Custom {
            resource: Url::parse("https://d1.cloudfront.net/finance/*").unwrap(),
            until_s: NOW_S + life,
            from_s: from.map(|before| NOW_S - before),
            from_address: range.as_deref().and_then(IpRange::parse),
        };
        let url = Url::of("d1.cloudfront.net", ["finance", "a b.csv"]).unwrap();
        let link = signer(ECDSA).link_under(&policy, &url, NOW_S).unwrap();
        prop_assert!(is_accepted(&link, &ECDSA_P256_SHA256_ASN1, &public));
        let (_, own) = taken_apart(&link);
        let read: Value = serde_json::from_slice(&decoded(&own["Policy"])).unwrap();
        let statement = &read["Statement"][0];
        prop_assert_eq!(&statement["Resource"], "https://d1.cloudfront.net/finance/*");
        let condition = &statement["Condition"];
        prop_assert_eq!(condition["DateLessThan"]["AWS:EpochTime"].as_i64(), Some(NOW_S + life));
        prop_assert_eq!(condition["DateGreaterThan"]["AWS:EpochTime"].as_i64(), from.map(|before| NOW_S - before));
        prop_assert_eq!(condition["IpAddress"]["AWS:SourceIp"].as_str(), range.as_deref());
    }
}
