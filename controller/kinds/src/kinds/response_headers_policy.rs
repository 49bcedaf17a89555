//! Headers that CloudFront adds to answers, or takes away. Outputs: `id`.
//!
//! Surprises: an update replaces everything; CloudFront itself answers a CORS preflight only when the behaviour lets
//! OPTIONS through; it cannot be tagged, so its name finds it and its comment says whose it is.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudfront::types::ResponseHeadersPolicyConfig as Config;
use model::{Address, Fault, Fields, Outputs};
use serde::{Deserialize, Serialize};

use super::distribution::{
    mark,
    version::{Born, bear, over_version},
};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

mod config;

reads!(aws_sdk_cloudfront:
    get_response_headers_policy GetResponseHeadersPolicyFluentBuilder,
    list_response_headers_policies ListResponseHeadersPoliciesFluentBuilder,
);

const ABSENT: &[&str] = &["NoSuchResponseHeadersPolicy"];
const COMMENT_MAX: usize = 128;

/// What is done to the headers of answers. At least one part must be set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResponseHeadersPolicy {
    pub comment: String,
    pub cors: Option<Cors>,
    pub content_security_policy: Option<Header<String>>,
    /// `X-Content-Type-Options: nosniff`; true when it replaces the origin's.
    pub no_sniff: Option<bool>,
    pub frame_options: Option<Header<FrameOption>>,
    /// As in the header, such as `strict-origin-when-cross-origin`.
    pub referrer_policy: Option<Header<String>>,
    pub strict_transport_security: Option<Header<TransportSecurity>>,
    pub xss_protection: Option<Header<XssProtection>>,
    /// By name.
    pub custom: BTreeMap<String, Header<String>>,
    /// Headers of the origin that viewers do not get.
    pub removed: BTreeSet<String>,
    /// Which part of the answers carries `Server-Timing`, in millionths.
    pub server_timing_ppm: Option<u32>,
}

/// A value, and what happens when the origin sends one too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header<T> {
    pub value: T,
    pub replaces_origin: bool,
}

impl<T> Header<T> {
    /// A header that replaces the origin's.
    pub fn replacing(value: T) -> Self {
        Self { value, replaces_origin: true }
    }
}

/// Who may ask from other sites.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cors {
    pub origins: BTreeSet<String>,
    pub methods: BTreeSet<String>,
    pub headers: BTreeSet<String>,
    pub exposed: BTreeSet<String>,
    pub credentials: bool,
    /// How long a browser may remember the answer, in seconds.
    pub max_age_s: Option<u32>,
    pub replaces_origin: bool,
}

/// Who may show the answer in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum FrameOption {
    Deny,
    SameOrigin,
}

/// For how long browsers come by HTTPS only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransportSecurity {
    pub max_age_s: u32,
    pub subdomains: bool,
    pub preload: bool,
}

/// The filter of old browsers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct XssProtection {
    pub enabled: bool,
    pub blocks: bool,
    pub report_to: Option<String>,
}

impl Resource for ResponseHeadersPolicy {
    const KIND: &'static str = "response headers policy";
    const TAGGED: bool = false;

