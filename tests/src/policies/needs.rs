//! What each function does, told from its contract alone: this is written beside the stacks'
//! derivation and not by it, so that one mistake would have to be made twice.

use std::collections::BTreeSet;

use contract::{
    function::{Function, Trigger},
    operations::{ALARMS, CONTROL, DECLARED, JOURNAL, LOCK, REPORT, ROTATION_REPORT},
    resource::{CONTACT_LIST, ContactListUse, KeyUse, TOKEN_PURPOSE, UNSUBSCRIBE_KEY},
    signing::SECRET,
    variable::{Access, Meaning},
};

/// One call that a function makes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Need {
    pub(crate) action: &'static str,
    /// An ARN.
    pub(crate) resource: String,
    /// A condition key (in lower case) that must be there, with its value.
    pub(crate) context: Option<(String, &'static str)>,
}

/// Looks the ARN of an address up: `shared/table/audit`.
pub(crate) type Arns<'a> = &'a dyn Fn(&str) -> String;

pub(crate) fn of(function: &Function, arn: Arns<'_>) -> BTreeSet<Need> {
    let mut needs = Needs::default();
    let lines = arn(&format!("{}/log group/{}", function.stack, function.name));
    let stream = format!("{lines}:log-stream:2026/11/22/[1]abc");
    needs.add(&["logs:CreateLogStream", "logs:PutLogEvents"], &stream, None);
    if let Trigger::Queue(stack, name) = function.trigger {
        let actions = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        needs.add(&actions, &arn(&format!("{stack}/queue/{name}")), None);
    }
    if let Trigger::Topic(..) | Trigger::Schedule(_) = function.trigger {
        let dead = arn(&format!("{}/queue/{}-dead", function.stack, function.name));
        needs.add(&["sqs:SendMessage"], &dead, None);
    }
    for variable in function.variables {
        needs.of_variable(variable.meaning, arn);
    }
    needs.0
}

#[derive(Default)]
struct Needs(BTreeSet<Need>);

impl Needs {
    fn add(&mut self, actions: &[&'static str], resource: &str, context: Option<(String, &'static str)>) {
        for action in actions {
            self.0.insert(Need { action, resource: resource.to_owned(), context: context.clone() });
        }
    }

    fn of_variable(&mut self, meaning: Meaning, arn: Arns<'_>) {
        match meaning {
            Meaning::Setting(_) => {}
            Meaning::Table(table, access) => {
                let itself = arn(&format!("{}/table/{}", table.stack, table.name));
                if access != Access::Write {
                    self.add(READS, &itself, None);
                    for index in table.indexes {
                        self.add(&["dynamodb:Query"], &format!("{itself}/index/{}", index.name), None);
                    }
                }
                if access != Access::Read {
                    self.add(WRITES, &itself, None);
                }
            }
            Meaning::Secret(secret) => {
                let itself = arn(&format!("{}/secret/{}", secret.stack, secret.name));
                self.add(&["secretsmanager:GetSecretValue"], &itself, None);
            }
            Meaning::Key(way) => {
                let action = match way {
                    KeyUse::Encrypt => "kms:Encrypt",
                    KeyUse::Decrypt => "kms:Decrypt",
                };
                let (key, value) = TOKEN_PURPOSE;
                let context = (format!("kms:encryptioncontext:{key}"), value);
                let (stack, name) = UNSUBSCRIBE_KEY;
                self.add(&[action], &arn(&format!("{stack}/key/{name}")), Some(context));
            }
            // What the kinds read beside this is proven by the tests of the nightly comparison.
            Meaning::Control => {
                let (stack, name) = CONTROL;
                let bucket = arn(&format!("{stack}/bucket/{name}"));
                self.add(&["s3:GetObject"], &format!("{bucket}/{DECLARED}"), None);
                self.add(&["s3:PutObject"], &format!("{bucket}/{REPORT}"), None);
            }
            Meaning::RotationControl => {
                let (stack, name) = CONTROL;
                let bucket = arn(&format!("{stack}/bucket/{name}"));
                let segment = format!("{bucket}/{JOURNAL}000000000001.jsonl");
                let report = format!("{bucket}/{ROTATION_REPORT}");
                self.add(&["s3:ListBucket"], &bucket, None);
                self.add(&["s3:GetObject"], &format!("{bucket}/{DECLARED}"), None);
                self.add(
                    &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                    &format!("{bucket}/{LOCK}"),
                    None,
                );
                self.add(&["s3:GetObject", "s3:PutObject"], &segment, None);
                self.add(&["s3:GetObject", "s3:PutObject"], &report, None);
            }
            Meaning::RotatedKey => {
                self.add(VERSIONS, &arn(&format!("{}/secret/{}", SECRET.stack, SECRET.name)), None);
                self.add(TRUSTED, "*", None);
            }
            Meaning::AlarmTopic => {
                let (stack, name) = ALARMS;
                self.add(&["sns:Publish"], &arn(&format!("{stack}/topic/{name}")), None);
            }
            Meaning::ContactList(way) => {
                let (stack, name) = CONTACT_LIST;
                let itself = arn(&format!("{stack}/contact list/{name}"));
                self.add(&["ses:GetContact", "ses:ListContacts"], &itself, None);
                if way == ContactListUse::Update {
                    self.add(&["ses:CreateContact", "ses:UpdateContact"], &itself, None);
                }
            }
        }
    }
}

