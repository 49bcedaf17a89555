//! `campaign-stats`, counted from our own rows (R24-R27, R37).

use std::{collections::BTreeMap, sync::Arc};

use contract::{
    function::CampaignStats,
    outreach::{self, CampaignMetrics, CampaignStatsResponse},
    reply::VERSION,
    table::Messages,
};
use futures::{StreamExt, TryStreamExt};
use serde::Deserialize;
use support::{
    Call, Failed, Reply, Request,
    table::{Reader, number, text},
};

use crate::{
    caller,
    period::{Page, Period},
};

/// Days that are looked at without dates.
const USUAL_DAYS: i64 = 30;
/// Days that are read at the same time.
const AT_ONCE: usize = 8;
/// The attributes that are counted, as an expression and its names.
const COUNTED: &[&str] = &[
    "campaignId",
    "sent",
    "tags",
    "delivered",
    "opened",
    "clicked",
    "bounced",
    "complained",
    "unsubscribed",
];

/// The numbers of one message.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Row {
    campaign_id: String,
    tags: Vec<String>,
    sent: u64,
    delivered: u64,
    opened: u64,
    clicked: u64,
    bounced: u64,
    complained: u64,
    unsubscribed: u64,
}

pub(crate) async fn handle(request: Request, call: Arc<Call<CampaignStats>>) -> Result<Reply, Failed> {
    let variables = &call.variables;
    let firebase = (&variables.firebase, &variables.firebase_keys);
    caller::admitted(&request, &call, firebase, &variables.limits).await?;
    let page = Page::asked(&request)?;
    let now_ms = call.clock.now_ms();
    let period = Period::asked(&request, now_ms, USUAL_DAYS)?;
    let campaign = request.parameter("campaignId").filter(|name| !name.is_empty());
    let tags = tags(&request);
    let rows = Reader::<Messages>::of(&variables.messages, &call.aws, call.clock);
    let mut counted = BTreeMap::new();
    match campaign {
        Some(campaign) => {
            let whole = Period { from_ms: 0, to_ms: i64::MAX };
            let found = of_campaign(&rows, campaign, period.unwrap_or(whole)).await?;
            count(&mut counted, found, &tags);
        }
        None => {
            let period = period.unwrap_or(Period::last(USUAL_DAYS, now_ms)).kept(now_ms, &variables.days);
            let days = futures::stream::iter(period.days()).map(|day| of_day(&rows, day, period));
            let mut days = days.buffered(AT_ONCE);
            while let Some(found) = days.try_next().await? {
                count(&mut counted, found, &tags);
            }
        }
    }
    let body = CampaignStatsResponse {
        success: true,
        data: summed(counted, page),
        timestamp: call.clock.timestamp(),
        version: VERSION.to_owned(),
    };
    Ok(Reply::json(200, &body))
}

/// Repeated, or separated by commas (A29).
fn tags(request: &Request) -> Vec<String> {
    let given = ["tags", "tags[]"].into_iter().filter_map(|name| request.query.get(name)).flatten();
    let tags = given.flat_map(|tags| tags.split(',')).map(str::trim).filter(|tag| !tag.is_empty());
    tags.map(str::to_owned).collect()
}

async fn of_campaign(rows: &Reader<Messages>, campaign: &str, period: Period) -> Result<Vec<Row>, Failed> {
    found(rows, "by_campaign", ("campaignId", campaign), period).await
}

async fn of_day(rows: &Reader<Messages>, day: String, period: Period) -> Result<Vec<Row>, Failed> {
    found(rows, "by_day", ("day", &day), period).await
}

async fn found(
    rows: &Reader<Messages>,
    index: &'static str,
    (name, value): (&str, &str),
    period: Period,
) -> Result<Vec<Row>, Failed> {
    let expiry = "expirationTime";
    let mut query = rows
        .query_index(index)
        .key_condition_expression("#of = :of AND #at BETWEEN :from AND :to")
        .expression_attribute_names("#of", name)
        .expression_attribute_names("#at", "sentAt")
        .expression_attribute_names("#expiry", expiry)
        .expression_attribute_values(":of", text(value))
        .expression_attribute_values(":from", number(period.from_ms))
        .expression_attribute_values(":to", number(period.to_ms));
    let mut wanted = vec!["#expiry".to_owned()];
    for attribute in COUNTED {
        query = query.expression_attribute_names(format!("#{attribute}"), *attribute);
        wanted.push(format!("#{attribute}"));
    }
    rows.all(query.projection_expression(wanted.join(", ")), usize::MAX).await
}

fn count(counted: &mut BTreeMap<String, Row>, rows: Vec<Row>, tags: &[String]) {
    for row in rows {
        if !tags.is_empty() && !row.tags.iter().any(|tag| tags.contains(tag)) {
            continue;
        }
        let sum = counted.entry(row.campaign_id.clone()).or_default();
        sum.add(&row);
    }
}

impl Row {
    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.delivered += other.delivered;
        self.opened += other.opened;
        self.clicked += other.clicked;
        self.bounced += other.bounced;
        self.complained += other.complained;
        self.unsubscribed += other.unsubscribed;
    }
}

/// The sums of all campaigns, and a page of the campaigns by name.
fn summed(counted: BTreeMap<String, Row>, page: Page) -> outreach::CampaignStats {
    let mut all = Row::default();
    counted.values().for_each(|row| all.add(row));
    let campaigns =
        counted.into_iter().skip(page.offset).take(page.limit).map(|(name, row)| CampaignMetrics {
            name,
            sent: row.sent,
            delivered: row.delivered,
            opens: row.opened,
            clicks: row.clicked,
        });
    outreach::CampaignStats {
        total_sent: all.sent,
        delivered: all.delivered,
        opens: all.opened,
        clicks: all.clicked,
        bounces: all.bounced,
        complaints: all.complained,
        unsubscribes: all.unsubscribed,
        delivery_rate: percent(all.delivered, all.sent),
        open_rate: percent(all.opened, all.delivered),
        click_rate: percent(all.clicked, all.opened),
        campaigns: campaigns.collect(),
    }
}

/// With two decimals; 0 of nothing (R26).
fn percent(part: u64, of: u64) -> f64 {
    if of == 0 {
        return 0.0;
    }
    (part as f64 * 10_000.0 / of as f64).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_worked_example() {
        let row = Row { sent: 1250, delivered: 1198, opened: 456, clicked: 89, ..Row::default() };
        let stats = summed(BTreeMap::from([("a".to_owned(), row)]), Page { limit: 100, offset: 0 });
        assert_eq!((stats.delivery_rate, stats.open_rate, stats.click_rate), (95.84, 38.06, 19.52));
        let none = summed(BTreeMap::new(), Page { limit: 100, offset: 0 });
        assert_eq!((none.delivery_rate, none.open_rate, none.click_rate), (0.0, 0.0, 0.0));
    }
}
