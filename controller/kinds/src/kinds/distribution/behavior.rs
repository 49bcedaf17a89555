//! Behaviours in CloudFront's own shape, and back. The default one and the others are two types with the same members.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::{
    error::BuildError,
    types::{
        AllowedMethods, CacheBehavior, CachedMethods, DefaultCacheBehavior, Method, TrustedKeyGroups,
        TrustedSigners,
    },
};
use model::{Ref, Text};

use super::{Behavior, Methods, PathBehavior, Viewers, merge::count};

impl Viewers {
    fn word(self) -> &'static str {
        match self {
            Self::HttpsOnly => "https-only",
            Self::RedirectToHttps => "redirect-to-https",
            Self::AllowAll => "allow-all",
        }
    }
}

const READ: &[&str] = &["GET", "HEAD"];
const READ_AND_OPTIONS: &[&str] = &["GET", "HEAD", "OPTIONS"];
const ALL: &[&str] = &["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"];

impl Methods {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Read => READ,
            Self::ReadAndOptions => READ_AND_OPTIONS,
            Self::All => ALL,
        }
    }
}

fn methods(words: &[&str]) -> Vec<Method> {
    words.iter().map(|word| Method::from(*word)).collect()
}

fn allowed(want: &Behavior) -> Result<AllowedMethods, BuildError> {
    let cached = if want.caches_options { READ_AND_OPTIONS } else { READ };
    let cached =
        CachedMethods::builder().quantity(count(cached.len())).set_items(Some(methods(cached))).build()?;
    let words = want.methods.words();
    let to = AllowedMethods::builder().quantity(count(words.len())).set_items(Some(methods(words)));
    to.cached_methods(cached).build()
}

fn key_groups(want: &Behavior) -> Result<TrustedKeyGroups, BuildError> {
    let ids: Vec<String> = want.key_groups.iter().map(|group| group.text().to_string()).collect();
    let to = TrustedKeyGroups::builder().enabled(!ids.is_empty()).quantity(count(ids.len()));
    to.set_items((!ids.is_empty()).then_some(ids)).build()
}

fn signers(want: &Behavior) -> Result<TrustedSigners, BuildError> {
    let ids: Vec<String> = want.signers.iter().cloned().collect();
    let to = TrustedSigners::builder().enabled(!ids.is_empty()).quantity(count(ids.len()));
    to.set_items((!ids.is_empty()).then_some(ids)).build()
}

/// Writes what is modelled over a behaviour. A cache policy and the older settings exclude each other.
macro_rules! settle {
    ($to:expr, $want:expr) => {{
        let (to, want): (_, &Behavior) = ($to, $want);
        to.target_origin_id = want.origin.clone();
        to.viewer_protocol_policy = want.viewers.word().into();
        to.allowed_methods = Some(allowed(want)?);
        to.compress = Some(want.compresses);
        to.cache_policy_id = Some(want.cache_policy.to_string());
        to.origin_request_policy_id = want.origin_request_policy.as_ref().map(Text::to_string);
        to.response_headers_policy_id =
            want.response_headers_policy.as_ref().map(|policy| policy.text().to_string());
        to.trusted_key_groups = Some(key_groups(want)?);
        to.trusted_signers = Some(signers(want)?);
        to.forwarded_values = None;
        (to.min_ttl, to.default_ttl, to.max_ttl) = (None, None, None);
    }};
}

macro_rules! read {
    ($from:expr) => {{
        let from = $from;
        let id = |given: Option<&str>| given.filter(|id| !id.is_empty()).map(str::to_owned);
        let methods = from.allowed_methods();
        let cached = methods.and_then(AllowedMethods::cached_methods);
        let groups = from.trusted_key_groups().map(TrustedKeyGroups::items).unwrap_or_default();
        let signers = from.trusted_signers().map(TrustedSigners::items).unwrap_or_default();
        Behavior {
            origin: from.target_origin_id().to_owned(),
            viewers: match from.viewer_protocol_policy().as_str() {
                "https-only" => Viewers::HttpsOnly,
                "redirect-to-https" => Viewers::RedirectToHttps,
                _ => Viewers::AllowAll,
            },
            methods: match methods.map_or(READ.len(), |methods| methods.items().len()) {
                0..=2 => Methods::Read,
                3 => Methods::ReadAndOptions,
                _ => Methods::All,
            },
            caches_options: cached.is_some_and(|cached| cached.items().len() > READ.len()),
            compresses: from.compress().unwrap_or_default(),
            cache_policy: Text::from(from.cache_policy_id().unwrap_or_default()),
            origin_request_policy: id(from.origin_request_policy_id()).map(Text::from),
            response_headers_policy: id(from.response_headers_policy_id()).map(Ref::live),
            key_groups: groups.iter().map(Ref::live).collect(),
            signers: signers.iter().cloned().collect::<BTreeSet<String>>(),
        }
    }};
}

pub(super) fn read_default(live: &DefaultCacheBehavior) -> Behavior {
    read!(live)
}

pub(super) fn read_path(live: &CacheBehavior) -> PathBehavior {
    PathBehavior { path: live.path_pattern().to_owned(), behavior: read!(live) }
}

#[expect(deprecated, reason = "the older settings are taken away")]
pub(super) fn merge_default(
    want: &Behavior,
    live: Option<&DefaultCacheBehavior>,
) -> Result<DefaultCacheBehavior, BuildError> {
    let mut to = match live {
        Some(live) => live.clone(),
        None => DefaultCacheBehavior::builder()
            .target_origin_id(&want.origin)
            .viewer_protocol_policy(want.viewers.word().into())
            .build()?,
    };
    settle!(&mut to, want);
    Ok(to)
}

#[expect(deprecated, reason = "the older settings are taken away")]
pub(super) fn merge_path(
    want: &PathBehavior,
    live: Option<&CacheBehavior>,
) -> Result<CacheBehavior, BuildError> {
    let mut to = match live {
        Some(live) => live.clone(),
        None => CacheBehavior::builder()
            .path_pattern(&want.path)
            .target_origin_id(&want.behavior.origin)
            .viewer_protocol_policy(want.behavior.viewers.word().into())
            .build()?,
    };
    settle!(&mut to, &want.behavior);
    Ok(to)
}
