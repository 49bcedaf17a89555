//! The policy in CloudFront's own shape, and back.

use std::collections::BTreeSet;

use aws_sdk_cloudfront::{
    error::BuildError,
    types::{
        ResponseHeadersPolicyAccessControlAllowHeaders as AllowHeaders,
        ResponseHeadersPolicyAccessControlAllowMethods as AllowMethods,
        ResponseHeadersPolicyAccessControlAllowOrigins as AllowOrigins,
        ResponseHeadersPolicyAccessControlExposeHeaders as ExposeHeaders,
        ResponseHeadersPolicyConfig as Config, ResponseHeadersPolicyContentSecurityPolicy as ContentSecurity,
        ResponseHeadersPolicyContentTypeOptions as ContentType,
        ResponseHeadersPolicyCorsConfig as CorsConfig, ResponseHeadersPolicyCustomHeader as CustomHeader,
        ResponseHeadersPolicyCustomHeadersConfig as CustomHeaders,
        ResponseHeadersPolicyFrameOptions as Frame, ResponseHeadersPolicyReferrerPolicy as Referrer,
        ResponseHeadersPolicyRemoveHeader as RemoveHeader,
        ResponseHeadersPolicyRemoveHeadersConfig as RemoveHeaders,
        ResponseHeadersPolicySecurityHeadersConfig as Security,
        ResponseHeadersPolicyServerTimingHeadersConfig as ServerTiming,
        ResponseHeadersPolicyStrictTransportSecurity as StrictTransport,
        ResponseHeadersPolicyXssProtection as Xss,
    },
};
use model::Fault;

use super::{
    super::distribution::mark, COMMENT_MAX, Cors, FrameOption, Header, ResponseHeadersPolicy,
    TransportSecurity, XssProtection,
};
use crate::{Place, Scope};

/// A percentage has four places after the point, so millionths hold it exactly.
const PPM_A_PERCENT: f64 = 10_000.0;

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

fn seconds(given: u32) -> i32 {
    i32::try_from(given).unwrap_or(i32::MAX)
}

fn unsigned(given: i32) -> u32 {
    u32::try_from(given).unwrap_or_default()
}

impl ResponseHeadersPolicy {
    pub(super) fn config(&self, at: &Place, scope: &Scope) -> Result<Config, Fault> {
        let comment = mark::marked(scope, &at.address, &self.comment);
        mark::check_length(&comment, COMMENT_MAX, at)?;
        self.build(at.name(), comment).map_err(|error| Fault::refused(&at.address, error.to_string()))
    }

    fn build(&self, name: &str, comment: String) -> Result<Config, BuildError> {
        let custom: Vec<CustomHeader> = self
            .custom
            .iter()
            .map(|(name, header)| {
                let to = CustomHeader::builder().header(name).value(&header.value);
                to.r#override(header.replaces_origin).build()
            })
            .collect::<Result<_, _>>()?;
        let removed: Vec<RemoveHeader> = self
            .removed
            .iter()
            .map(|name| RemoveHeader::builder().header(name).build())
            .collect::<Result<_, _>>()?;
        let custom = (!custom.is_empty())
            .then(|| CustomHeaders::builder().quantity(count(custom.len())).set_items(Some(custom)).build());
        let removed = (!removed.is_empty()).then(|| {
            RemoveHeaders::builder().quantity(count(removed.len())).set_items(Some(removed)).build()
        });
        let timing = self.server_timing_ppm.map(|ppm| {
            let rate = f64::from(ppm) / PPM_A_PERCENT;
            ServerTiming::builder().enabled(true).sampling_rate(rate).build()
        });
        Config::builder()
            .name(name)
            .comment(comment)
            .set_cors_config(self.cors.as_ref().map(cors).transpose()?)
            .set_security_headers_config(self.security()?)
            .set_server_timing_headers_config(timing.transpose()?)
            .set_custom_headers_config(custom.transpose()?)
            .set_remove_headers_config(removed.transpose()?)
            .build()
    }

