//! What the role of a function may do: exactly what the types of its variables say.

use contract::{
    function::{Function, Trigger},
    operations,
    resource::{ContactListUse, KeyUse, TOKEN_PURPOSE},
    table::Table,
    variable::{Access, Meaning},
};
use kinds::{bound::DeclareError, reads};
use model::{
    Address, Text,
    policy::{Policy, Statement},
};

use crate::{Environment, queues, values};

/// The policy of a function's role.
pub(crate) fn policy(function: &Function, environment: &Environment) -> Result<Policy, DeclareError> {
    let group = arn(function.stack, "log group", function.name)?;
    let mut statements = vec![
        Statement::allow(
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [group.then(":log-stream:*").to_string()],
        )
        .sid("logs"),
    ];
    if environment.logs.tracing {
        // X-Ray has no resource level (Service Authorization Reference, "AWS X-Ray").
        let traces = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"];
        statements.push(Statement::allow(traces, ["*"]).sid("traces"));
    }
    for variable in function.variables {
        let Some(at) = values::address(variable.meaning)? else { continue };
        match variable.meaning {
            Meaning::Control => statements.extend(comparing(&at, environment)),
            Meaning::RotationControl => statements.extend(rotating(&at)),
            Meaning::RotatedKey => statements.extend(replacing(&at)),
            meaning => statements.extend(allowed(meaning, &at)),
        }
        if let Meaning::Table(table, access) = variable.meaning {
            statements.extend(queried(&table, access, &at));
        }
    }
    if let Trigger::Queue(stack, name) = function.trigger {
        let receive = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"];
        let queue = arn(stack, "queue", name)?;
        statements.push(Statement::allow(receive, [queue.to_string()]).sid("work"));
    }
    if let Trigger::Topic(..) | Trigger::Schedule(_) = function.trigger {
        let lost = arn(function.stack, "queue", &queues::dead_name(function.name))?;
        statements.push(Statement::allow(["sqs:SendMessage"], [lost.to_string()]).sid("lost"));
    }
    Ok(Policy::new(statements))
}

fn arn(stack: &str, kind: &str, name: &str) -> Result<Text, DeclareError> {
    Ok(Text::of(&Address::new(stack, kind, name)?, "arn"))
}

/// One statement for what a variable names.
fn allowed(meaning: Meaning, at: &Address) -> Option<Statement> {
    let itself = Text::of(at, "arn").to_string();
    let statement = match meaning {
        Meaning::Setting(_) | Meaning::Control | Meaning::RotationControl | Meaning::RotatedKey => {
            return None;
        }
        Meaning::AlarmTopic => Statement::allow(["sns:Publish"], [itself]),
        Meaning::Table(_, access) => Statement::allow(rows(access), [itself]),
        Meaning::Secret(_) => Statement::allow(["secretsmanager:GetSecretValue"], [itself]),
        Meaning::Key(KeyUse::Encrypt) => sealed(Statement::allow(["kms:Encrypt"], [itself])),
        Meaning::Key(KeyUse::Decrypt) => sealed(Statement::allow(["kms:Decrypt"], [itself])),
        Meaning::ContactList(ContactListUse::Read) => {
            Statement::allow(["ses:GetContact", "ses:ListContacts"], [itself])
        }
        Meaning::ContactList(ContactListUse::Update) => Statement::allow(
            ["ses:GetContact", "ses:ListContacts", "ses:CreateContact", "ses:UpdateContact"],
            [itself],
        ),
    };
    Some(statement.sid(&format!("{}{}", word(meaning), letters(at))))
}

/// To look at everything, to read what was applied, and to change the report on it.
fn comparing(control: &Address, environment: &Environment) -> Vec<Statement> {
    let itself = Text::of(control, "arn");
    let (all, report) = (itself.clone().then("/*"), itself.then(&format!("/{}", operations::REPORT)));
    let own = [
        Statement::allow(["s3:GetObject"], [all.to_string()]).sid("applied"),
        Statement::allow(["s3:PutObject"], [report.to_string()]).sid("report"),
    ];
    let (region, account) = (environment.region.as_str(), environment.account.as_str());
    own.into_iter().chain(reads::statements(region, account)).collect()
}