const READS: &[&str] = &["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];

const WRITES: &[&str] = &[
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
    "dynamodb:DeleteItem",
    "dynamodb:BatchWriteItem",
    "dynamodb:ConditionCheckItem",
];

/// What putting a key in the place of another takes, and reading one does not.
const VERSIONS: &[&str] = &[
    "secretsmanager:DescribeSecret",
    "secretsmanager:ListSecretVersionIds",
    "secretsmanager:PutSecretValue",
    "secretsmanager:UpdateSecretVersionStage",
];

const TRUSTED: &[&str] = &[
    "cloudfront:CreatePublicKey",
    "cloudfront:DeletePublicKey",
    "cloudfront:GetKeyGroup",
    "cloudfront:GetPublicKey",
    "cloudfront:ListDistributions",
    "cloudfront:ListKeyGroups",
    "cloudfront:ListPublicKeys",
    "cloudfront:UpdateKeyGroup",
];

/// Verbs of a service, one of which stands beside each need: the first that the function does not need there.
const BESIDE: &[(&str, &[&str])] = &[
    ("dynamodb", &["dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:Scan"]),
    ("cloudfront", &["cloudfront:UpdateDistribution"]),
    ("secretsmanager", &["secretsmanager:PutSecretValue", "secretsmanager:GetSecretValue"]),
    ("kms", &["kms:Encrypt", "kms:Decrypt"]),
    ("ses", &["ses:UpdateContact", "ses:DeleteContact"]),
    ("logs", &["logs:DeleteLogStream"]),
    ("sqs", &["sqs:SendMessage", "sqs:PurgeQueue"]),
    ("s3", &["s3:DeleteObject", "s3:DeleteObjectVersion"]),
    ("sns", &["sns:Subscribe"]),
];

/// What a function must not do: for each need another verb there, the same verb beside it, and the
/// same without its condition.
pub(crate) fn beside(needs: &BTreeSet<Need>) -> BTreeSet<Need> {
    let mut refused = BTreeSet::new();
    for need in needs {
        let (service, _) = need.action.split_once(':').expect("service:Action");
        let (_, verbs) = BESIDE.iter().find(|(of, _)| *of == service).expect("a service with verbs");
        let is_needed =
            |action: &str| needs.iter().any(|one| one.action == action && one.resource == need.resource);
        // An index can be read and no more, whoever asks: nothing else has it as a resource.
        let verbs = if need.resource.contains("/index/") { &["dynamodb:Scan"] } else { *verbs };
        let verb = verbs.iter().find(|action| !is_needed(action)).expect("a verb that no function needs");
        refused.insert(Need { action: verb, ..need.clone() });
        // An index has no neighbour of its own; its table has. Nothing is beside everything.
        if !need.resource.contains("/index/") && need.resource != "*" {
            refused.insert(Need { resource: neighbour(&need.resource), ..need.clone() });
        }
        if need.context.is_some() {
            refused.insert(Need { context: None, ..need.clone() });
        }
    }
    refused
}

/// A resource beside this one, which does not exist.
pub(crate) fn neighbour(arn: &str) -> String {
    if let Some((group, stream)) = arn.split_once(":log-stream:") {
        return format!("{group}-other:log-stream:{stream}");
    }
    match arn.strip_prefix("arn:aws:s3:::").and_then(|object| object.split_once('/')) {
        Some((bucket, key)) => format!("arn:aws:s3:::{bucket}-other/{key}"),
        None => format!("{arn}-other"),
    }
}
