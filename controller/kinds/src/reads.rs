//! What a role needs that may look at everything and change nothing: derived from the reads that the kinds declare.
//!
//! Actions and what they can be limited to are those of the Service Authorization Reference. What reads data instead
//! of settings is left out: a reader [from outside](crate::Reader::from_outside) never asks for it.

use std::collections::{BTreeMap, BTreeSet};

use model::policy::Statement;

use crate::{aws, kinds};

/// The SDK's crate, and operations of it.
pub(crate) type Reads = (&'static str, &'static [&'static str]);

/// Every declaration of the crate; a test compares it with the source.
const DECLARED: &[Reads] = &[
    aws::caller::READS,
    aws::inventory::READS,
    aws::trail::READS,
    kinds::alarm::READS,
    kinds::api_key::READS,
    kinds::api_key::rotation::READS,
    kinds::artefact::READS,
    kinds::base_path_mapping::READS,
    kinds::bucket::look::READS,
    kinds::configuration_set::READS,
    kinds::contact_list::READS,
    kinds::dashboard::READS,
    kinds::distribution::find::READS,
    kinds::domain_name::READS,
    kinds::function::look::READS,
    kinds::gateway_account::READS,
    kinds::identity::READS,
    kinds::identity_pool::READS,
    kinds::identity_provider::READS,
    kinds::key::READS,
    kinds::key_group::READS,
    kinds::key_group::rotation::READS,
    kinds::log_group::READS,
    kinds::mail_account::READS,
    kinds::origin_access_control::READS,
    kinds::public_key::READS,
    kinds::queue::READS,
    kinds::receipt_rule::READS,
    kinds::response_headers_policy::READS,
    kinds::rest_api::look::READS,
    kinds::role::look::READS,
    kinds::schedule::READS,
    kinds::schedule_group::READS,
    kinds::secret::READS,
    kinds::subscription::READS,
    kinds::table::read::READS,
    kinds::table::rows::READS,
    kinds::topic::READS,
    kinds::usage_plan::READS,
];

/// Reads of data. Objects are read in the control bucket alone, which is said beside this.
const DATA: &[(&str, &str)] = &[
    ("aws_sdk_dynamodb", "query"),
    ("aws_sdk_dynamodb", "scan"),
    ("aws_sdk_s3", "get_object"),
    ("aws_sdk_s3", "head_object"),
    ("aws_sdk_s3", "list_object_versions"),
    ("aws_sdk_sesv2", "get_contact"),
    ("aws_sdk_sesv2", "list_contacts"),
];

/// Why an action is allowed on `*`.
pub const NO_RESOURCE_LEVEL: &[(&str, &str)] = &[
    ("cloudfront:GetKeyGroup", "key groups have no resource level"),
    ("cloudfront:GetPublicKey", "public keys have no resource level"),
    ("cloudfront:ListDistributions", "lists the account"),
    ("cloudfront:ListKeyGroups", "lists the account"),
    ("cloudfront:ListOriginAccessControls", "lists the account"),
    ("cloudfront:ListPublicKeys", "lists the account"),
    ("cloudfront:ListResponseHeadersPolicies", "lists the account"),
    ("cloudtrail:LookupEvents", "the account's history"),
    ("cloudwatch:ListDashboards", "lists the account"),
    ("cognito-identity:ListIdentityPools", "lists the account"),
    ("iam:GetAccountAuthorizationDetails", "lists the account"),
    ("iam:ListOpenIDConnectProviders", "lists the account"),
    ("iam:ListRoles", "lists the account"),
    ("kms:ListAliases", "lists the account"),
    ("kms:ListKeys", "lists the account"),
    ("lambda:ListEventSourceMappings", "lists the account"),
    ("scheduler:ListSchedules", "lists the account"),
    ("ses:DescribeActiveReceiptRuleSet", "version 1 of the API has no resource level"),
    ("ses:DescribeReceiptRuleSet", "version 1 of the API has no resource level"),
    ("ses:GetAccount", "settings of the account"),
    ("ses:ListContactLists", "lists the account"),
    ("sns:GetSubscriptionAttributes", "subscriptions have no resource level"),
    ("sqs:ListQueues", "lists the account"),
    ("tag:GetResources", "lists the account"),
];

/// What everything else is limited to, by the SDK's crate: a statement's name, the service as IAM writes it, and its
/// resources in this account and Region. `R` and `A` stand for these two.
const LIMITS: &[(&str, &str, &[&str])] = &[
    (
        "aws_sdk_apigateway",
        "apigateway",
        &[
            "arn:aws:apigateway:R::/account",
            "arn:aws:apigateway:R::/apikeys",
            "arn:aws:apigateway:R::/domainnames/*",
            "arn:aws:apigateway:R::/restapis",
            "arn:aws:apigateway:R::/restapis/*",
            "arn:aws:apigateway:R::/usageplans",
            "arn:aws:apigateway:R::/usageplans/*",
        ],
    ),
    (
        "aws_sdk_cloudfront",
        "cloudfront",
        &[
            "arn:aws:cloudfront::A:distribution/*",
            "arn:aws:cloudfront::A:origin-access-control/*",
            "arn:aws:cloudfront::A:response-headers-policy/*",
        ],
    ),
    ("aws_sdk_cloudtrail", "cloudtrail", &[]),
    (
        "aws_sdk_cloudwatch",
        "cloudwatch",
        &["arn:aws:cloudwatch:R:A:alarm:*", "arn:aws:cloudwatch::A:dashboard/*"],
    ),
    ("aws_sdk_cloudwatchlogs", "logs", &["arn:aws:logs:R:A:log-group:*"]),
    ("aws_sdk_cognitoidentity", "cognito-identity", &["arn:aws:cognito-identity:R:A:identitypool/*"]),
    ("aws_sdk_dynamodb", "dynamodb", &["arn:aws:dynamodb:R:A:table/*"]),
    ("aws_sdk_iam", "iam", &["arn:aws:iam::A:oidc-provider/*", "arn:aws:iam::A:role/*"]),
    ("aws_sdk_kms", "kms", &["arn:aws:kms:R:A:key/*"]),
    (
        "aws_sdk_lambda",
        "lambda",
        &["arn:aws:lambda:R:A:event-source-mapping:*", "arn:aws:lambda:R:A:function:*"],
    ),
    ("aws_sdk_resourcegroupstagging", "tag", &[]),
    // Names of buckets are all that tells them apart: a condition keeps to this account.
    ("aws_sdk_s3", "s3", &["arn:aws:s3:::*"]),
    (
        "aws_sdk_scheduler",
        "scheduler",
        &["arn:aws:scheduler:R:A:schedule-group/*", "arn:aws:scheduler:R:A:schedule/*"],
    ),
    ("aws_sdk_secretsmanager", "secretsmanager", &["arn:aws:secretsmanager:R:A:secret:*"]),
    ("aws_sdk_ses", "ses", &[]),
    (
        "aws_sdk_sesv2",
        "ses",
        &[
            "arn:aws:ses:R:A:configuration-set/*",
            "arn:aws:ses:R:A:contact-list/*",
            "arn:aws:ses:R:A:identity/*",
        ],
    ),
    ("aws_sdk_sns", "sns", &["arn:aws:sns:R:A:*"]),
    ("aws_sdk_sqs", "sqs", &["arn:aws:sqs:R:A:*"]),
];

/// The statements of such a role in this account and Region.
#[must_use]
pub fn statements(region: &str, account: &str) -> Vec<Statement> {
    let mut everywhere: BTreeSet<String> = BTreeSet::new();
    let mut limited: BTreeMap<&str, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for (sdk, operation) in operations().filter(|one| !DATA.contains(one)) {
        let Some((_, service, resources)) = LIMITS.iter().find(|(of, ..)| *of == sdk) else { continue };
        let action = format!("{service}:{}", action(service, operation));
        if NO_RESOURCE_LEVEL.iter().any(|(free, _)| *free == action) {
            everywhere.insert(action);
            continue;
        }
        let (actions, on) = limited.entry(service).or_default();
        actions.insert(action);
        let here = |pattern: &&str| {
            pattern.replace(":R:", &format!(":{region}:")).replace(":A:", &format!(":{account}:"))
        };
        on.extend(resources.iter().map(here));
    }
    let sid = |service: &str| format!("look{}", service.replace('-', ""));
    let limited = limited.into_iter().map(|(service, (actions, resources))| {
        let statement = Statement::allow(actions, resources).sid(&sid(service));
        match service {
            "s3" => statement.when("StringEquals", "s3:ResourceAccount", account),
            _ => statement,
        }
    });
    limited.chain([Statement::allow(everywhere, ["*"]).sid("list")]).collect()
}

/// To find out whether something holds data, for who plans: how much there is, and nothing of what it is where AWS can
/// tell these apart.
#[must_use]
pub fn whether_empty(region: &str, account: &str) -> [Statement; 3] {
    let table = format!("arn:aws:dynamodb:{region}:{account}:table/*");
    let list = format!("arn:aws:ses:{region}:{account}:contact-list/*");
    [
        Statement::allow(["dynamodb:Scan"], [table]).sid("items").when(
            "StringEquals",
            "dynamodb:Select",
            "COUNT",
        ),
        Statement::allow(["s3:ListBucketVersions"], ["arn:aws:s3:::*"]).sid("objects").when(
            "StringEquals",
            "s3:ResourceAccount",
            account,
        ),
        Statement::allow(["ses:ListContacts"], [list]).sid("contacts"),
    ]
}

/// Every declared read but the one that needs no permission.
fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    let all = DECLARED.iter().flat_map(|(sdk, operations)| operations.iter().map(move |one| (*sdk, *one)));
    all.filter(|(sdk, _)| *sdk != "aws_sdk_sts")
}

/// The action of an operation of the SDK, without its service.
#[must_use]
pub fn action(service: &str, operation: &str) -> String {
    match (service, operation) {
        // IAM knows API Gateway by the HTTP method.
        ("apigateway", _) => "GET".to_owned(),
        ("s3", "head_bucket" | "list_objects_v2") => "ListBucket".to_owned(),
        ("s3", "get_bucket_cors") => "GetBucketCORS".to_owned(),
        ("s3", "get_bucket_encryption") => "GetEncryptionConfiguration".to_owned(),
        ("s3", "get_bucket_lifecycle_configuration") => "GetLifecycleConfiguration".to_owned(),
        ("s3", "get_bucket_notification_configuration") => "GetBucketNotification".to_owned(),
        ("s3", "get_public_access_block") => "GetBucketPublicAccessBlock".to_owned(),
        ("iam", "get_open_id_connect_provider") => "GetOpenIDConnectProvider".to_owned(),
        ("iam", "list_open_id_connect_providers") => "ListOpenIDConnectProviders".to_owned(),
        _ => operation.split('_').map(capital).collect(),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The reads that files below `folder` declare, as text: `sdk operation`.
    fn written(folder: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                written(&path, found);
            } else if !path.ends_with("aws/clients.rs") && !path.ends_with("src/reads.rs") {
                let text = fs::read_to_string(&path).unwrap();
                for declared in text.split("\nreads!(").skip(1) {
                    let (declared, _) = declared.split_once(");").unwrap();
                    let (sdk, operations) = declared.split_once(':').unwrap();
                    let operations = operations.split(',').filter_map(|one| one.split_whitespace().next());
                    found.extend(operations.map(|one| format!("{sdk} {one}")));
                }
            }
        }
    }

    #[test]
    fn no_declaration_is_forgotten() {
        let mut found = BTreeSet::new();
        written(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
        found.retain(|one| !one.starts_with("aws_sdk_sts"));
        let known: BTreeSet<String> = operations().map(|(sdk, one)| format!("{sdk} {one}")).collect();
        assert_eq!(known, found);
        assert!(known.len() > 80, "{}", known.len());
    }

    #[test]
    fn every_read_is_limited_or_says_why_not() {
        let statements = statements("eu-west-1", "123456789012");
        let allowed: BTreeSet<&String> = statements.iter().flat_map(|one| &one.action).collect();
        for (sdk, operation) in operations().filter(|one| !DATA.contains(one)) {
            let (_, service, _) = LIMITS.iter().find(|(of, ..)| *of == sdk).expect(sdk);
            let action = format!("{service}:{}", action(service, operation));
            assert!(allowed.contains(&action), "{action}");
        }
        for one in &statements {
            assert!(!one.resource.is_empty(), "{one:?}");
            assert!(one.action.iter().all(|action| !action.contains('*')), "{one:?}");
            let star = one.resource.contains("*");
            let reasons = |action: &String| NO_RESOURCE_LEVEL.iter().any(|(free, _)| free == action);
            assert!(one.action.iter().all(|action| reasons(action) == star), "{one:?}");
        }
        let free: BTreeSet<&str> = NO_RESOURCE_LEVEL.iter().map(|(action, _)| *action).collect();
        assert!(
            free.iter().all(|action| allowed.iter().any(|one| one == action)),
            "no reason without a read"
        );
    }

    #[test]
    fn data_is_not_among_it() {
        let statements = statements("eu-west-1", "123456789012");
        let all: Vec<&String> = statements.iter().flat_map(|one| &one.action).collect();
        for data in ["dynamodb:Scan", "s3:GetObject", "ses:ListContacts", "secretsmanager:GetSecretValue"] {
            assert!(all.iter().all(|action| *action != data), "{data}");
        }
    }
}
