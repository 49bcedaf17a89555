//! The sub-resources of a bucket: kept as the client sent them, checked as S3 checks them.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{BUCKETS, NAMESPACE, empty, existing, policy, xml::Element, xml::malformed};
use crate::{
    services::{Refusal, World},
    wire::{Reply, Request, escape},
};

mod rules;

/// How S3 answers for a sub-resource that was never set.
enum Unset {
    /// With this error, HTTP 404.
    Error(&'static str, &'static str),
    /// With an empty document.
    Empty,
}

struct Setting {
    /// As in the operation's name.
    noun: &'static str,
    /// The root element, in requests and in answers.
    root: &'static str,
    unset: Unset,
    check: fn(&Element, &World<'_>) -> Result<(), Refusal>,
}

const SETTINGS: &[Setting] = &[
    Setting {
        noun: "BucketCors",
        root: "CORSConfiguration",
        unset: Unset::Error("NoSuchCORSConfiguration", "The CORS configuration does not exist"),
        check: rules::cors,
    },
    Setting {
        noun: "BucketEncryption",
        root: "ServerSideEncryptionConfiguration",
        unset: Unset::Error(
            "ServerSideEncryptionConfigurationNotFoundError",
            "The server side encryption configuration was not found",
        ),
        check: rules::encryption,
    },
    Setting {
        noun: "BucketLifecycleConfiguration",
        root: "LifecycleConfiguration",
        unset: Unset::Error("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist"),
        check: rules::lifecycle,
    },
    Setting {
        noun: "BucketLogging",
        root: "BucketLoggingStatus",
        unset: Unset::Empty,
        check: rules::logging,
    },
    Setting {
        noun: "BucketNotificationConfiguration",
        root: "NotificationConfiguration",
        unset: Unset::Empty,
        check: rules::notifications,
    },
    Setting {
        noun: "BucketOwnershipControls",
        root: "OwnershipControls",
        unset: Unset::Error("OwnershipControlsNotFoundError", "The bucket ownership controls were not found"),
        check: rules::ownership,
    },
    Setting {
        noun: "BucketTagging",
        root: "Tagging",
        unset: Unset::Error("NoSuchTagSet", "The TagSet does not exist"),
        check: |document, _| document.get("TagSet").ok_or_else(malformed).and_then(tag_set).map(drop),
    },
    Setting {
        noun: "BucketVersioning",
        root: "VersioningConfiguration",
        unset: Unset::Empty,
        check: rules::versioning,
    },
    Setting {
        noun: "PublicAccessBlock",
        root: "PublicAccessBlockConfiguration",
        unset: Unset::Error(
            "NoSuchPublicAccessBlockConfiguration",
            "The public access block configuration was not found",
        ),
        check: rules::public_access,
    },
];

/// What a new bucket has: no public access, no ACLs, keys of S3, and since April 2026 no keys of the caller.
pub(super) fn defaults(ownership: &str) -> Value {
    json!({
        "BucketEncryption": default_encryption(),
        "BucketOwnershipControls": wrap(
            "OwnershipControls",
            &format!("<Rule><ObjectOwnership>{}</ObjectOwnership></Rule>", escape(ownership)),
        ),
        "PublicAccessBlock": wrap(
            "PublicAccessBlockConfiguration",
            "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
             <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>",
        ),
    })
}

fn default_encryption() -> String {
    wrap(
        "ServerSideEncryptionConfiguration",
        "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm>\
         </ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled>\
         <BlockedEncryptionTypes><EncryptionType>SSE-C</EncryptionType></BlockedEncryptionTypes></Rule>",
    )
}

fn wrap(root: &str, inside: &str) -> String {
    format!("<{root} xmlns=\"{NAMESPACE}\">{inside}</{root}>")
}

/// Answers when the operation is about a sub-resource.
pub(super) fn handle(
    request: &Request,
    world: &mut World<'_>,
    bucket: &str,
) -> Option<Result<Reply, Refusal>> {
    let operation = request.operation.as_str();
    let verb = ["Get", "Put", "Delete"].into_iter().find(|verb| operation.starts_with(verb))?;
    let noun = match &operation[verb.len()..] {
        "BucketLifecycle" => "BucketLifecycleConfiguration",
        "BucketPolicy" => return Some(policy_call(verb, request, world, bucket)),
        noun => noun,
    };
    let setting = SETTINGS.iter().find(|setting| setting.noun == noun)?;
    Some(match verb {
        "Get" => get(setting, world, bucket),
        "Put" => put(setting, request, world, bucket),
        _ => {
            // Encryption can only be put back to the default.
            let left = (noun == "BucketEncryption").then(default_encryption);
            keep(world, bucket, noun, left.map_or(Value::Null, Value::from));
            Ok(empty(204))
        }
    })
}

fn kept<'v>(found: &'v Value, noun: &str) -> Option<&'v str> {
    found["settings"].get(noun).and_then(Value::as_str)
}

/// The bucket's policy as text.
pub(super) fn policy_of(found: &Value) -> Option<&str> {
    kept(found, "BucketPolicy")
}

fn keep(world: &mut World<'_>, bucket: &str, noun: &str, value: Value) {
    world.edit(BUCKETS, bucket, |found| found["settings"][noun] = value);
}

fn get(setting: &Setting, world: &World<'_>, bucket: &str) -> Result<Reply, Refusal> {
    match (kept(existing(world, bucket)?, setting.noun), &setting.unset) {
        (Some(text), _) => Ok(Reply::xml(200, text)),
        (None, Unset::Empty) => Ok(Reply::xml(200, wrap(setting.root, ""))),
        (None, Unset::Error(code, message)) => Err(Refusal::new(code, *message).status(404)),
    }
}

