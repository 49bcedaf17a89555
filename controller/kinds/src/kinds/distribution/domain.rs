//! Names, certificates, and who may come, in CloudFront's own shape, and back.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudfront::{
    error::BuildError,
    types::{
        Aliases, CustomErrorResponse, CustomErrorResponses, DistributionConfig, GeoRestriction,
        LoggingConfig, Restrictions, SslSupportMethod, ViewerCertificate,
    },
};
use model::Text;

use super::{AccessLogs, Countries, CustomDomain, ErrorPage, ErrorResponse, Tls, merge::count};

impl Tls {
    fn word(&self) -> &str {
        match self {
            Self::Tls12Of2021 => "TLSv1.2_2021",
            Self::Tls12Of2025 => "TLSv1.2_2025",
            Self::Tls13Of2025 => "TLSv1.3_2025",
            Self::Older(word) => word,
        }
    }

    fn of(word: &str) -> Self {
        match word {
            "TLSv1.2_2021" => Self::Tls12Of2021,
            "TLSv1.2_2025" => Self::Tls12Of2025,
            "TLSv1.3_2025" => Self::Tls13Of2025,
            other => Self::Older(other.to_owned()),
        }
    }
}

pub(super) fn aliases(domain: Option<&CustomDomain>) -> Result<Aliases, BuildError> {
    let names: Vec<String> = domain.iter().flat_map(|domain| domain.aliases.iter().cloned()).collect();
    Aliases::builder().quantity(count(names.len())).set_items((!names.is_empty()).then_some(names)).build()
}

pub(super) fn certificate(domain: Option<&CustomDomain>) -> ViewerCertificate {
    match domain {
        None => ViewerCertificate::builder().cloud_front_default_certificate(true).build(),
        Some(domain) => ViewerCertificate::builder()
            .acm_certificate_arn(domain.certificate.as_str())
            .ssl_support_method(SslSupportMethod::SniOnly)
            .minimum_protocol_version(domain.tls.word().into())
            .build(),
    }
}

/// One with CloudFront's own certificate and no names is none. A certificate of IAM reads as an ACM one that is not
/// wanted, so that it is seen.
pub(super) fn read_domain(config: &DistributionConfig) -> Option<CustomDomain> {
    let aliases: BTreeSet<String> =
        config.aliases().map(Aliases::items).unwrap_or_default().iter().cloned().collect();
    let live = config.viewer_certificate();
    let given = |one: &ViewerCertificate| {
        one.acm_certificate_arn().or(one.iam_certificate_id()).filter(|id| !id.is_empty()).map(str::to_owned)
    };
    let certificate = live.and_then(given);
    if aliases.is_empty() && certificate.is_none() {
        return None;
    }
    let tls = live.and_then(ViewerCertificate::minimum_protocol_version);
    let tls = Tls::of(tls.map(|tls| tls.as_str()).unwrap_or_default());
    Some(CustomDomain { aliases, certificate: Text::from(certificate.unwrap_or_default()), tls })
}

pub(super) fn logging(logs: Option<&AccessLogs>) -> LoggingConfig {
    let to = LoggingConfig::builder().enabled(logs.is_some());
    match logs {
        None => to.include_cookies(false).bucket("").prefix("").build(),
        Some(logs) => {
            to.include_cookies(logs.cookies).bucket(logs.bucket.as_str()).prefix(&logs.prefix).build()
        }
    }
}

pub(super) fn read_logging(config: &DistributionConfig) -> Option<AccessLogs> {
    let live = config.logging().filter(|live| live.enabled())?;
    Some(AccessLogs {
        bucket: Text::from(live.bucket()),
        prefix: live.prefix().to_owned(),
        cookies: live.include_cookies(),
    })
}

pub(super) fn restrictions(countries: Option<&Countries>) -> Result<Restrictions, BuildError> {
    let (word, codes) = match countries {
        None => ("none", Vec::new()),
        Some(Countries::Only(codes)) => ("whitelist", codes.iter().cloned().collect()),
        Some(Countries::Not(codes)) => ("blacklist", codes.iter().cloned().collect()),
    };
    let geo = GeoRestriction::builder().restriction_type(word.into()).quantity(count(codes.len()));
    let geo = geo.set_items((!codes.is_empty()).then_some(codes)).build()?;
    Ok(Restrictions::builder().geo_restriction(geo).build())
}

pub(super) fn read_countries(config: &DistributionConfig) -> Option<Countries> {
    let geo = config.restrictions().and_then(Restrictions::geo_restriction)?;
    let codes = geo.items().iter().cloned().collect();
    match geo.restriction_type().as_str() {
        "whitelist" => Some(Countries::Only(codes)),
        "blacklist" => Some(Countries::Not(codes)),
        _ => None,
    }
}

pub(super) fn errors(want: &BTreeMap<String, ErrorResponse>) -> Result<CustomErrorResponses, BuildError> {
    let one = |(code, answer): (&String, &ErrorResponse)| {
        let page = answer.page.as_ref();
        CustomErrorResponse::builder()
            // What is no number was refused before.
            .error_code(code.parse().unwrap_or_default())
            .error_caching_min_ttl(i64::from(answer.cache_s))
            .set_response_page_path(page.map(|page| page.path.clone()))
            .set_response_code(page.map(|page| page.code.to_string()))
            .build()
    };
    let items = want.iter().map(one).collect::<Result<Vec<_>, _>>()?;
    let to = CustomErrorResponses::builder().quantity(count(items.len()));
    to.set_items((!items.is_empty()).then_some(items)).build()
}

pub(super) fn read_errors(config: &DistributionConfig) -> BTreeMap<String, ErrorResponse> {
    let live = config.custom_error_responses().map(CustomErrorResponses::items).unwrap_or_default();
    live.iter()
        .map(|one| {
            let page = one.response_page_path().filter(|path| !path.is_empty()).map(|path| ErrorPage {
                path: path.to_owned(),
                code: one.response_code().and_then(|code| code.parse().ok()).unwrap_or_default(),
            });
            let cache_s = one.error_caching_min_ttl().and_then(|s| u32::try_from(s).ok()).unwrap_or_default();
            (one.error_code().to_string(), ErrorResponse { page, cache_s })
        })
        .collect()
}
