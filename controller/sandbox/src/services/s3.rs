//! S3: buckets, their settings, and objects with versions.

use serde_json::{Value, json};

use super::{Refusal, Service, Tagged, World, grants, text};
use crate::wire::{Protocol, Reply, Request, escape};

pub(super) mod objects;
mod policy;
mod settings;
mod xml;

use xml::Element;

pub(crate) const SERVICE: Service = Service { signing: "s3", protocol: Protocol::RestXml, handle, tagged };

const BUCKETS: &str = "s3/buckets";
const REMOVED: &str = "s3/removed";
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// A name that was just deleted answers `OperationAborted` for this long; AWS says "up to some hours".
const NAME_BLOCKED_MS: u64 = 60_000;

fn handle(request: &Request, world: &mut World<'_>) -> Result<Reply, Refusal> {
    let (bucket, key) = request.path.trim_start_matches('/').split_once('/').unwrap_or_else(|| {
        let bucket = request.path.trim_start_matches('/');
        (bucket, "")
    });
    match request.operation.as_str() {
        "ListBuckets" => Ok(list(request, world)),
        "CreateBucket" => create(request, world, bucket),
        "HeadBucket" => Ok(head(world, bucket)),
        "DeleteBucket" => delete(world, bucket),
        "GetBucketLocation" => {
            let region = text(existing(world, bucket)?, "region");
            let region = if region == "us-east-1" { "" } else { region };
            Ok(document("LocationConstraint", region))
        }
        operation => {
            existing(world, bucket)?;
            match settings::handle(request, world, bucket) {
                Some(answer) => answer,
                None => objects::handle(operation, request, world, bucket, key),
            }
        }
    }
}

/// An answer with this root element.
fn document(root: &str, inside: &str) -> Reply {
    let head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
    Reply::xml(200, format!("{head}<{root} xmlns=\"{NAMESPACE}\">{inside}</{root}>"))
}

fn empty(status: u16) -> Reply {
    Reply::Raw { status, headers: Vec::new(), body: bytes::Bytes::new() }
}

/// RFC 3339, as XML bodies write time.
fn stamp(ms: u64) -> String {
    let moment = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    moment.unwrap_or_default().to_string()
}

/// The bucket, when this account may use it here.
fn existing<'w>(world: &'w World<'_>, bucket: &str) -> Result<&'w Value, Refusal> {
    let found =
        world.get(BUCKETS, bucket).filter(|found| world.visible(found["created"].as_u64().unwrap_or(0)));
    let Some(found) = found else {
        return Err(Refusal::new("NoSuchBucket", "The specified bucket does not exist").status(404));
    };
    if text(found, "owner") != world.account {
        return Err(Refusal::new("AccessDenied", "Access Denied").status(403));
    }
    if text(found, "region") != world.region {
        let message = "The bucket you are attempting to access must be addressed using the specified \
                       endpoint. Please send all future requests to this endpoint.";
        return Err(Refusal::new("PermanentRedirect", message).status(301));
    }
    Ok(found)
}

/// Lets SES write the object by which it finds out whether it may put mail here; `role` is whether it uses a role
/// that allows it. Right after its birth a bucket is not known everywhere.
pub(crate) fn take_mail(
    world: &mut World<'_>,
    bucket: &str,
    role: bool,
    key: &str,
) -> Result<(), &'static str> {
    const DENIED: &str = "Could not write to bucket";
    let found = existing(world, bucket).map_err(|_| "No such bucket")?;
    let policy = settings::policy_of(found).unwrap_or_default();
    let allowed = role || grants::allows(policy, "ses.amazonaws.com", "s3:PutObject", world);
    if !allowed || !world.settled(found["created"].as_u64().unwrap_or_default()) {
        return Err(DENIED);
    }
    let note = "Amazon SES wrote this object to see whether it may put mail into this bucket.";
    let request = Request { body: bytes::Bytes::from(note), ..Request::default() };
    objects::put(&request, world, bucket, key).map(drop).map_err(|_| DENIED)
}

/// HEAD answers have no body, so the status is all that a client learns, and the Region.
fn head(world: &World<'_>, bucket: &str) -> Reply {
    let status = existing(world, bucket).map_or_else(|refusal| refusal.status, |_| 200);
    let region = world.get(BUCKETS, bucket).map(|found| text(found, "region").to_owned());
    let headers = region.map(|region| ("x-amz-bucket-region".to_owned(), region)).into_iter().collect();
    Reply::Raw { status, headers, body: bytes::Bytes::new() }
}

