use super::*;

#[test]
fn what_is_counted_wrong_is_refused() {
    for (value, right) in [
        (json!({ "Quantity": "0" }), true),
        (json!({ "Quantity": "1", "Items": [{ "CNAME": "a" }] }), true),
        (json!({ "Aliases": { "Quantity": "2", "Items": [{ "CNAME": "a" }] } }), false),
        (
            json!({ "Quantity": "1", "Items": [{ "Origin": { "CustomHeaders": { "Quantity": "1" } } }] }),
            false,
        ),
        (json!({ "Name": "a group", "Items": [{ "PublicKey": "K1" }] }), true),
    ] {
        assert_eq!(check_quantities(&value).is_ok(), right, "{value}");
    }
}

#[test]
fn a_path_names_its_operation() {
    let named = |method: &str, path: &str, query: &[(&str, &str)]| {
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let path = format!("/2020-05-31/{path}");
        let request = Request { method: method.to_owned(), path, query, ..Request::default() };
        route(&request).map(|(operation, _)| operation)
    };
    assert_eq!(named("POST", "distribution", &[("WithTags", "")]), Some("CreateDistributionWithTags"));
    assert_eq!(named("PUT", "distribution/E1/config", &[]), Some("UpdateDistribution"));
    assert_eq!(named("PUT", "distribution/E1", &[]), None);
    assert_eq!(named("PUT", "key-group/1", &[]), Some("UpdateKeyGroup"));
    assert_eq!(named("PUT", "key-group/1/config", &[]), None);
    assert_eq!(named("GET", "public-key/K1/config", &[]), Some("GetPublicKeyConfig"));
    assert_eq!(named("POST", "tagging", &[("Operation", "Untag")]), Some("UntagResource"));
    assert_eq!(named("GET", "streaming-distribution", &[]), None);
}

const NOW_MS: u64 = 1_767_225_600_000;

fn ask(world: &mut World<'_>, operation: &str, etag: &str, input: Value) -> Result<String, Refusal> {
    let headers = [("if-match".to_owned(), etag.to_owned())].into();
    let request = Request { operation: operation.to_owned(), input, headers, ..Request::default() };
    match handle(&request, world)? {
        Reply::Raw { headers, .. } => {
            Ok(headers.into_iter().find(|(name, _)| name == "ETag").unwrap_or_default().1)
        }
        Reply::Value(_) => panic!("{operation} answers with XML"),
    }
}

#[track_caller]
fn refused(world: &mut World<'_>, operation: &str, etag: &str, input: Value, code: &str) {
    let refusal = ask(world, operation, etag, input.clone()).expect_err(code);
    assert_eq!(refusal.code, code, "{operation} {input}: {}", refusal.message);
}

const PEM: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEhxjqS9BfkKDSdYwVegbdhAguOhRT\n\
    8OxVysxqhdnYVgaeShKI3ZccpvII7jZM/ya9dzVadN45HIJwfQ7mqU5Umg==\n-----END PUBLIC KEY-----";

fn key(name: &str) -> Value {
    json!({ "PublicKeyConfig": { "CallerReference": name, "Name": name, "EncodedKey": PEM } })
}

fn group(keys: &[String]) -> Value {
    let items: Vec<Value> = keys.iter().map(|key| json!({ "PublicKey": key })).collect();
    json!({ "KeyGroupConfig": { "Name": "group", "Items": items } })
}

fn ids(world: &World<'_>, collection: &str) -> Vec<String> {
    world.all(collection).into_keys().map(str::to_owned).collect()
}

/// A server behind the simplest behaviour, with a change.
fn distribution(change: impl FnOnce(&mut Value)) -> Value {
    let server = json!({ "HTTPPort": "80", "HTTPSPort": "443", "OriginProtocolPolicy": "https-only" });
    let origin = json!({ "Id": "a", "DomainName": "a.example.com", "CustomOriginConfig": server });
    let mut config = json!({
        "CallerReference": "one", "Comment": "", "Enabled": "true",
        "Origins": { "Quantity": "1", "Items": [{ "Origin": origin }] },
        "DefaultCacheBehavior": {
            "TargetOriginId": "a", "ViewerProtocolPolicy": "https-only",
            "CachePolicyId": "658327ea-f89d-4fab-a63d-7e88639e58f6",
        },
    });
    change(&mut config);
    json!({ "DistributionConfig": config })
}

