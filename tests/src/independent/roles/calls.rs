//! A permission as the call that needs it.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, DeleteRequest, KeysAndAttributes, TransactWriteItem, WriteRequest,
};
use aws_sdk_kms::primitives::Blob;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use contract::table::{Table, Type};
use model::Declared;

use crate::policies::needs::Need;

/// What came of a call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was done, or authorized and then not found.
    Done,
    /// No policy allows it.
    Refused,
    /// Something else: its code.
    Failed(String),
}

/// Somebody's clients.
pub(super) struct Caller {
    dynamodb: aws_sdk_dynamodb::Client,
    kms: aws_sdk_kms::Client,
    secrets: aws_sdk_secretsmanager::Client,
    mail: aws_sdk_sesv2::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
    queues: aws_sdk_sqs::Client,
}

/// By address.
pub(super) type Arns = BTreeMap<String, String>;

fn outcome<T, E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<T, E>) -> Outcome {
    let Err(error) = answer else { return Outcome::Done };
    match error.code() {
        Some(code) if code.contains("AccessDenied") => Outcome::Refused,
        // Authorized, and then there is no such stream, contact or message.
        Some("ResourceNotFoundException" | "NotFoundException" | "ReceiptHandleIsInvalid") => Outcome::Done,
        Some("ResourceAlreadyExistsException" | "TransactionCanceledException") => Outcome::Done,
        code => Outcome::Failed(format!("{} {error:?}", code.unwrap_or("no code"))),
    }
}

impl Caller {
    pub(super) fn of(config: &SdkConfig) -> Self {
        Self {
            dynamodb: aws_sdk_dynamodb::Client::new(config),
            kms: aws_sdk_kms::Client::new(config),
            secrets: aws_sdk_secretsmanager::Client::new(config),
            mail: aws_sdk_sesv2::Client::new(config),
            logs: aws_sdk_cloudwatchlogs::Client::new(config),
            queues: aws_sdk_sqs::Client::new(config),
        }
    }

    /// What names alone do not tell is asked.
    pub(super) async fn arns(&self, declared: &[Declared]) -> Arns {
        let mut arns = Arns::new();
        for one in declared {
            let arn = match one.address.kind() {
                "secret" => {
                    let answer = self.secrets.describe_secret().secret_id(&one.physical).send().await;
                    answer.expect("a secret").arn().map(str::to_owned)
                }
                "key" => {
                    let alias = one.known.get("alias").expect("an alias");
                    let answer = self.kms.describe_key().key_id(alias).send().await;
                    let about = answer.expect("a key").key_metadata;
                    about.and_then(|about| about.arn)
                }
                _ => one.known.get("arn").cloned(),
            };
            arns.extend(arn.map(|arn| (one.address.to_string(), arn)));
        }
        arns.insert(
            "shared/contact list/contacts".to_owned(),
            "arn:aws:ses:us-east-1:000000000000:contact-list/dn-test-contacts".to_owned(),
        );
        arns
    }

    /// Gives every secret a value.
    pub(super) async fn fill(&self, arns: &Arns) {
        for arn in arns.values().filter(|arn| arn.contains(":secret:")) {
            let put = self.secrets.put_secret_value().secret_id(arn).secret_string("{}").send();
            put.await.expect("the owner may do all");
        }
    }

    /// Makes the call of a need. `owner` makes what there must be for it.
    pub(super) async fn call(&self, need: &Need, owner: &Self) -> Outcome {
        match need.action.split_once(':') {
            Some(("dynamodb", verb)) => self.rows(verb, &need.resource).await,
            Some(("kms", verb)) => self.key(verb, need, owner).await,
            Some(("secretsmanager", verb)) => self.secret(verb, &need.resource).await,
            Some(("ses", verb)) => self.contacts(verb, &need.resource).await,
            Some(("logs", verb)) => self.lines(verb, &need.resource, owner).await,
            Some(("sqs", verb)) => self.messages(verb, &need.resource).await,
            _ => panic!("nobody knows how to call {}", need.action),
        }
    }