fn create(request: &Request, world: &mut World<'_>, bucket: &str) -> Result<Reply, Refusal> {
    check_name(bucket)?;
    let wanted = match request.body.as_ref() {
        [] => Element::default(),
        body => Element::parse(body, "CreateBucketConfiguration")?,
    };
    check_location(wanted.text_of("LocationConstraint"), world.region)?;
    if let Some(found) = world.get(BUCKETS, bucket) {
        return match (text(found, "owner") == world.account, world.region) {
            // For the sake of old clients, us-east-1 alone calls this a success.
            (true, "us-east-1") => Ok(empty(200)),
            (true, _) => {
                let message =
                    "Your previous request to create the named bucket succeeded and you already own it.";
                Err(Refusal::new("BucketAlreadyOwnedByYou", message).status(409))
            }
            (false, _) => {
                let message = "The requested bucket name is not available. The bucket namespace is shared by \
                               all users of the system. Please select a different name and try again.";
                Err(Refusal::new("BucketAlreadyExists", message).status(409))
            }
        };
    }
    let removed = world.get(REMOVED, bucket).and_then(Value::as_u64);
    if removed.is_some_and(|at| !world.weather.invisible.is_zero() && world.now_ms < at + NAME_BLOCKED_MS) {
        let message = "A conflicting conditional operation is currently in progress against this resource. \
                       Please try again.";
        return Err(Refusal::new("OperationAborted", message).status(409));
    }
    let ownership = Some(request.header("x-amz-object-ownership")).filter(|given| !given.is_empty());
    let mut made = json!({
        "owner": world.account, "region": world.region, "created": world.now_ms,
        "settings": settings::defaults(ownership.unwrap_or("BucketOwnerEnforced")),
    });
    if let Some(tags) = wanted.get("Tags") {
        made["settings"]["BucketTagging"] = settings::tag_set(tags)?.into();
    }
    world.put(BUCKETS, bucket, made);
    let headers = vec![("location".to_owned(), format!("/{bucket}"))];
    Ok(Reply::Raw { status: 200, headers, body: bytes::Bytes::new() })
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let fits = (3..=63).contains(&name.len());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends = name.starts_with(plain) && name.ends_with(plain);
    if fits && ends && name.chars().all(|c| plain(c) || c == '-' || c == '.') && !name.contains("..") {
        return Ok(());
    }
    Err(Refusal::new("InvalidBucketName", "The specified bucket is not valid."))
}

fn check_location(wanted: Option<&str>, region: &str) -> Result<(), Refusal> {
    let illegal = |wanted: &str| {
        let message = format!(
            "The {wanted} location constraint is incompatible for the region specific endpoint this request \
             was sent to."
        );
        Err(Refusal::new("IllegalLocationConstraintException", message))
    };
    match (wanted, region) {
        (None, "us-east-1") => Ok(()),
        (None, _) => illegal("unspecified"),
        (Some("us-east-1"), _) => {
            Err(Refusal::new("InvalidLocationConstraint", "The specified location-constraint is not valid"))
        }
        (Some(wanted), region) if wanted == region => Ok(()),
        (Some(wanted), _) => illegal(wanted),
    }
}

fn delete(world: &mut World<'_>, bucket: &str) -> Result<Reply, Refusal> {
    existing(world, bucket)?;
    if objects::any_in(world, bucket) {
        let message = "The bucket you tried to delete is not empty";
        return Err(Refusal::new("BucketNotEmpty", message).status(409));
    }
    world.remove(BUCKETS, bucket);
    world.put(REMOVED, bucket, world.now_ms.into());
    Ok(empty(204))
}

fn list(request: &Request, world: &World<'_>) -> Reply {
    let (prefix, after) = (request.param("prefix").unwrap_or(""), request.param("continuation-token"));
    let size = request.param("max-buckets").and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let mut ours = world
        .all(BUCKETS)
        .into_iter()
        .filter(|(name, found)| text(found, "owner") == world.account && name.starts_with(prefix))
        .filter(|(name, _)| after.is_none_or(|after| *name > after));
    let page: Vec<_> = ours.by_ref().take(size).collect();
    let token = page.last().filter(|_| ours.next().is_some()).map(|(name, _)| escape(name));
    let one = |(name, found): &(&str, &Value)| {
        let created = stamp(found["created"].as_u64().unwrap_or_default());
        let (name, region) = (escape(name), escape(text(found, "region")));
        format!(
            "<Bucket><Name>{name}</Name><CreationDate>{created}</CreationDate>\
             <BucketRegion>{region}</BucketRegion></Bucket>"
        )
    };
    let rows: String = page.iter().map(one).collect();
    let token =
        token.map(|token| format!("<ContinuationToken>{token}</ContinuationToken>")).unwrap_or_default();
    document("ListAllMyBucketsResult", &format!("<Buckets>{rows}</Buckets>{token}"))
}

fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let ours = world
        .all(BUCKETS)
        .into_iter()
        .filter(|(_, found)| text(found, "owner") == world.account && text(found, "region") == world.region);
    ours.map(|(name, found)| (format!("arn:aws:s3:::{name}"), settings::tags(found))).collect()
}

#[cfg(test)]
mod tests;