    /// AWS invents its id.
    fn known(_: &Scope, _: &str) -> Outputs {
        Outputs::new()
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            comment,
            cors,
            content_security_policy,
            no_sniff,
            frame_options,
            referrer_policy,
            strict_transport_security,
            xss_protection,
            custom,
            removed,
            server_timing_ppm,
        } = self;
        to.field("comment", comment);
        to.field("cors", cors);
        to.field("content_security_policy", content_security_policy);
        to.field("no_sniff", no_sniff);
        to.field("frame_options", frame_options);
        to.field("referrer_policy", referrer_policy);
        to.field("strict_transport_security", strict_transport_security);
        to.field("xss_protection", xss_protection);
        to.each("custom", custom);
        to.field("removed", removed);
        to.field("server_timing_ppm", server_timing_ppm);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let all = aws.once("cloudfront:ListResponseHeadersPolicies", listed(aws)).await?;
        let ours = all.iter().filter_map(|(_, one)| {
            let address = mark::owned_address(aws.scope(), one.comment()?)?;
            (address.kind() == Self::KIND).then(|| (address, one.name().to_owned()))
        });
        Ok(ours.collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let all = match aws.alone() {
            true => listed(aws).await?.into(),
            false => aws.once("cloudfront:ListResponseHeadersPolicies", listed(aws)).await?,
        };
        let Some((id, config)) = all.iter().find(|(_, one)| one.name() == at.name()) else { return Ok(None) };
        let outputs = Outputs::from([("id".to_owned(), id.clone())]);
        if !aws.alone() {
            return Ok(Some(Live::new(Self::read(at, aws.scope(), config)?, outputs, None)));
        }
        let answer = aws
            .read(&at.address, "cloudfront", "GetResponseHeadersPolicy", || {
                aws.cloudfront().get_response_headers_policy().id(id).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(answer) = answer else { return Ok(None) };
        let policy = answer.response_headers_policy();
        let Some(config) = policy.and_then(|policy| policy.response_headers_policy_config()) else {
            return Ok(None);
        };
        let token = answer.e_tag().map(str::to_owned);
        Ok(Some(Live { token, ..Live::new(Self::read(at, aws.scope(), config)?, outputs, None) }))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let config = self.config(at, aws.scope())?;
        let make = |_| {
            let config = config.clone();
            async move {
                aws.write(at, "cloudfront", "CreateResponseHeadersPolicy", || {
                    let ask = aws.cloudfront().create_response_headers_policy();
                    ask.response_headers_policy_config(config.clone()).send()
                })
                .await
            }
        };
        let live = match live {
            Some(live) => live,
            None => match bear::<Self, _, _, _>(at, aws, "ResponseHeadersPolicyAlreadyExists", make).await? {
                Born::Before(live) => live,
                Born::Made(made) => {
                    let id = made.response_headers_policy.map(|one| one.id).unwrap_or_default();
                    return Ok(Outputs::from([("id".to_owned(), id)]));
                }
            },
        };
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        let outputs = live.outputs.clone();
        if *self != live.actual {
            let (config, id) = (&config, &outputs["id"]);
            over_version(at, live, aws, |version| async move {
                aws.write(at, "cloudfront", "UpdateResponseHeadersPolicy", || {
                    let ask = aws.cloudfront().update_response_headers_policy().id(id).if_match(&version);
                    ask.response_headers_policy_config(config.clone()).send()
                })
                .await
            })
            .await?;
        }
        Ok(outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        mark::refuse_other(aws.scope(), at, &live.actual.comment)?;
        let id = &live.outputs["id"].clone();
        over_version(at, live, aws, |version| async move {
            let gone = aws
                .write(at, "cloudfront", "DeleteResponseHeadersPolicy", || {
                    aws.cloudfront().delete_response_headers_policy().id(id).if_match(&version).send()
                })
                .await;
            match gone {
                Err(error) if ABSENT.iter().any(|code| error.is(code)) => Ok(()),
                other => other.map(|_| ()),
            }
        })
        .await
        .map_err(|fault| fault.hint("take it out of the behaviours that use it first"))
    }
}

/// Ids and what the list tells, which is everything but the version.
async fn listed(aws: &Reader) -> Result<Vec<(String, Config)>, Fault> {
    let (mut all, mut marker) = (Vec::new(), None::<String>);
    let at = whole_account("response-headers-policies");
    loop {
        let page = aws
            .read(&at, "cloudfront", "ListResponseHeadersPolicies", || {
                let ask = aws.cloudfront().list_response_headers_policies().max_items(100);
                ask.r#type("custom".into()).set_marker(marker.clone()).send()
            })
            .await?;
        let Some(page) = page.response_headers_policy_list else { return Ok(all) };
        for policy in page.items().iter().filter_map(|one| one.response_headers_policy()) {
            let config = policy.response_headers_policy_config();
            all.extend(config.map(|config| (policy.id().to_owned(), config.clone())));
        }
        marker = page.next_marker.filter(|marker| !marker.is_empty());
        if marker.is_none() {
            return Ok(all);
        }
    }
}