    async fn rows(&self, verb: &str, arn: &str) -> Outcome {
        let (table, index) = match arn.split_once("/index/") {
            Some((table, index)) => (table, Some(index)),
            None => (arn, None),
        };
        let name = table.rsplit('/').next().expect("a name");
        let key = key_of(name);
        let client = &self.dynamodb;
        match verb {
            "GetItem" => outcome(client.get_item().table_name(name).set_key(Some(key)).send().await),
            "PutItem" => outcome(client.put_item().table_name(name).set_item(Some(key)).send().await),
            "UpdateItem" => outcome(client.update_item().table_name(name).set_key(Some(key)).send().await),
            "DeleteItem" => outcome(client.delete_item().table_name(name).set_key(Some(key)).send().await),
            "Scan" => {
                outcome(client.scan().table_name(name).set_index_name(index.map(str::to_owned)).send().await)
            }
            "BatchGetItem" => {
                let keys = KeysAndAttributes::builder().keys(key).build().expect("keys");
                outcome(client.batch_get_item().request_items(name, keys).send().await)
            }
            "BatchWriteItem" => {
                let gone = DeleteRequest::builder().set_key(Some(key)).build().expect("a key");
                let write = WriteRequest::builder().delete_request(gone).build();
                outcome(client.batch_write_item().request_items(name, vec![write]).send().await)
            }
            "ConditionCheckItem" => {
                let check = ConditionCheck::builder()
                    .table_name(name)
                    .set_key(Some(key))
                    .condition_expression("attribute_not_exists(nothing)")
                    .build()
                    .expect("a check");
                let item = TransactWriteItem::builder().condition_check(check).build();
                outcome(client.transact_write_items().transact_items(item).send().await)
            }
            "Query" => {
                let (attribute, value) = hash_of(name, index);
                let query = client
                    .query()
                    .table_name(name)
                    .set_index_name(index.map(str::to_owned))
                    .key_condition_expression("#hash = :hash")
                    .expression_attribute_names("#hash", attribute)
                    .expression_attribute_values(":hash", value);
                outcome(query.send().await)
            }
            other => panic!("nobody knows how to call dynamodb:{other}"),
        }
    }

    async fn key(&self, verb: &str, need: &Need, owner: &Self) -> Outcome {
        let context = need.context.as_ref().map(|(key, value)| {
            let name = key.rsplit(':').next().expect("a key").to_owned();
            std::collections::HashMap::from([(name, (*value).to_owned())])
        });
        match verb {
            "Encrypt" => {
                let sealed = self.kms.encrypt().key_id(&need.resource).set_encryption_context(context);
                outcome(sealed.plaintext(Blob::new("token")).send().await)
            }
            "Decrypt" => {
                let neighbour = need.resource.ends_with("-other");
                // A key that is not there has sealed nothing: any text will do to be refused.
                let sealed =
                    if neighbour { Blob::new("sealed") } else { owner.sealed(need, context.clone()).await };
                let opened = self.kms.decrypt().key_id(&need.resource).ciphertext_blob(sealed);
                outcome(opened.set_encryption_context(context).send().await)
            }
            other => panic!("nobody knows how to call kms:{other}"),
        }
    }

    async fn sealed(&self, need: &Need, context: Option<std::collections::HashMap<String, String>>) -> Blob {
        let sealed = self.kms.encrypt().key_id(&need.resource).set_encryption_context(context);
        let sealed = sealed.plaintext(Blob::new("token")).send().await.expect("the owner may do all");
        sealed.ciphertext_blob.expect("a ciphertext")
    }

    async fn secret(&self, verb: &str, arn: &str) -> Outcome {
        match verb {
            "GetSecretValue" => outcome(self.secrets.get_secret_value().secret_id(arn).send().await),
            "PutSecretValue" => {
                outcome(self.secrets.put_secret_value().secret_id(arn).secret_string("x").send().await)
            }
            other => panic!("nobody knows how to call secretsmanager:{other}"),
        }
    }

