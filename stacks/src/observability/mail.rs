//! Mail of both providers: how much, how well, and whether AWS is about to be displeased (R107-R110).
//!
//! Delivered is compared with bounced, not with sent: what is sent in one period is delivered in the next.

use contract::metric::{
    EMAILS_BOUNCED, EMAILS_CLICKED, EMAILS_COMPLAINED, EMAILS_DELIVERED, EMAILS_OPENED, EMAILS_SENT,
    EMAILS_UNSUBSCRIBED, FUNCTION, NAMESPACE, TEMPLATE_USAGE,
};
use kinds::{
    World,
    bound::DeclareError,
    kinds::{
        alarm::{Alarm, Comparison, Metric, MetricStat, MissingData, Number, Statistic},
        dashboard::{Content, Graph, Line, Rows},
        topic::Topic,
    },
};
use model::Ref;

use super::{HEIGHT, HOUR_S, STACK, lines, signed, writers, written};
use crate::Environment;

pub(super) fn declare(
    world: &mut World,
    environment: &Environment,
    told: &Ref<Topic>,
    rows: Rows,
) -> Result<Rows, DeclareError> {
    let limits = &environment.alarms.thresholds;
    let percent = signed(limits.delivered_percent);
    let of_ses = |name: &str| MetricStat::sum("AWS/SES", name).every(HOUR_S);
    let mut delivered = vec![("ses".to_owned(), of_ses("Delivery"), of_ses("Bounce"))];
    for function in writers(EMAILS_DELIVERED) {
        let metric = |name| written(name, function).every(HOUR_S);
        delivered.push((function.name.to_owned(), metric(EMAILS_DELIVERED), metric(EMAILS_BOUNCED)));
    }
    for (provider, good, bad) in delivered {
        let alarm = Alarm::outcome_below(good, bad, percent, limits.floor)
            .described(format!("Less than {percent} % of the mail that {provider} tells of is delivered."))
            .telling(told);
        world.add(STACK, &format!("{provider}-delivered"), alarm)?;
    }
    let bounced = f64::from(limits.bounced_percent) / 100.0;
    let complained = f64::from(limits.complained_per_ten_thousand) / 10_000.0;
    for (name, metric, above, what) in [
        ("ses-bounced", "Reputation.BounceRate", bounced, "bounces"),
        ("ses-complained", "Reputation.ComplaintRate", complained, "complaints"),
    ] {
        // The account's own figure, a fraction, over as many mails as AWS finds telling.
        let rate = MetricStat::sum("AWS/SES", metric).by(Statistic::Maximum).every(HOUR_S);
        let above = Number::try_from(above).expect("a quotient of small numbers");
        let alarm = Alarm {
            missing_data: MissingData::Ignore,
            ..Alarm::on(Metric::Single(rate), Comparison::Above, above)
        };
        let text = format!("So many {what} that AWS may stop the account's mail.");
        world.add(STACK, name, alarm.described(text).telling(told))?;
    }
    Ok(rows.heading("Mail").row(HEIGHT, graphs()).row(HEIGHT, [rates(), templates()]))
}

/// Volume, and what becomes of it.
fn graphs() -> [Content; 3] {
    let mailgun = [
        (EMAILS_DELIVERED, "delivered"),
        (EMAILS_OPENED, "opened"),
        (EMAILS_CLICKED, "clicked"),
        (EMAILS_BOUNCED, "bounced"),
        (EMAILS_COMPLAINED, "complaints"),
        (EMAILS_UNSUBSCRIBED, "unsubscribed"),
    ];
    let mailgun =
        mailgun.into_iter().flat_map(|(name, label)| lines(name).map(move |line| line.labelled(label)));
    let ses = ["Send", "Delivery", "Open", "Click", "Bounce", "Complaint"];
    let ses = ses.map(|name| Line::of(MetricStat::sum("AWS/SES", name)).labelled(&name.to_lowercase()));
    [
        Content::Graph(Graph::of("Mail sent, by function", lines(EMAILS_SENT))),
        Content::Graph(Graph::of("Campaigns: what became of the mail", mailgun)),
        Content::Graph(Graph::of("SES", ses)),
    ]
}

/// What part of the mail is delivered, opened, clicked and bounced, by the hour (R107).
fn rates() -> Content {
    let parts = [
        ("d", EMAILS_DELIVERED, "delivered", "d+b"),
        ("o", EMAILS_OPENED, "opened", "d"),
        ("c", EMAILS_CLICKED, "clicked", "d"),
        ("b", EMAILS_BOUNCED, "bounced", "d+b"),
    ];
    let counted = parts.iter().flat_map(|(id, name, _, _)| {
        writers(*name).map(move |function| Line::of(written(*name, function).every(HOUR_S)).hidden(id))
    });
    let drawn = parts.iter().map(|(id, _, label, of)| {
        Line::math(format!("IF({of}>0,100*{id}/({of}))")).labelled(&format!("{label} %"))
    });
    Content::Graph(Graph::of("Campaigns: per cent", counted.chain(drawn)))
}

/// How often each template is sent: a metric has each as a dimension.
fn templates() -> Content {
    let search = format!(
        "SEARCH('{{{NAMESPACE},{FUNCTION},template}} MetricName=\"{}\"', 'Sum', {HOUR_S})",
        TEMPLATE_USAGE.text()
    );
    Content::Graph(Graph::of("Mail by template", [Line::math(search)]))
}
