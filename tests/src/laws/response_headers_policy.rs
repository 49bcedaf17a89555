//! Examples of response headers policies.

use std::collections::{BTreeMap, BTreeSet};

use kinds::kinds::response_headers_policy::{
    Cors, FrameOption, Header, ResponseHeadersPolicy, TransportSecurity, XssProtection,
};

use super::{Example, hold};

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn cors() -> Cors {
    Cors {
        origins: set(&["https://crm.example.com"]),
        methods: set(&["GET", "HEAD"]),
        headers: set(&["*"]),
        exposed: set(&["ETag"]),
        credentials: false,
        max_age_s: Some(3600),
        replaces_origin: true,
    }
}

fn everything() -> ResponseHeadersPolicy {
    let transport = TransportSecurity { max_age_s: 31_536_000, subdomains: true, preload: false };
    let xss =
        XssProtection { enabled: true, blocks: false, report_to: Some("https://example.com/x".to_owned()) };
    ResponseHeadersPolicy {
        comment: "all of it".to_owned(),
        cors: Some(cors()),
        content_security_policy: Some(Header::replacing("default-src 'self' & <more>".to_owned())),
        no_sniff: Some(true),
        frame_options: Some(Header::replacing(FrameOption::Deny)),
        referrer_policy: Some(Header::replacing("no-referrer".to_owned())),
        strict_transport_security: Some(Header::replacing(transport)),
        xss_protection: Some(Header { value: xss, replaces_origin: false }),
        custom: BTreeMap::from([("X-Stage".to_owned(), Header::replacing("test".to_owned()))]),
        removed: set(&["Server"]),
        server_timing_ppm: Some(12_345),
    }
}

pub(crate) fn examples() -> [Example<ResponseHeadersPolicy>; 2] {
    [
        Example {
            name: "cors",
            declare: |_| ResponseHeadersPolicy { cors: Some(cors()), ..ResponseHeadersPolicy::default() },
            mutations: &[
                ("cors", |policy| {
                    let cors = Cors { exposed: set(&[]), max_age_s: None, ..cors() };
                    policy.cors = Some(cors);
                }),
                ("comment", |policy| policy.comment = "for the CRM".to_owned()),
                ("no_sniff", |policy| policy.no_sniff = Some(false)),
            ],
        },
        Example {
            name: "everything",
            declare: |_| everything(),
            mutations: &[
                ("comment", |policy| policy.comment = String::new()),
                ("cors", |policy| policy.cors = None),
                ("content_security_policy", |policy| policy.content_security_policy = None),
                ("no_sniff", |policy| policy.no_sniff = None),
                ("frame_options", |policy| {
                    policy.frame_options = Some(Header::replacing(FrameOption::SameOrigin));
                }),
                ("referrer_policy", |policy| {
                    policy.referrer_policy = Some(Header::replacing("same-origin".to_owned()));
                }),
                ("strict_transport_security", |policy| policy.strict_transport_security = None),
                ("xss_protection", |policy| policy.xss_protection = None),
                ("custom", |policy| {
                    policy.custom.insert("X-Two".to_owned(), Header::replacing("2".to_owned()));
                }),
                ("removed", |policy| policy.removed = set(&[])),
                ("server_timing_ppm", |policy| policy.server_timing_ppm = Some(1_000_000)),
            ],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_response_headers_policy() {
    hold(&examples()).await;
}
