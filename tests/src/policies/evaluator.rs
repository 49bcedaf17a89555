//! IAM's evaluation within one account (IAM user guide, "Policy evaluation logic"): a denial wins,
//! then an allowance, then nothing is allowed. Elements and operators that no document here has are
//! refused, not guessed.

use model::policy::{Conditions, Effect, Policy, Principals, Statement};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who<'a> {
    /// A role of the account, by ARN: its own policies count.
    Role(&'a str),
    /// A service of AWS.
    Service(&'a str),
    /// Nobody known.
    Anybody,
}

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'a> {
    pub(super) who: Who<'a>,
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    /// Condition keys in lower case.
    pub(super) context: &'a [(&'a str, &'a str)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    Denied,
    /// Nothing says so.
    Silent,
}

/// What policies of the caller (`Policy` without principals) and of the resource say together.
pub(super) fn decide(own: &[&Policy], of_resource: &[&Policy], request: &Request<'_>) -> Decision {
    let own = own.iter().flat_map(|policy| &policy.statements).filter(|one| speaks(one, request));
    let theirs = of_resource
        .iter()
        .flat_map(|policy| &policy.statements)
        .filter(|one| names(&one.principal, request.who) && speaks(one, request));
    let mut decision = Decision::Silent;
    for statement in own.chain(theirs) {
        match statement.effect {
            Effect::Deny => return Decision::Denied,
            Effect::Allow => decision = Decision::Allowed,
        }
    }
    decision
}

fn speaks(statement: &Statement, request: &Request<'_>) -> bool {
    let Statement { not_action, not_resource, not_principal, .. } = statement;
    let plain = not_action.is_empty() && not_resource.is_empty() && not_principal.is_empty();
    assert!(plain, "no document here turns an element round: {statement:?}");
    let action = request.action.to_ascii_lowercase();
    statement.action.iter().any(|one| fits(&one.to_ascii_lowercase(), &action))
        && statement.resource.iter().any(|one| fits(one, request.resource))
        && met(&statement.condition, request.context)
}

fn names(principals: &Principals, who: Who<'_>) -> bool {
    let has = |of: &str, member: &str| principals.get(of).is_some_and(|all| all.contains(member));
    if has("AWS", "*") {
        return true;
    }
    match who {
        Who::Service(service) => has("Service", service),
        Who::Role(arn) => has("AWS", arn),
        Who::Anybody => false,
    }
}

/// All conditions, and of each key one of the values. A key that is not there meets none of these operators.
fn met(conditions: &Conditions, context: &[(&str, &str)]) -> bool {
    conditions.iter().all(|(operator, keys)| {
        let holds: fn(&str, &str) -> bool = match operator.as_str() {
            "StringEquals" | "ArnEquals" if !wild(keys) => |want, have| want == have,
            "Bool" => |want, have| want.eq_ignore_ascii_case(have),
            "StringLike" | "ArnLike" | "ArnEquals" | "ForAnyValue:StringLike" => fits,
            other => panic!("no document here has a condition {other}"),
        };
        keys.iter().all(|(key, values)| {
            let key = key.to_ascii_lowercase();
            let have = context.iter().find(|(name, _)| *name == key).map(|(_, value)| *value);
            have.is_some_and(|have| values.iter().any(|want| holds(want, have)))
        })
    })
}

/// `ArnEquals` takes wildcards as `ArnLike` does; `StringEquals` takes a star for a star.
fn wild(keys: &std::collections::BTreeMap<String, std::collections::BTreeSet<String>>) -> bool {
    keys.values().flatten().any(|value| value.contains('*') || value.contains('?'))
}

/// `*` is any run of characters, `?` one.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    // Where the pattern may be after what was read of the text.
    let close = |mut at: Vec<bool>| {
        for here in 0..pattern.len() {
            if at[here] && pattern[here] == '*' {
                at[here + 1] = true;
            }
        }
        at
    };
    let mut at = vec![false; pattern.len() + 1];
    at[0] = true;
    at = close(at);
    for one in text {
        let mut next = vec![false; pattern.len() + 1];
        for here in (0..pattern.len()).filter(|here| at[*here]) {
            match pattern[here] {
                '*' => next[here] = true,
                sign if sign == '?' || sign == one => next[here + 1] = true,
                _ => {}
            }
        }
        at = close(next);
    }
    at[pattern.len()]
}

#[test]
fn a_star_is_any_run_and_a_question_mark_one() {
    for (pattern, text, wanted) in [
        ("a*c", "abbc", true),
        ("a*c", "abbd", false),
        ("*", "", true),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("a*b*c", "a-b-b-c", true),
        ("", "a", false),
    ] {
        assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
    }
}

#[test]
fn a_denial_wins_and_silence_allows_nothing() {
    let allow = Policy::new([Statement::allow(["s3:Get*"], ["arn:b/*"])]);
    let deny = Policy::new([Statement::deny(["s3:*"], ["arn:b", "arn:b/*"]).to_aws("*").when(
        "Bool",
        "aws:SecureTransport",
        "false",
    )]);
    let ask = |action, context| {
        let request = Request { who: Who::Role("arn:r"), action, resource: "arn:b/x", context };
        decide(&[&allow], &[&deny], &request)
    };
    assert_eq!(ask("s3:GetObject", &[("aws:securetransport", "true")]), Decision::Allowed);
    assert_eq!(ask("S3:getobject", &[("aws:securetransport", "true")]), Decision::Allowed);
    assert_eq!(ask("s3:GetObject", &[("aws:securetransport", "false")]), Decision::Denied);
    assert_eq!(ask("s3:PutObject", &[("aws:securetransport", "true")]), Decision::Silent);
}

#[test]
fn who_is_not_named_gets_nothing_from_a_resource() {
    let policy = Policy::new([Statement::allow(["s3:GetObject"], ["arn:b/*"])
        .to_service("cloudfront.amazonaws.com")
        .when("StringEquals", "AWS:SourceArn", "arn:d")]);
    let ask = |who, context| {
        let request = Request { who, action: "s3:GetObject", resource: "arn:b/x", context };
        decide(&[], &[&policy], &request)
    };
    let cloudfront = Who::Service("cloudfront.amazonaws.com");
    assert_eq!(ask(cloudfront, &[("aws:sourcearn", "arn:d")]), Decision::Allowed);
    assert_eq!(ask(cloudfront, &[("aws:sourcearn", "arn:e")]), Decision::Silent);
    assert_eq!(ask(cloudfront, &[]), Decision::Silent, "a key that is not there meets nothing");
    assert_eq!(ask(Who::Service("sns.amazonaws.com"), &[("aws:sourcearn", "arn:d")]), Decision::Silent);
    assert_eq!(ask(Who::Anybody, &[("aws:sourcearn", "arn:d")]), Decision::Silent);
}