    fn security(&self) -> Result<Option<Security>, BuildError> {
        let content = self.content_security_policy.as_ref().map(|header| {
            let to = ContentSecurity::builder().content_security_policy(&header.value);
            to.r#override(header.replaces_origin).build()
        });
        let sniff = self.no_sniff.map(|replaces| ContentType::builder().r#override(replaces).build());
        let frame = self.frame_options.as_ref().map(|header| {
            let option = match header.value {
                FrameOption::Deny => "DENY",
                FrameOption::SameOrigin => "SAMEORIGIN",
            };
            Frame::builder().frame_option(option.into()).r#override(header.replaces_origin).build()
        });
        let referrer = self.referrer_policy.as_ref().map(|header| {
            let to = Referrer::builder().referrer_policy(header.value.as_str().into());
            to.r#override(header.replaces_origin).build()
        });
        let transport = self.strict_transport_security.as_ref().map(|header| {
            StrictTransport::builder()
                .access_control_max_age_sec(seconds(header.value.max_age_s))
                .include_subdomains(header.value.subdomains)
                .preload(header.value.preload)
                .r#override(header.replaces_origin)
                .build()
        });
        let xss = self.xss_protection.as_ref().map(|header| {
            Xss::builder()
                .protection(header.value.enabled)
                .mode_block(header.value.blocks)
                .set_report_uri(header.value.report_to.clone())
                .r#override(header.replaces_origin)
                .build()
        });
        let none = content.is_none() && sniff.is_none() && frame.is_none() && referrer.is_none();
        if none && transport.is_none() && xss.is_none() {
            return Ok(None);
        }
        let security = Security::builder()
            .set_content_security_policy(content.transpose()?)
            .set_content_type_options(sniff.transpose()?)
            .set_frame_options(frame.transpose()?)
            .set_referrer_policy(referrer.transpose()?)
            .set_strict_transport_security(transport.transpose()?)
            .set_xss_protection(xss.transpose()?);
        Ok(Some(security.build()))
    }

    pub(super) fn read(at: &Place, scope: &Scope, config: &Config) -> Result<Self, Fault> {
        let security = config.security_headers_config();
        let frame = security.and_then(Security::frame_options).map(|frame| {
            let option = frame.frame_option().as_str();
            let value = serde_json::from_value(option.into()).map_err(|_| {
                Fault::refused(&at.address, format!("its frame option {option} is not known"))
            })?;
            Ok::<_, Fault>(Header { value, replaces_origin: frame.r#override() })
        });
        let custom = config.custom_headers_config().map(CustomHeaders::items).unwrap_or_default();
        let removed = config.remove_headers_config().map(RemoveHeaders::items).unwrap_or_default();
        let timing = config.server_timing_headers_config().filter(|timing| timing.enabled());
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a percentage")]
        let ppm = |rate: f64| (rate.clamp(0.0, 100.0) * PPM_A_PERCENT).round() as u32;
        Ok(Self {
            comment: mark::words(scope, &at.address, config.comment().unwrap_or_default()),
            cors: config.cors_config().map(read_cors),
            content_security_policy: security.and_then(Security::content_security_policy).map(|header| {
                Header {
                    value: header.content_security_policy().to_owned(),
                    replaces_origin: header.r#override(),
                }
            }),
            no_sniff: security.and_then(Security::content_type_options).map(ContentType::r#override),
            frame_options: frame.transpose()?,
            referrer_policy: security.and_then(Security::referrer_policy).map(|header| Header {
                value: header.referrer_policy().as_str().to_owned(),
                replaces_origin: header.r#override(),
            }),
            strict_transport_security: security.and_then(Security::strict_transport_security).map(|header| {
                Header {
                    value: TransportSecurity {
                        max_age_s: unsigned(header.access_control_max_age_sec()),
                        subdomains: header.include_subdomains().unwrap_or_default(),
                        preload: header.preload().unwrap_or_default(),
                    },
                    replaces_origin: header.r#override(),
                }
            }),
            xss_protection: security.and_then(Security::xss_protection).map(|header| Header {
                value: XssProtection {
                    enabled: header.protection(),
                    blocks: header.mode_block().unwrap_or_default(),
                    report_to: header.report_uri().filter(|to| !to.is_empty()).map(str::to_owned),
                },
                replaces_origin: header.r#override(),
            }),
            custom: custom
                .iter()
                .map(|one| {
                    let header = Header { value: one.value().to_owned(), replaces_origin: one.r#override() };
                    (one.header().to_owned(), header)
                })
                .collect(),
            removed: removed.iter().map(|one| one.header().to_owned()).collect(),
            server_timing_ppm: timing.map(|timing| ppm(timing.sampling_rate().unwrap_or_default())),
        })
    }
}

fn cors(cors: &Cors) -> Result<CorsConfig, BuildError> {
    let list = |set: &BTreeSet<String>| Some(set.iter().cloned().collect::<Vec<_>>());
    let methods = cors.methods.iter().map(|method| method.as_str().into()).collect();
    let exposed = (!cors.exposed.is_empty()).then(|| {
        ExposeHeaders::builder().quantity(count(cors.exposed.len())).set_items(list(&cors.exposed)).build()
    });
    CorsConfig::builder()
        .access_control_allow_origins(
            AllowOrigins::builder()
                .quantity(count(cors.origins.len()))
                .set_items(list(&cors.origins))
                .build()?,
        )
        .access_control_allow_headers(
            AllowHeaders::builder()
                .quantity(count(cors.headers.len()))
                .set_items(list(&cors.headers))
                .build()?,
        )
        .access_control_allow_methods(
            AllowMethods::builder().quantity(count(cors.methods.len())).set_items(Some(methods)).build()?,
        )
        .access_control_allow_credentials(cors.credentials)
        .set_access_control_expose_headers(exposed.transpose()?)
        .set_access_control_max_age_sec(cors.max_age_s.map(seconds))
        .origin_override(cors.replaces_origin)
        .build()
}

fn read_cors(cors: &CorsConfig) -> Cors {
    let set = |items: &[String]| items.iter().cloned().collect();
    Cors {
        origins: cors.access_control_allow_origins().map(|one| set(one.items())).unwrap_or_default(),
        methods: cors
            .access_control_allow_methods()
            .map(|one| one.items().iter().map(|method| method.as_str().to_owned()).collect())
            .unwrap_or_default(),
        headers: cors.access_control_allow_headers().map(|one| set(one.items())).unwrap_or_default(),
        exposed: cors.access_control_expose_headers().map(|one| set(one.items())).unwrap_or_default(),
        credentials: cors.access_control_allow_credentials(),
        max_age_s: cors.access_control_max_age_sec().map(unsigned),
        replaces_origin: cors.origin_override(),
    }
}
