//! REST: JSON under paths (SES v2), and XML under paths (S3).

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Answer, Request, Route, escape, json::without_nulls};
use crate::services::Refusal;

/// Names the operation by method and path, and joins body, path parameters and query into one input.
pub(super) fn read_json(
    request: &mut Request,
    route: fn(&str, &[&str]) -> Option<Route>,
) -> Result<(), Refusal> {
    let path = request.path.clone();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let Some((operation, params)) = route(&request.method, &segments) else {
        let message = format!("the embedded account has no {} {path}", request.method);
        return Err(Refusal::new("UnknownOperationException", message).status(404));
    };
    operation.clone_into(&mut request.operation);
    let mut input: Value = match request.body.as_ref() {
        [] => json!({}),
        body => {
            serde_json::from_slice(body).map_err(|e| Refusal::new("BadRequestException", e.to_string()))?
        }
    };
    for (key, value) in &request.query {
        // A repeated parameter (`TagKeys=a&TagKeys=b`) is a list.
        match input.get_mut(key) {
            None => input[key] = json!(value),
            Some(Value::Array(values)) => values.push(json!(value)),
            Some(first) => *first = json!([first.clone(), value]),
        }
    }
    for (key, value) in params {
        input[key] = value.into();
    }
    request.input = input;
    Ok(())
}

pub(super) fn write_json(value: &Value) -> Answer {
    answer(200, &without_nulls(value))
}

pub(super) fn refuse_json(refusal: &Refusal) -> Answer {
    let mut answer = answer(refusal.status, &json!({ "message": refusal.message }));
    answer.headers.push(("x-amzn-errortype".to_owned(), refusal.code.clone()));
    answer
}

fn answer(status: u16, value: &Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Answer { status, headers, body: Bytes::from(value.to_string()) }
}

/// Sub-resources of a bucket, by the parameter that names them, with the noun in S3's operation names.
const SUBRESOURCES: &[(&str, &str)] = &[
    ("accelerate", "BucketAccelerateConfiguration"),
    ("acl", "BucketAcl"),
    ("cors", "BucketCors"),
    ("encryption", "BucketEncryption"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("logging", "BucketLogging"),
    ("notification", "BucketNotificationConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
];

/// Names the S3 operation, as S3 itself does, by method, path and query.
pub(super) fn name_s3_operation(request: &mut Request) {
    let has = |name: &str| request.param(name).is_some();
    let (bucket, key) = request.path.trim_start_matches('/').split_once('/').unwrap_or_else(|| {
        let bucket = request.path.trim_start_matches('/');
        (bucket, "")
    });
    let verb = match request.method.as_str() {
        "PUT" => "Put",
        "DELETE" => "Delete",
        "HEAD" => "Head",
        "POST" => "Post",
        _ => "Get",
    };
    let subresource = SUBRESOURCES.iter().find(|(param, _)| has(param)).map(|(_, noun)| *noun);
    request.operation = match (verb, bucket, key, subresource) {
        ("Get", "", ..) => "ListBuckets".to_owned(),
        (_, _, "", Some(noun)) => match (verb, noun) {
            // Deleting a lifecycle is called differently from putting it.
            ("Delete", "BucketLifecycleConfiguration") => "DeleteBucketLifecycle".to_owned(),
            _ => format!("{verb}{noun}"),
        },
        ("Get", _, "", None) if has("versions") => "ListObjectVersions".to_owned(),
        ("Get", _, "", None) if has("uploads") => "ListMultipartUploads".to_owned(),
        ("Get", _, "", None) => "ListObjectsV2".to_owned(),
        ("Post", _, "", None) if has("delete") => "DeleteObjects".to_owned(),
        ("Put", _, "", None) => "CreateBucket".to_owned(),
        (verb, _, "", None) => format!("{verb}Bucket"),
        ("Delete", _, _, None) if has("uploadId") => "AbortMultipartUpload".to_owned(),
        (verb, _, _, Some(_)) => format!("{verb}ObjectSubresource"),
        (verb, ..) => format!("{verb}Object"),
    };
}

pub(super) fn refuse_xml(refusal: &Refusal) -> Answer {
    let (code, message) = (escape(&refusal.code), escape(&refusal.message));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>sandbox</RequestId></Error>"
    );
    let headers = vec![("content-type".to_owned(), "application/xml".to_owned())];
    Answer { status: refusal.status, headers, body: Bytes::from(body) }
}
