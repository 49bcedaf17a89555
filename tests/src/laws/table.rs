//! Examples of tables.

use kinds::kinds::{
    key::Key,
    table::{Attribute, Billing, Class, Encryption, Index, Recovery, StreamView, Table},
};
use model::policy::Policy;

use super::{Example, hold};

mod guards;
mod seasons;

/// DynamoDB as an application or another hand sees it.
fn client(account: &sandbox::Account) -> aws_sdk_dynamodb::Client {
    let config = account.sdk_config().to_builder();
    // Refusals are looked at, not retried.
    aws_sdk_dynamodb::Client::from_conf(
        aws_sdk_dynamodb::config::Builder::from(&config.build())
            .retry_config(aws_sdk_dynamodb::config::retry::RetryConfig::disabled())
            .build(),
    )
}

fn plain() -> Table {
    Table::on_demand(Attribute::text("id"))
}

fn rich() -> Table {
    Table {
        billing: Billing::Provisioned { read: 5, write: 5 },
        ttl: Some("expires_at".to_owned()),
        point_in_time_recovery: Some(Recovery { days: 7 }),
        encryption: Encryption::AwsManaged,
        stream: Some(StreamView::NewAndOld),
        class: Class::InfrequentAccess,
        ..plain()
    }
    .sorted_by(Attribute::number("at"))
    .index("by_day", Index::on(Attribute::text("day")).sorted_by(Attribute::number("at")))
    .index("by_mail", Index::on(Attribute::text("mail")).keys_only())
}

fn plain_table() -> Example<Table> {
    Example {
        name: "plain",
        declare: |_| plain(),
        mutations: &[
            ("hash", |table| table.hash = Attribute::number("id")),
            ("range", |table| table.range = Some(Attribute::text("at"))),
            ("index", |table| *table = plain().index("by_day", Index::on(Attribute::text("day")))),
            ("index", |table| {
                let by_day = Index::on(Attribute::text("day")).sorted_by(Attribute::binary("id2"));
                let by_mail = Index::on(Attribute::text("mail")).include(["day", "name"]);
                *table = plain().index("by_day", by_day).index("by_mail", by_mail);
            }),
            ("billing", |table| table.billing = Billing::Provisioned { read: 2, write: 3 }),
            ("billing", |table| {
                table.billing = Billing::OnDemand { read_max: Some(100), write_max: None };
            }),
            ("ttl", |table| table.ttl = Some("expires_at".to_owned())),
            ("point_in_time_recovery", |table| table.point_in_time_recovery = Some(Recovery::DEFAULT)),
            ("deletion_protection", |table| table.deletion_protection = true),
            ("encryption", |table| table.encryption = Encryption::AwsManaged),
            ("stream", |table| table.stream = Some(StreamView::Keys)),
            ("class", |table| table.class = Class::InfrequentAccess),
        ],
    }
}

fn rich_table() -> Example<Table> {
    Example {
        name: "everything set",
        declare: |_| rich(),
        mutations: &[
            ("range", |table| table.range = None),
            // Other keys: deleted and made again.
            ("index", |table| {
                *table = table.clone().index("by_day", Index::on(Attribute::number("day")).keys_only());
            }),
            ("index", |table| drop(table.indexes.remove("by_mail"))),
            ("index", |table| {
                let by_mail = table.indexes.get_mut("by_mail").expect("an index");
                by_mail.billing = Some(Billing::Provisioned { read: 9, write: 5 });
            }),
            ("billing", |table| table.billing = Billing::Provisioned { read: 5, write: 6 }),
            ("billing", |table| table.billing = Billing::ON_DEMAND),
            ("billing", |table| {
                table.billing = Billing::OnDemand { read_max: Some(10), write_max: Some(20) };
            }),
            ("ttl", |table| table.ttl = None),
            ("point_in_time_recovery", |table| {
                table.point_in_time_recovery = Some(Recovery { days: 35 });
            }),
            ("point_in_time_recovery", |table| table.point_in_time_recovery = None),
            ("encryption", |table| table.encryption = Encryption::AwsOwned),
            ("stream", |table| table.stream = Some(StreamView::Old)),
            ("stream", |table| table.stream = None),
            ("class", |table| table.class = Class::Standard),
        ],
    }
}

fn limited_table() -> Example<Table> {
    Example {
        name: "limited, with a key",
        declare: |world| {
            let key = Key::symmetric(Policy::new([Key::owner(super::ACCOUNT)]));
            let key = world.add("laws", "items", key).expect("an address");
            Table {
                billing: Billing::OnDemand { read_max: Some(10), write_max: Some(20) },
                encryption: Encryption::Key(key.arn()),
                ..plain()
            }
            .index("by_day", Index::on(Attribute::text("day")))
        },
        mutations: &[
            ("index", |table| {
                let by_day = table.indexes.get_mut("by_day").expect("an index");
                by_day.billing = Some(Billing::ON_DEMAND);
            }),
            ("billing", |table| {
                table.billing = Billing::OnDemand { read_max: None, write_max: Some(20) };
            }),
            ("billing", |table| table.billing = Billing::Provisioned { read: 1, write: 1 }),
            ("encryption", |table| table.encryption = Encryption::AwsManaged),
            ("encryption", |table| table.encryption = Encryption::AwsOwned),
        ],
    }
}

pub(crate) fn examples() -> [Example<Table>; 3] {
    [plain_table(), rich_table(), limited_table()]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_table() {
    hold(&examples()).await;
}
