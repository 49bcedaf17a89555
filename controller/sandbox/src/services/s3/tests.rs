use std::collections::BTreeMap;

use bytes::Bytes;

use super::*;
use crate::{Weather, store::Documents};

/// Makes one call; the status and the body, or the code of the refusal.
fn call(world: &mut World<'_>, line: &str, headers: &[(&str, &str)], body: &str) -> Result<String, String> {
    let (method, target) = line.split_once(' ').unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(own).collect(),
        headers: headers.iter().copied().map(own).collect::<BTreeMap<_, _>>(),
        body: Bytes::from(body.to_owned()),
        ..Request::default()
    };
    let request = Protocol::RestXml.read(request).unwrap();
    match handle(&request, world) {
        Ok(Reply::Raw { status, headers, body }) => {
            let version = headers.iter().find(|(name, _)| name == "x-amz-version-id");
            let version = version.map(|(_, id)| format!(" {id}")).unwrap_or_default();
            Ok(format!("{status}{version} {}", String::from_utf8(body.to_vec()).unwrap()))
        }
        Ok(Reply::Value(_)) => panic!("S3 answers are XML"),
        Err(refusal) => Err(refusal.code),
    }
}

fn own((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

#[track_caller]
fn in_region(region: &str, work: impl FnOnce(&mut World<'_>)) {
    let (documents, weather) = (Documents::new(), Weather::default());
    work(&mut World::new(&documents, 1_767_225_600_000, "123456789012", region, &weather));
}

fn versioning(state: &str) -> String {
    format!("<VersioningConfiguration><Status>{state}</Status></VersioningConfiguration>")
}

#[test]
fn a_bucket_made_twice_is_owned_by_you_except_in_us_east_1() {
    in_region("us-east-1", |world| {
        assert_eq!(call(world, "PUT /one-b", &[], "").unwrap(), "200 ");
        assert_eq!(call(world, "PUT /one-b", &[], "").unwrap(), "200 ");
        let location = call(world, "GET /one-b?location", &[], "").unwrap();
        assert!(location.ends_with("\"></LocationConstraint>"), "{location}");
    });
    in_region("eu-west-1", |world| {
        let place = "<CreateBucketConfiguration><LocationConstraint>eu-west-1</LocationConstraint>\
                     <Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags></CreateBucketConfiguration>";
        assert_eq!(call(world, "PUT /one-b", &[], place).unwrap(), "200 ");
        assert_eq!(call(world, "PUT /one-b", &[], place).unwrap_err(), "BucketAlreadyOwnedByYou");
        assert!(call(world, "GET /one-b?location", &[], "").unwrap().contains(">eu-west-1<"));
        assert_eq!(tagged(world), [("arn:aws:s3:::one-b".to_owned(), [own(("a", "b"))].into())]);
    });
}

#[test]
fn buckets_are_listed_page_by_page() {
    in_region("us-east-1", |world| {
        for name in ["bbb", "aaa", "ccc"] {
            call(world, &format!("PUT /{name}"), &[], "").unwrap();
        }
        let first = call(world, "GET /?max-buckets=2", &[], "").unwrap();
        assert!(
            first.contains("<Name>aaa<") && first.contains("<Name>bbb<") && !first.contains("<Name>ccc<")
        );
        assert!(first.contains("<ContinuationToken>bbb<"));
        let second = call(world, "GET /?max-buckets=2&continuation-token=bbb", &[], "").unwrap();
        assert!(second.contains("<Name>ccc<") && !second.contains("<Name>bbb<"));
        assert!(!second.contains("ContinuationToken"));
    });
}

#[test]
fn versions_pile_up_and_null_is_overwritten() {
    in_region("us-east-1", |world| {
        call(world, "PUT /one-b", &[], "").unwrap();
        assert_eq!(call(world, "PUT /one-b/k", &[], "old").unwrap(), "200 ");
        call(world, "PUT /one-b?versioning", &[], &versioning("Enabled")).unwrap();
        let put = call(world, "PUT /one-b/k", &[], "new").unwrap();
        let id = put.split(' ').nth(1).unwrap();
        assert!(call(world, "GET /one-b/k", &[], "").unwrap().ends_with(" new"));
        assert_eq!(call(world, "GET /one-b/k?versionId=null", &[], "").unwrap(), "200 old");
        call(world, "DELETE /one-b/k", &[], "").unwrap();
        assert_eq!(call(world, "GET /one-b/k", &[], "").unwrap_err(), "NoSuchKey");
        assert_eq!(call(world, "HEAD /one-b/k", &[], "").unwrap(), "404 ");
        call(world, "PUT /one-b?versioning", &[], &versioning("Suspended")).unwrap();
        call(world, "PUT /one-b/k", &[], "newest").unwrap();
        assert_eq!(call(world, "GET /one-b/k?versionId=null", &[], "").unwrap(), "200 newest");
        assert!(call(world, &format!("GET /one-b/k?versionId={id}"), &[], "").unwrap().ends_with(" new"));

        let first = call(world, "GET /one-b?versions&max-keys=1", &[], "").unwrap();
        assert!(first.contains("<VersionId>null<") && first.contains("<IsLatest>true<"), "{first}");
        assert!(first.contains("<NextKeyMarker>k<") && first.contains("<NextVersionIdMarker>null<"));
        let rest = "GET /one-b?versions&key-marker=k&version-id-marker=null";
        let rest = call(world, rest, &[], "").unwrap();
        assert_eq!((rest.matches("<Version>").count(), rest.matches("<DeleteMarker>").count()), (1, 1));

        assert_eq!(call(world, "DELETE /one-b", &[], "").unwrap_err(), "BucketNotEmpty");
        let all = world.all("s3/objects")["one-b/k"].as_array().unwrap().clone();
        let named = all
            .iter()
            .map(|one| format!("<Object><Key>k</Key><VersionId>{}</VersionId></Object>", text(one, "id")));
        let list = format!("<Delete>{}</Delete>", named.collect::<String>());
        assert!(call(world, "POST /one-b?delete", &[], &list).unwrap().contains("<Deleted><Key>k<"));
        assert_eq!(call(world, "DELETE /one-b", &[], "").unwrap(), "204 ");
        assert_eq!(call(world, "GET /one-b?cors", &[], "").unwrap_err(), "NoSuchBucket");
    });
}

#[test]
fn a_condition_on_an_object_that_is_gone_names_the_key() {
    in_region("us-east-1", |world| {
        call(world, "PUT /one-b", &[], "").unwrap();
        let code =
            |world: &mut World<'_>, headers: &[(&str, &str)]| call(world, "PUT /one-b/k", headers, "x").err();
        assert_eq!(code(world, &[("if-match", "\"e\"")]).as_deref(), Some("NoSuchKey"));
        assert_eq!(code(world, &[("if-none-match", "*")]), None);
        assert_eq!(code(world, &[("if-none-match", "*")]).as_deref(), Some("PreconditionFailed"));
        assert_eq!(code(world, &[("if-match", "\"e\"")]).as_deref(), Some("PreconditionFailed"));
    });
}

#[test]
fn settings_that_were_never_made_are_errors_and_encryption_goes_back_to_the_default() {
    in_region("us-east-1", |world| {
        call(world, "PUT /one-b", &[], "").unwrap();
        for (setting, code) in [
            ("cors", "NoSuchCORSConfiguration"),
            ("lifecycle", "NoSuchLifecycleConfiguration"),
            ("policy", "NoSuchBucketPolicy"),
            ("tagging", "NoSuchTagSet"),
        ] {
            assert_eq!(call(world, &format!("GET /one-b?{setting}"), &[], "").unwrap_err(), code);
            assert_eq!(call(world, &format!("DELETE /one-b?{setting}"), &[], "").unwrap(), "204 ");
        }
        for (setting, code) in [
            ("ownershipControls", "OwnershipControlsNotFoundError"),
            ("publicAccessBlock", "NoSuchPublicAccessBlockConfiguration"),
        ] {
            call(world, &format!("GET /one-b?{setting}"), &[], "").unwrap();
            call(world, &format!("DELETE /one-b?{setting}"), &[], "").unwrap();
            assert_eq!(call(world, &format!("GET /one-b?{setting}"), &[], "").unwrap_err(), code);
        }
        let before = call(world, "GET /one-b?encryption", &[], "").unwrap();
        let twice = before.replace("200 ", "").replace("AES256", "aws:kms");
        call(world, "PUT /one-b?encryption", &[], &twice).unwrap();
        assert!(call(world, "GET /one-b?encryption", &[], "").unwrap().contains("aws:kms"));
        call(world, "DELETE /one-b?encryption", &[], "").unwrap();
        assert_eq!(call(world, "GET /one-b?encryption", &[], "").unwrap(), before);
    });
}

#[test]
fn tags_are_checked() {
    in_region("us-east-1", |world| {
        call(world, "PUT /one-b", &[], "").unwrap();
        let put = |world: &mut World<'_>, tags: &[(&str, &str)]| {
            let one = |(k, v): &(&str, &str)| format!("<Tag><Key>{k}</Key><Value>{v}</Value></Tag>");
            let rows: String = tags.iter().map(one).collect();
            call(world, "PUT /one-b?tagging", &[], &format!("<Tagging><TagSet>{rows}</TagSet></Tagging>"))
        };
        assert_eq!(put(world, &[("a", "1"), ("b", "")]).unwrap(), "204 ");
        assert_eq!(put(world, &[("a", "1"), ("a", "2")]).unwrap_err(), "InvalidTag");
        assert_eq!(put(world, &[("aws:x", "1")]).unwrap_err(), "InvalidTag");
        assert_eq!(put(world, &[("a", &"v".repeat(257))]).unwrap_err(), "InvalidTag");
        assert_eq!(put(world, &[]).unwrap(), "204 ");
        assert_eq!(call(world, "GET /one-b?tagging", &[], "").unwrap_err(), "NoSuchTagSet");
    });
}

#[test]
fn names_follow_the_rules_of_s3() {
    for good in ["abc", "a.b-c1"] {
        assert!(check_name(good).is_ok(), "{good}");
    }
    for bad in ["ab", "-abc", "abc-", "a_bc", "Abc", "a..b", &"a".repeat(64)] {
        assert_eq!(check_name(bad).unwrap_err().code, "InvalidBucketName", "{bad}");
    }
}

#[test]
fn the_location_must_fit_the_endpoint() {
    assert!(check_location(None, "us-east-1").is_ok());
    assert!(check_location(Some("eu-west-1"), "eu-west-1").is_ok());
    let code = |wanted, region| check_location(wanted, region).unwrap_err().code;
    assert_eq!(code(None, "eu-west-1"), "IllegalLocationConstraintException");
    assert_eq!(code(Some("eu-west-1"), "eu-central-1"), "IllegalLocationConstraintException");
    assert_eq!(code(Some("us-east-1"), "us-east-1"), "InvalidLocationConstraint");
}
