//! Another hand: somebody who changes the account past `dn`, with nothing but the AWS SDK.

use aws_sdk_sqs::types::QueueAttributeName;
use sandbox::Account;

use crate::project::Project;

/// Makes one change, or tells what is there.
///
/// | `hand …` | does |
/// | --- | --- |
/// | `sqs visibility QUEUE SECONDS` | `SetQueueAttributes` |
/// | `sqs untag QUEUE TAG` | `UntagQueue` |
/// | `sqs delete QUEUE` | `DeleteQueue` |
/// | `s3 open BUCKET` | `DeletePublicAccessBlock` |
/// | `left` | tells what carries our tags in the account's own files |
/// | `dynamodb put TABLE KEY=VALUE …` | `PutItem` |
pub(super) fn act(project: &Project, words: &[&str]) -> Vec<String> {
    let account = project.account();
    if words == ["left"] {
        return left(&account);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        match words {
            ["sqs", rest @ ..] => sqs(&account, rest).await,
            ["s3", "open", bucket] => {
                let client = aws_sdk_s3::Client::new(&account.sdk_config());
                client.delete_public_access_block().bucket(*bucket).send().await.expect("the bucket is open");
            }
            ["dynamodb", "put", table, item @ ..] => {
                let client = aws_sdk_dynamodb::Client::new(&account.sdk_config());
                let mut put = client.put_item().table_name(*table);
                for pair in item {
                    let (key, value) = pair.split_once('=').expect("KEY=VALUE");
                    put = put.item(key, aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned()));
                }
                put.send().await.expect("the item is put");
            }
            _ => panic!("hand {}: no such change", words.join(" ")),
        }
    });
    Vec::new()
}

/// Looks past every API, into what the account keeps.
fn left(account: &Account) -> Vec<String> {
    let documents = account.documents();
    let all = documents.iter().flat_map(|(sort, ids)| ids.iter().map(move |(id, value)| (sort, id, value)));
    let ours = all.filter(|(_, _, value)| value.to_string().contains("dn:stage"));
    ours.map(|(sort, id, _)| format!("{sort} {id}")).collect()
}

async fn sqs(account: &Account, words: &[&str]) {
    let client = aws_sdk_sqs::Client::new(&account.sdk_config());
    let name = words.get(1).expect("a queue");
    let url = client.get_queue_url().queue_name(*name).send().await.expect("the queue").queue_url;
    let url = url.expect("a URL");
    match words {
        ["visibility", _, seconds] => {
            let visibility = QueueAttributeName::VisibilityTimeout;
            let set = client.set_queue_attributes().queue_url(url).attributes(visibility, *seconds);
            set.send().await.expect("the attribute is set");
        }
        ["untag", _, tag] => {
            client.untag_queue().queue_url(url).tag_keys(*tag).send().await.expect("the tag is gone");
        }
        ["delete", _] => {
            client.delete_queue().queue_url(url).send().await.expect("the queue is gone");
        }
        _ => panic!("hand sqs {}: no such change", words.join(" ")),
    }
}
