//! Every `*` in an action or a resource of a policy has a reason; a new one fails until somebody gives
//! it one.

use std::collections::BTreeSet;

use super::{evaluator::fits, wide};

/// Address, statement and the pattern with the star; both may be given by a pattern of their own, in
/// which `\*` is a star and `*` any run. Then why AWS or the purpose leaves no other way.
const REASONS: &[(&str, &str, &str, &str)] = &[
    (
        "*/role/*",
        "logs",
        "arn:aws:logs:*:log-group:/dn/*:log-stream:\\*",
        "Lambda names the streams of its instances",
    ),
    ("*/role/*", "traces", "\\*", "X-Ray has no resource level"),
    ("*/bucket/*", "tls-only", "s3:\\*", "a denial: nothing at all without TLS"),
    ("*/bucket/*", "tls-only", "arn:aws:s3:::*/\\*", "a denial: every object of this bucket"),
    (
        "reports/bucket/reports",
        "cloudfront",
        "arn:aws:s3:::*/\\*",
        "every report of this bucket, for one distribution",
    ),
    ("reports/role/crm", "read", "arn:aws:s3:::*/\\*", "every report of this bucket, for who signed in"),
    (
        "operations/role/drift",
        "look*",
        "*",
        "it compares everything of these kinds, also what nobody declares; reads only, see kinds::reads",
    ),
    (
        "operations/role/drift",
        "list",
        "\\*",
        "AWS has no resource level for these: kinds::reads says why of each",
    ),
    (
        "operations/role/drift",
        "applied",
        "arn:aws:s3:::*/\\*",
        "what was applied, in the control bucket of the stage",
    ),
    (
        "operations/role/rotate",
        "trusted",
        "\\*",
        "CloudFront has no resource level for public keys, key groups and lists",
    ),
    (
        "operations/role/rotate",
        "journal",
        "arn:aws:s3:::*/journal/\\*",
        "the journal's segments, which begin with the number of their first line",
    ),
    ("shared/key/unsubscribe", "*", "kms:\\*", "without it the account's own policies count for nothing"),
    ("shared/key/unsubscribe", "*", "\\*", "in a key policy this is the key itself"),
];

/// A star found: address, statement, pattern.
type Found = (String, String, String);

fn is_meant(pattern: &str, text: &str) -> bool {
    // A literal star is a sign that no policy has.
    fits(&pattern.replace("\\*", "\u{1}"), &text.replace('*', "\u{1}"))
}

fn reason(of: &Found) -> Option<usize> {
    REASONS.iter().position(|(address, sid, pattern, _)| {
        fits(address, &of.0) && fits(sid, &of.1) && is_meant(pattern, &of.2)
    })
}

#[test]
fn every_star_has_a_reason_and_every_reason_a_star() {
    let mut stars: Vec<Found> = Vec::new();
    for (address, policy) in wide() {
        for statement in &policy.statements {
            let patterns =
                [&statement.action, &statement.not_action, &statement.resource, &statement.not_resource];
            for pattern in patterns.into_iter().flatten().filter(|one| one.contains('*')) {
                stars.push((address.to_string(), statement.sid.clone(), pattern.clone()));
            }
        }
    }
    let without: Vec<&Found> = stars.iter().filter(|one| reason(one).is_none()).collect();
    assert!(without.is_empty(), "give these a reason in REASONS, or better: a resource: {without:#?}");
    let used: BTreeSet<usize> = stars.iter().filter_map(reason).collect();
    let unused: Vec<_> =
        (0..REASONS.len()).filter(|one| !used.contains(one)).map(|one| REASONS[one]).collect();
    assert!(unused.is_empty(), "reasons for nothing: {unused:#?}");
}

#[test]
fn a_new_star_has_none() {
    for (address, sid, pattern) in [
        ("outreach/role/send-email", "tableevents", "*"),
        ("outreach/role/send-email", "tableevents", "dynamodb:*"),
        ("outreach/role/send-email", "logs", "arn:aws:logs:us-east-1:0:log-group:*"),
        ("outreach/role/send-email", "logs", "logs:*"),
        ("reports/bucket/reports", "cloudfront", "s3:*"),
        ("reports/role/crm", "list", "arn:aws:s3:::*"),
        ("shared/topic/ses-events", "ses", "sns:*"),
    ] {
        let found = (address.to_owned(), sid.to_owned(), pattern.to_owned());
        assert_eq!(reason(&found), None, "{found:?}");
    }
}
