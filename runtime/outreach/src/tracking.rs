//! `tracking-data`: events of messages from our own rows, the oldest first (R28-R30).

use std::sync::Arc;

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use contract::{
    function::TrackingData,
    outreach::{self, EventType, Pagination, TrackingDataResponse},
    reply::VERSION,
    table::Events,
};
use futures::{StreamExt, TryStreamExt};
use subscription::Recipient;
use support::{
    Call, Failed, Reply, Request,
    address::is_address,
    table::{Reader, number, text},
};

use crate::{
    caller,
    event::{EVENT, Row},
    period::{Page, Period},
};

/// Days that are looked at without dates, message and recipient.
const USUAL_DAYS: i64 = 7;
/// Days that are counted at the same time.
const AT_ONCE: usize = 8;
/// Events of one message or recipient that are looked at.
const MOST: usize = 20_000;

/// What is asked for.
struct Filter {
    message: Option<String>,
    recipient: Option<Recipient>,
    kind: Option<EventType>,
    period: Option<Period>,
}

pub(crate) async fn handle(request: Request, call: Arc<Call<TrackingData>>) -> Result<Reply, Failed> {
    let variables = &call.variables;
    let firebase = (&variables.firebase, &variables.firebase_keys);
    caller::admitted(&request, &call, firebase, &variables.limits).await?;
    let page = Page::asked(&request)?;
    let now_ms = call.clock.now_ms();
    let filter = Filter::asked(&request, now_ms)?;
    let rows = Reader::<Events>::of(&variables.events, &call.aws, call.clock);
    let (total, found) = if filter.message.is_some() || filter.recipient.is_some() {
        let mut all = filter.all(&rows).await?;
        all.retain(|row| filter.admits(row));
        all.sort_by(|left, right| (left.timestamp, &left.event).cmp(&(right.timestamp, &right.event)));
        (all.len(), all.into_iter().skip(page.offset).take(page.limit).collect())
    } else {
        let period = filter.period.unwrap_or(Period::last(USUAL_DAYS, now_ms)).kept(now_ms, &variables.days);
        by_days(&rows, filter.kind, period, page).await?
    };
    let has_more = page.offset.saturating_add(found.len()) < total;
    let body = TrackingDataResponse {
        success: true,
        data: outreach::TrackingData {
            events: found.into_iter().map(Row::shown).collect(),
            pagination: Pagination { total, limit: page.limit, offset: page.offset, has_more },
        },
        timestamp: call.clock.timestamp(),
        version: VERSION.to_owned(),
    };
    Ok(Reply::json(200, &body))
}

impl Filter {
    fn asked(request: &Request, now_ms: i64) -> Result<Self, Failed> {
        let given = |name: &str| request.parameter(name).map(str::trim).filter(|text| !text.is_empty());
        let recipient = given("recipientEmail").map(|address| {
            let valid = Some(address).filter(|address| is_address(address)).and_then(Recipient::parse);
            valid.ok_or_else(|| Failed::invalid("recipientEmail: the address is not valid"))
        });
        let kind = given("eventType").map(|name| {
            let mut asked = EventType::ALL.into_iter().filter(|kind| *kind != EventType::TemporaryFail);
            let kind = asked.find(|kind| kind.name() == name);
            kind.ok_or_else(|| {
                Failed::invalid(
                    "eventType: one of delivered, opened, clicked, bounced, complained, unsubscribed",
                )
            })
        });
        let message = given("messageId").map(|id| id.trim_matches(['<', '>']).to_owned());
        if message.as_ref().is_some_and(|id| id.is_empty() || id.len() > 1024) {
            return Err(Failed::invalid("messageId: not valid"));
        }
        Ok(Self {
            message,
            recipient: recipient.transpose()?,
            kind: kind.transpose()?,
            period: Period::asked(request, now_ms, USUAL_DAYS)?,
        })
    }

    /// The events of the message, or of the recipient.
    async fn all(&self, rows: &Reader<Events>) -> Result<Vec<Row>, Failed> {
        let whole = Period { from_ms: 0, to_ms: i64::MAX };
        let query = match (&self.message, &self.recipient) {
            (Some(message), _) => rows
                .query()
                .key_condition_expression("#message = :message AND begins_with(#event, :event)")
                .expression_attribute_names("#message", "messageId")
                .expression_attribute_names("#event", "event")
                .expression_attribute_values(":message", text(message.as_str()))
                .expression_attribute_values(":event", text(EVENT)),
            (None, Some(who)) => {
                within(rows, "by_recipient", ("recipient", who.address()), self.period.unwrap_or(whole))
            }
            (None, None) => return Ok(Vec::new()),
        };
        rows.all(query, MOST).await
    }

    fn admits(&self, row: &Row) -> bool {
        let of = |recipient: &Recipient| recipient.address() == row.recipient;
        self.recipient.as_ref().is_none_or(of)
            && self.kind.is_none_or(|kind| kind == row.kind)
            && self.period.is_none_or(|of| (of.from_ms..=of.to_ms).contains(&row.timestamp))
    }
}

/// Counts every day of the period, and reads only those days that the page is in.
async fn by_days(
    rows: &Reader<Events>,
    kind: Option<EventType>,
    period: Period,
    page: Page,
) -> Result<(usize, Vec<Row>), Failed> {
    let of_day = |day: &str| match kind {
        Some(kind) => within(rows, "by_type", ("typeDay", &format!("{}#{day}", kind.name())), period),
        None => within(rows, "by_day", ("day", day), period),
    };
    let counts = futures::stream::iter(period.days()).map(|day| {
        let query = of_day(&day);
        async move { Ok::<_, Failed>((day, rows.count(query).await?)) }
    });
    let counts: Vec<(String, usize)> = counts.buffered(AT_ONCE).try_collect().await?;
    let total = counts.iter().map(|(_, count)| count).sum();
    let (mut before, mut found) = (0_usize, Vec::new());
    for (day, count) in counts {
        let (skip, left) = (page.offset.saturating_sub(before), page.limit - found.len());
        before += count;
        if skip >= count || left == 0 {
            continue;
        }
        let all: Vec<Row> = rows.all(of_day(&day), skip + left).await?;
        found.extend(all.into_iter().skip(skip));
    }
    Ok((total, found))
}

fn within(
    rows: &Reader<Events>,
    index: &'static str,
    (name, value): (&str, &str),
    period: Period,
) -> QueryFluentBuilder {
    rows.query_index(index)
        .key_condition_expression("#of = :of AND #at BETWEEN :from AND :to")
        .expression_attribute_names("#of", name)
        .expression_attribute_names("#at", "timestamp")
        .expression_attribute_values(":of", text(value))
        .expression_attribute_values(":from", number(period.from_ms))
        .expression_attribute_values(":to", number(period.to_ms))
}