/// To read what was applied, to hold the lock, to go on with the journal, and to keep a report. What is absent is told
/// so only to who may list.
fn rotating(control: &Address) -> [Statement; 5] {
    let itself = Text::of(control, "arn");
    let object = |key: &str| itself.clone().then(&format!("/{key}")).to_string();
    let allow = |sid: &str, actions: &[&str], on: String| {
        let actions: Vec<String> = actions.iter().map(|action| format!("s3:{action}Object")).collect();
        Statement::allow(actions, [on]).sid(sid)
    };
    [
        allow("applied", &["Get"], object(operations::DECLARED)),
        allow("lock", &["Get", "Put", "Delete"], object(operations::LOCK)),
        allow("journal", &["Get", "Put"], object(&format!("{}*", operations::JOURNAL))),
        allow("report", &["Get", "Put"], object(operations::ROTATION_REPORT)),
        Statement::allow(["s3:ListBucket"], [itself.to_string()]).sid("objects"),
    ]
}

/// To put a key in the place of another: versions of the secret, whose values stay unread, and what CloudFront trusts,
/// which has no resource level (Service Authorization Reference, "Amazon CloudFront").
fn replacing(secret: &Address) -> [Statement; 2] {
    const VERSIONS: [&str; 4] = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:ListSecretVersionIds",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ];
    const TRUSTED: [&str; 8] = [
        "cloudfront:CreatePublicKey",
        "cloudfront:DeletePublicKey",
        "cloudfront:GetKeyGroup",
        "cloudfront:GetPublicKey",
        "cloudfront:ListDistributions",
        "cloudfront:ListKeyGroups",
        "cloudfront:ListPublicKeys",
        "cloudfront:UpdateKeyGroup",
    ];
    [
        Statement::allow(VERSIONS, [Text::of(secret, "arn").to_string()]).sid("versions"),
        Statement::allow(TRUSTED, ["*"]).sid("trusted"),
    ]
}

/// The key serves these tokens and nothing else, whoever holds the role.
fn sealed(statement: Statement) -> Statement {
    let (key, value) = TOKEN_PURPOSE;
    statement.when("StringEquals", &format!("kms:EncryptionContext:{key}"), value)
}

/// Tells statements on things of one name apart.
fn word(meaning: Meaning) -> &'static str {
    match meaning {
        Meaning::Setting(_) => "setting",
        Meaning::Table(..) => "table",
        Meaning::Secret(_) => "secret",
        Meaning::Key(KeyUse::Encrypt) => "seal",
        Meaning::Key(KeyUse::Decrypt) => "open",
        Meaning::ContactList(_) => "list",
        Meaning::Control | Meaning::RotationControl => "control",
        Meaning::RotatedKey => "key",
        Meaning::AlarmTopic => "tell",
    }
}

fn rows(access: Access) -> Vec<&'static str> {
    const READ: [&str; 3] = ["dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"];
    const WRITE: [&str; 5] = [
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:ConditionCheckItem",
    ];
    match access {
        Access::Read => READ.to_vec(),
        Access::Write => WRITE.to_vec(),
        Access::ReadWrite => [READ.as_slice(), WRITE.as_slice()].concat(),
    }
}

/// The indexes of a table that is read: resources of their own, which can be queried and no more.
fn queried(table: &Table, access: Access, at: &Address) -> Option<Statement> {
    let itself = Text::of(at, "arn").to_string();
    let indexes: Vec<String> =
        table.indexes.iter().map(|index| format!("{itself}/index/{}", index.name)).collect();
    let read = access != Access::Write && !indexes.is_empty();
    read.then(|| Statement::allow(["dynamodb:Query"], indexes).sid(&format!("index{}", letters(at))))
}

/// A name as statement ids may have it.
fn letters(at: &Address) -> String {
    at.name().chars().filter(char::is_ascii_alphanumeric).collect()
}