fn in_account(weather: &crate::Weather, work: impl FnOnce(&mut World<'_>)) {
    let documents = crate::store::Documents::new();
    work(&mut World::new(&documents, NOW_MS, "123456789012", "us-east-1", weather));
}

#[test]
fn keys_and_groups_refuse_what_cloudfront_refuses() {
    in_account(&crate::Weather::default(), |world| {
        let etag = ask(world, "CreatePublicKey", "", key("one")).unwrap();
        refused(world, "CreatePublicKey", "", key("one"), "PublicKeyAlreadyExists");
        let mut same_name = key("one");
        same_name["PublicKeyConfig"]["CallerReference"] = json!("other");
        refused(world, "CreatePublicKey", "", same_name, "PublicKeyAlreadyExists");
        let mut broken = key("broken");
        broken["PublicKeyConfig"]["EncodedKey"] = json!(PEM.replace("MFkw", "MFww"));
        refused(world, "CreatePublicKey", "", broken, "InvalidArgument");
        let id = ids(world, keys::PUBLIC_KEY.collection).remove(0);
        assert!(
            world.get(keys::PUBLIC_KEY.collection, &id).unwrap()["config"]["EncodedKey"]
                .as_str()
                .is_some_and(|text| text.ends_with("-----\n"))
        );

        let mut other = key("one");
        other["Id"] = json!(id);
        refused(world, "UpdatePublicKey", "", other.clone(), "InvalidIfMatchVersion");
        refused(world, "UpdatePublicKey", "E2OLD", other.clone(), "PreconditionFailed");
        other["PublicKeyConfig"]["Name"] = json!("two");
        refused(world, "UpdatePublicKey", &etag, other, "CannotChangeImmutablePublicKeyFields");

        refused(world, "CreateKeyGroup", "", group(&[]), "InvalidArgument");
        refused(world, "CreateKeyGroup", "", group(&["K0".to_owned()]), "InvalidArgument");
        let six = vec![id.clone(); 6];
        refused(world, "CreateKeyGroup", "", group(&six), "TooManyPublicKeysInKeyGroup");
        ask(world, "CreateKeyGroup", "", group(std::slice::from_ref(&id))).unwrap();
        refused(world, "CreateKeyGroup", "", group(std::slice::from_ref(&id)), "KeyGroupAlreadyExists");
        refused(world, "DeletePublicKey", &etag, json!({ "Id": id }), "PublicKeyInUse");
        refused(world, "GetKeyGroup", "", json!({ "Id": "none" }), "NoSuchResource");
        refused(world, "GetPublicKey", "", json!({ "Id": "none" }), "NoSuchPublicKey");
    });
}

/// A list of one.
fn one(name: &str, value: Value) -> Value {
    json!({ "Enabled": "true", "Quantity": "1", "Items": [{ name: value }] })
}

fn certificate(arn: &str, tls: &str) -> Value {
    let sni = "sni-only";
    json!({ "ACMCertificateArn": arn, "SSLSupportMethod": sni, "MinimumProtocolVersion": tls })
}

#[test]
fn origins_and_behaviors_need_what_they_name() {
    in_account(&crate::Weather::default(), |world| {
        let behavior =
            |member: &str, value: Value| distribution(|c| c["DefaultCacheBehavior"][member] = value);
        let origin = |member: &str, value: &str| {
            distribution(|c| c["Origins"]["Items"][0]["Origin"][member] = json!(value))
        };
        for (input, code) in [
            (behavior("TargetOriginId", json!("b")), "NoSuchOrigin"),
            (behavior("CachePolicyId", json!("b")), "NoSuchCachePolicy"),
            (behavior("CachePolicyId", json!("")), "InvalidArgument"),
            (behavior("OriginRequestPolicyId", json!("b")), "NoSuchOriginRequestPolicy"),
            (behavior("ResponseHeadersPolicyId", json!("b")), "NoSuchResponseHeadersPolicy"),
            (behavior("TrustedKeyGroups", one("KeyGroup", json!("none"))), "TrustedKeyGroupDoesNotExist"),
            (origin("OriginAccessControlId", "E0"), "InvalidOriginAccessControl"),
            (origin("OriginPath", "v1"), "InvalidRelativePath"),
            (origin("ConnectionAttempts", "4"), "InvalidArgument"),
        ] {
            refused(world, "CreateDistribution", "", input, code);
        }
    });
}

#[test]
fn domains_and_answers_are_checked() {
    in_account(&crate::Weather::default(), |world| {
        let with = |member: &str, value: Value| distribution(|c| c[member] = value);
        let elsewhere = "arn:aws:acm:eu-west-1:123456789012:certificate/1";
        let arn = &elsewhere.replace("eu-west-1", "us-east-1");
        let alias = one("CNAME", json!("f.example.com"));
        let answer = |answer: Value| with("CustomErrorResponses", one("CustomErrorResponse", answer));
        let nowhere = json!({ "GeoRestriction": { "RestrictionType": "whitelist", "Quantity": "0" } });
        for (input, code) in [
            (with("Aliases", alias.clone()), "InvalidViewerCertificate"),
            (with("ViewerCertificate", certificate(elsewhere, "TLSv1")), "InvalidViewerCertificate"),
            (with("ViewerCertificate", certificate(arn, "TLSv9")), "InvalidMinimumProtocolVersion"),
            (with("Aliases", json!({ "Quantity": "1" })), "InconsistentQuantities"),
            (with("DefaultRootObject", json!("/index.html")), "InvalidDefaultRootObject"),
            (
                with("Logging", json!({ "Enabled": "true", "Bucket": "no.s3.amazonaws.com" })),
                "InvalidArgument",
            ),
            (answer(json!({ "ErrorCode": "999" })), "InvalidErrorCode"),
            (answer(json!({ "ErrorCode": "404", "ResponseCode": "200" })), "InvalidResponseCode"),
            (with("Restrictions", nowhere), "InvalidGeoRestrictionParameter"),
        ] {
            refused(world, "CreateDistribution", "", input, code);
        }
        let with_alias = |reference: &str| {
            distribution(|c| {
                c["CallerReference"] = json!(reference);
                c["Aliases"] = alias.clone();
                c["ViewerCertificate"] = certificate(arn, "TLSv1.2_2021");
            })
        };
        ask(world, "CreateDistribution", "", with_alias("first")).unwrap();
        refused(world, "CreateDistribution", "", with_alias("first"), "DistributionAlreadyExists");
        refused(world, "CreateDistribution", "", with_alias("second"), "CNAMEAlreadyExists");
    });
}

#[test]
fn a_distribution_is_deleted_when_it_is_disabled_everywhere() {
    let slow = crate::Weather { deployment: std::time::Duration::from_secs(180), ..Default::default() };
    in_account(&slow, |world| {
        let etag = ask(world, "CreateDistribution", "", distribution(|_| {})).unwrap();
        let id = ids(world, distributions::NOUN.collection).remove(0);
        let of = |mut input: Value| {
            input["Id"] = json!(id);
            input
        };
        refused(world, "DeleteDistribution", &etag, of(json!({})), "DistributionNotDisabled");
        let illegal = of(distribution(|c| c["CallerReference"] = json!("two")));
        refused(world, "UpdateDistribution", &etag, illegal, "IllegalUpdate");
        let disabled = of(distribution(|c| c["Enabled"] = json!("false")));
        let newer = ask(world, "UpdateDistribution", &etag, disabled).unwrap();
        assert_ne!(etag, newer);
        refused(world, "DeleteDistribution", &etag, of(json!({})), "PreconditionFailed");
        refused(world, "DeleteDistribution", &newer, of(json!({})), "DistributionNotDisabled");
        world.now_ms += 180_000;
        ask(world, "DeleteDistribution", &newer, of(json!({}))).unwrap();
        refused(world, "GetDistribution", "", of(json!({})), "NoSuchDistribution");
        refused(world, "CreateDistribution", "", distribution(|_| {}), "DistributionAlreadyExists");
    });
}

#[test]
fn what_was_not_sent_is_filled_in() {
    in_account(&crate::Weather::default(), |world| {
        ask(world, "CreateDistribution", "", distribution(|_| {})).unwrap();
        let id = ids(world, distributions::NOUN.collection).remove(0);
        let config = &world.get(distributions::NOUN.collection, &id).unwrap()["config"];
        for (pointer, value) in [
            ("/ViewerCertificate/MinimumProtocolVersion", "TLSv1"),
            ("/DefaultCacheBehavior/AllowedMethods/CachedMethods/Quantity", "2"),
            ("/DefaultCacheBehavior/TrustedKeyGroups/Enabled", "false"),
            ("/Origins/Items/0/Origin/ConnectionAttempts", "3"),
            ("/Origins/Items/0/Origin/CustomOriginConfig/OriginKeepaliveTimeout", "5"),
            ("/Restrictions/GeoRestriction/RestrictionType", "none"),
            ("/PriceClass", "PriceClass_All"),
            ("/HttpVersion", "http2"),
        ] {
            assert_eq!(config.pointer(pointer).and_then(Value::as_str), Some(value), "{pointer}");
        }
    });
}