fn put(setting: &Setting, request: &Request, world: &mut World<'_>, bucket: &str) -> Result<Reply, Refusal> {
    let document = Element::parse(&request.body, setting.root)?;
    (setting.check)(&document, world)?;
    let sent = String::from_utf8_lossy(&request.body).into_owned();
    let text = match setting.noun {
        "BucketTagging" => {
            let found = existing(world, bucket)?;
            let sent = tags_in(document.get("TagSet").ok_or_else(malformed)?);
            check_system_tags(&tags(found), &sent)?;
            sent_or_none(!sent.is_empty(), String::from_utf8_lossy(&request.body).into_owned())
        }
        // S3 answers with capitals whatever was sent.
        "BucketNotificationConfiguration" => {
            let capitals =
                sent.replace("<Name>prefix<", "<Name>Prefix<").replace("<Name>suffix<", "<Name>Suffix<");
            sent_or_none(!document.children.is_empty(), capitals)
        }
        "BucketLogging" => sent_or_none(!document.children.is_empty(), sent),
        _ => sent.into(),
    };
    keep(world, bucket, setting.noun, text);
    Ok(empty(if setting.noun == "BucketTagging" { 204 } else { 200 }))
}

fn sent_or_none(says_something: bool, sent: String) -> Value {
    if says_something { sent.into() } else { Value::Null }
}

/// The state of versioning: empty where it was never set.
pub(super) fn versioning(found: &Value) -> String {
    let document = kept(found, "BucketVersioning").unwrap_or_default();
    let document = Element::parse(document.as_bytes(), "VersioningConfiguration").unwrap_or_default();
    document.text_of("Status").unwrap_or_default().to_owned()
}

/// The tags of a bucket.
pub(super) fn tags(found: &Value) -> BTreeMap<String, String> {
    let document = kept(found, "BucketTagging").unwrap_or_default();
    let document = Element::parse(document.as_bytes(), "Tagging").unwrap_or_default();
    document.get("TagSet").map(tags_in).unwrap_or_default()
}

fn tags_in(set: &Element) -> BTreeMap<String, String> {
    let one = |tag: &Element| Some((tag.text_of("Key")?.to_owned(), tag.text_of("Value")?.to_owned()));
    set.all("Tag").filter_map(one).collect()
}

/// A list of tags as the document that GetBucketTagging answers with.
pub(super) fn tag_set(set: &Element) -> Result<String, Refusal> {
    let tags = tags_in(set);
    let invalid = |message: &str| Err(Refusal::new("InvalidTag", message));
    if tags.len() != set.all("Tag").count() {
        return invalid("Cannot provide multiple Tags with the same key");
    }
    if tags.len() > 50 {
        return invalid("Bucket tag count cannot be greater than 50");
    }
    let fits = |(key, value): (&String, &String)| {
        (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256
    };
    if !tags.iter().all(fits) {
        return invalid("The TagKey or TagValue you have provided is invalid");
    }
    let one = |(key, value): (&String, &String)| {
        format!("<Tag><Key>{}</Key><Value>{}</Value></Tag>", escape(key), escape(value))
    };
    Ok(wrap("Tagging", &format!("<TagSet>{}</TagSet>", tags.iter().map(one).collect::<String>())))
}

/// Tags of AWS itself must come back as they are.
fn check_system_tags(
    kept: &BTreeMap<String, String>,
    sent: &BTreeMap<String, String>,
) -> Result<(), Refusal> {
    let system = |tags: &BTreeMap<String, String>| -> Vec<(String, String)> {
        let of_aws = tags.iter().filter(|(key, _)| key.starts_with("aws:"));
        of_aws.map(|(key, value)| (key.clone(), value.clone())).collect()
    };
    let (kept, sent) = (system(kept), system(sent));
    if sent.iter().any(|tag| !kept.contains(tag)) {
        return Err(Refusal::new("InvalidTag", "System tags cannot be added/updated by requester"));
    }
    if kept.len() > sent.len() {
        return Err(Refusal::new("InvalidTag", "System Tags cannot be removed by requester"));
    }
    Ok(())
}

fn policy_call(verb: &str, request: &Request, world: &mut World<'_>, bucket: &str) -> Result<Reply, Refusal> {
    let found = existing(world, bucket)?;
    match verb {
        "Get" => {
            let Some(text) = kept(found, "BucketPolicy") else {
                let message = "The bucket policy does not exist";
                return Err(Refusal::new("NoSuchBucketPolicy", message).status(404));
            };
            let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
            return Ok(Reply::Raw { status: 200, headers, body: Bytes::from(text.to_owned()) });
        }
        "Put" => {
            let accepted = policy::accept(&request.body, bucket)?;
            if policy::is_public(&accepted) && rules::blocks_public_policy(kept(found, "PublicAccessBlock")) {
                let message = format!(
                    "User: arn:aws:iam::{}:user/sandbox is not authorized to perform: s3:PutBucketPolicy on \
                     resource: \"arn:aws:s3:::{bucket}\" because public policies are prevented by the \
                     BlockPublicPolicy setting in S3 Block Public Access.",
                    world.account
                );
                return Err(Refusal::new("AccessDenied", message).status(403));
            }
            keep(world, bucket, "BucketPolicy", accepted.to_string().into());
        }
        _ => keep(world, bucket, "BucketPolicy", Value::Null),
    }
    Ok(empty(204))
}