    async fn contacts(&self, verb: &str, arn: &str) -> Outcome {
        let list = arn.rsplit('/').next().expect("a name");
        let who = "a@example.com";
        let client = &self.mail;
        match verb {
            "GetContact" => {
                outcome(client.get_contact().contact_list_name(list).email_address(who).send().await)
            }
            "ListContacts" => outcome(client.list_contacts().contact_list_name(list).send().await),
            "CreateContact" => {
                outcome(client.create_contact().contact_list_name(list).email_address(who).send().await)
            }
            "UpdateContact" => {
                outcome(client.update_contact().contact_list_name(list).email_address(who).send().await)
            }
            "DeleteContact" => {
                outcome(client.delete_contact().contact_list_name(list).email_address(who).send().await)
            }
            other => panic!("nobody knows how to call ses:{other}"),
        }
    }

    async fn lines(&self, verb: &str, arn: &str, owner: &Self) -> Outcome {
        let (group, stream) = arn.split_once(":log-stream:").expect("a stream");
        let group = group.split_once(":log-group:").expect("a group").1;
        let client = &self.logs;
        match verb {
            "CreateLogStream" => {
                outcome(client.create_log_stream().log_group_name(group).log_stream_name(stream).send().await)
            }
            "DeleteLogStream" => {
                outcome(client.delete_log_stream().log_group_name(group).log_stream_name(stream).send().await)
            }
            "PutLogEvents" => {
                // That it may be there already is fine.
                let made = owner.logs.create_log_stream().log_group_name(group).log_stream_name(stream);
                let _ = made.send().await;
                let line = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder()
                    .message("x")
                    .timestamp(1_763_800_000_000)
                    .build()
                    .expect("a line");
                let put = client.put_log_events().log_group_name(group).log_stream_name(stream);
                outcome(put.log_events(line).send().await)
            }
            other => panic!("nobody knows how to call logs:{other}"),
        }
    }

    async fn messages(&self, verb: &str, arn: &str) -> Outcome {
        let parts: Vec<&str> = arn.rsplitn(3, ':').collect();
        let url = format!("http://localhost/{}/{}", parts[1], parts[0]);
        let client = &self.queues;
        match verb {
            "ReceiveMessage" => outcome(client.receive_message().queue_url(url).send().await),
            "DeleteMessage" => {
                outcome(client.delete_message().queue_url(url).receipt_handle("none").send().await)
            }
            "GetQueueAttributes" => outcome(client.get_queue_attributes().queue_url(url).send().await),
            "SendMessage" => outcome(client.send_message().queue_url(url).message_body("x").send().await),
            "PurgeQueue" => outcome(client.purge_queue().queue_url(url).send().await),
            other => panic!("nobody knows how to call sqs:{other}"),
        }
    }
}

/// The shape of a table by its physical name; that of a neighbour is the same.
fn shape(name: &str) -> Table {
    let name = name.trim_start_matches("dn-test-").trim_end_matches("-other");
    let all = contract::function::FUNCTIONS.iter().flat_map(|function| function.variables);
    let mut tables = all.filter_map(|variable| match variable.meaning {
        contract::variable::Meaning::Table(table, _) => Some(table),
        _ => None,
    });
    tables.find(|table| table.name == name).unwrap_or_else(|| panic!("{name} is no table"))
}

fn value(of: Type) -> AttributeValue {
    match of {
        Type::Text => AttributeValue::S("x".to_owned()),
        Type::Number => AttributeValue::N("1".to_owned()),
    }
}

fn key_of(name: &str) -> std::collections::HashMap<String, AttributeValue> {
    let table = shape(name);
    let attributes = std::iter::once(table.hash).chain(table.range);
    attributes.map(|one| (one.name.to_owned(), value(one.of))).collect()
}

fn hash_of(name: &str, index: Option<&str>) -> (&'static str, AttributeValue) {
    let table = shape(name);
    let hash = match index {
        Some(index) => table.indexes.iter().find(|one| one.name == index).expect("an index").hash,
        None => table.hash,
    };
    (hash.name, value(hash.of))
}
