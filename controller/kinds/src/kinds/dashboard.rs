//! A CloudWatch dashboard. Outputs: `arn`, `name`.
//!
//! Surprises (aws-semantics 13): dashboards are of the whole account, not of a Region, and their ARN names none;
//! `PutDashboard` replaces the whole body, and its tags count only at creation; a body is compared as a tree, because
//! CloudWatch keeps the text as it was given, by whatever hand; a widget without a place is put somewhere, so each
//! has one. What is there is read as it is ([`Content::Raw`]), so nothing that the console can draw is overlooked.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudwatch::types::DashboardValidationMessage;
use futures::future::try_join_all;
use model::{Address, Fault, Fields, Outputs, Tags};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::alarm::{sdk_tags, sync_tags, tags_of};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

mod layout;
mod widget;

pub use layout::{Area, Rows};
pub use widget::{Content, Graph, Line, Threshold, View, Widget};

reads!(aws_sdk_cloudwatch:
    get_dashboard GetDashboardFluentBuilder,
    list_dashboards ListDashboardsFluentBuilder,
);

const ABSENT: &[&str] = &["ResourceNotFound", "ResourceNotFoundException", "DashboardNotFoundError"];
/// CloudWatch quotas.
const WIDGETS_MAX: usize = 500;
const METRICS_OF_WIDGET_MAX: usize = 500;
const METRICS_MAX: usize = 2_500;
const NAME_MAX: usize = 255;

/// Graphs, texts and alarms on one page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dashboard {
    /// Of metrics and logs whose widget names no other.
    pub region: String,
    /// What is shown at first: back from now, such as `-PT6H`, or since a time. `None` is three hours.
    pub start: Option<String>,
    /// Whether graphs keep their own period, whatever time is shown; `None` leaves it to the console.
    pub own_periods: Option<bool>,
    /// Members of the body that have no field here, such as `end` and `variables`.
    pub others: BTreeMap<String, Value>,
    /// In any order: each has its place.
    pub widgets: Vec<Widget>,
}

impl Dashboard {
    /// A dashboard that shows the last twelve hours.
    #[must_use]
    pub fn of(region: &str, rows: Rows) -> Self {
        Self {
            region: region.to_owned(),
            start: Some("-PT12H".to_owned()),
            own_periods: None,
            others: BTreeMap::new(),
            widgets: rows.widgets(),
        }
    }

    /// Widgets as CloudWatch has them, in the order of their places.
    fn drawn(&self) -> Vec<Value> {
        let mut drawn: Vec<Value> =
            self.widgets.iter().map(|widget| normal(widget.draw(&self.region))).collect();
        drawn.sort_by_key(|widget| (widget["y"].as_u64(), widget["x"].as_u64()));
        drawn
    }

    fn body(&self) -> Value {
        let mut body: Map<String, Value> =
            self.others.iter().map(|(name, value)| (name.clone(), normal(value.clone()))).collect();
        if let Some(start) = &self.start {
            body.insert("start".to_owned(), start.as_str().into());
        }
        if let Some(own) = self.own_periods {
            body.insert("periodOverride".to_owned(), if own { "inherit" } else { "auto" }.into());
        }
        body.insert("widgets".to_owned(), self.drawn().into());
        body.into()
    }

    fn read(at: &Place, body: &str, scope: &Scope) -> Result<Self, Fault> {
        let unreadable = |error: String| {
            Fault::refused(&at.address, format!("the body that is there cannot be read: {error}"))
                .hint("delete that dashboard by hand, or give this one another name in the environment")
        };
        let mut body: Map<String, Value> =
            serde_json::from_str(body).map_err(|error| unreadable(error.to_string()))?;
        let widgets = match body.remove("widgets") {
            Some(Value::Array(widgets)) => widgets,
            _ => Vec::new(),
        };
        let mut word = |name: &str| match body.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let (start, periods) = (word("start"), word("periodOverride"));
        Ok(Self {
            region: scope.region.clone(),
            start,
            own_periods: periods.map(|periods| periods == "inherit"),
            others: body.into_iter().collect(),
            widgets: widgets.into_iter().map(Widget::raw).collect(),
        })
    }

    /// What CloudWatch would refuse or, worse, move about.
    fn check(&self, at: &Place) -> Result<(), Fault> {
        let refuse = |what: String, hint: &str| Err(Fault::refused(&at.address, what).hint(hint));
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if at.name().len() > NAME_MAX || !at.name().chars().all(allowed) {
            return refuse(
                format!("{} is no name of a dashboard: letters, digits, - and _", at.name()),
                "give it another name in the environment",
            );
        }
        let counts: Vec<usize> = self.widgets.iter().map(Widget::metrics).collect();
        if counts.len() > WIDGETS_MAX
            || counts.iter().any(|count| *count > METRICS_OF_WIDGET_MAX)
            || counts.iter().sum::<usize>() > METRICS_MAX
        {
            let what = format!(
                "it has {} widgets with {} metrics; CloudWatch takes {WIDGETS_MAX} widgets, {METRICS_OF_WIDGET_MAX} \
                 metrics in one and {METRICS_MAX} in all",
                counts.len(),
                counts.iter().sum::<usize>()
            );
            return refuse(what, "split it into two dashboards");
        }
        let areas: Vec<&Area> = self.widgets.iter().filter_map(|widget| widget.area.as_ref()).collect();
        for (number, area) in areas.iter().enumerate() {
            if let Some(other) = areas[..number].iter().find(|other| other.overlaps(area)) {
                return refuse(format!("two widgets overlap: {other} and {area}"), "move one of them");
            }
            if !area.fits() {
                return refuse(
                    format!("a widget is out of bounds: {area}"),
                    "a dashboard is 24 columns wide",
                );
            }
        }
        Ok(())
    }
}

/// Whole numbers in one spelling: `5.0` is `5`.
fn normal(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "whole, and far from the ends")]
            Some(whole) if number.is_f64() && whole.fract() == 0.0 && whole.abs() < 1e15 => {
                json!(whole as i64)
            }
            _ => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::Object(members) => members.into_iter().map(|(key, member)| (key, normal(member))).collect(),
        other => other,
    }
}

/// Rows of widgets by what a person calls them: title, first line of the text, or type.
fn by_title(drawn: &[Value]) -> BTreeMap<String, Value> {
    let mut rows = BTreeMap::new();
    for widget in drawn {
        let properties = &widget["properties"];
        let markdown = properties["markdown"].as_str().and_then(|text| text.lines().next());
        let title = properties["title"].as_str().or(markdown.map(|line| line.trim_start_matches('#').trim()));
        let title = title.or(widget["type"].as_str()).unwrap_or("widget").to_owned();
        let key = (1..)
            .map(|number| if number == 1 { title.clone() } else { format!("{title} ({number})") })
            .find(|key| !rows.contains_key(key));
        rows.extend(key.map(|key| (key, widget.clone())));
    }
    rows
}

fn arn_of(name: &str, scope: &Scope) -> String {
    format!("arn:aws:cloudwatch::{}:dashboard/{name}", scope.account)
}

impl Resource for Dashboard {
    const KIND: &'static str = "dashboard";

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([("arn".to_owned(), arn_of(physical, scope)), ("name".to_owned(), physical.to_owned())])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        arn.strip_prefix("arn:aws:cloudwatch::")?.split_once(":dashboard/").map(|(_, name)| name.to_owned())
    }

    fn list(&self, to: &mut Fields) {
        // The Region shows in each widget.
        let Self { region: _, start, own_periods, others, widgets: _ } = self;
        to.field("start", start);
        to.field("own_periods", own_periods);
        to.each("other", others);
        to.each("widget", &by_title(&self.drawn()));
    }

    /// Beside the inventory, which lags, those with the stage's prefix are asked for their tags.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let (owned, listed) = futures::try_join!(aws.owned(), list(aws))?;
        let named = owned.keys().filter_map(|arn| Self::physical_of_arn(arn));
        let all: BTreeSet<String> = named.chain(listed).collect();
        let at = whole_account("dashboards");
        let tagged = all.into_iter().map(|name| {
            let (owned, at) = (&owned, &at);
            async move {
                let arn = arn_of(&name, aws.scope());
                let tags = match owned.get(&arn) {
                    Some(tags) => tags.clone(),
                    None => tags_of(at, &arn, aws).await?,
                };
                Ok::<_, Fault>(aws.scope().owned_address(&tags).map(|address| (address, name)))
            }
        });
        let ours = try_join_all(tagged).await?.into_iter().flatten();
        Ok(ours.filter(|(address, _)| address.kind() == Self::KIND).collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let answer = aws
            .read(&at.address, "cloudwatch", "GetDashboard", || {
                aws.cloudwatch().get_dashboard().dashboard_name(at.name()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let Some(body) = answer.and_then(|answer| answer.dashboard_body) else { return Ok(None) };
        let actual = Self::read(at, &body, aws.scope())?;
        let outputs = Self::known(aws.scope(), at.name());
        let tags = aws.tags_of(at, &outputs["arn"], tags_of(&at.address, &outputs["arn"], aws)).await?;
        Ok(Some(Live::new(actual, outputs, Some(tags))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let Some(live) = live else {
            self.put(at, &at.tags, aws).await?;
            return Ok(Self::known(aws.scope(), at.name()));
        };
        if self.body() != live.actual.body() {
            self.put(at, &Tags::new(), aws).await?;
        }
        sync_tags(at, &live.outputs["arn"], live.tags.as_ref(), aws).await?;
        Ok(live.outputs)
    }

    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.write(at, "cloudwatch", "DeleteDashboards", || {
            aws.cloudwatch().delete_dashboards().dashboard_names(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

impl Dashboard {
    /// Writes the whole body. CloudWatch ignores the tags when the dashboard exists.
    async fn put(&self, at: &Place, tags: &Tags, aws: &Writer) -> Result<(), Fault> {
        self.check(at)?;
        let body = self.body().to_string();
        let answer = aws
            .write(at, "cloudwatch", "PutDashboard", || {
                let ask = aws.cloudwatch().put_dashboard().dashboard_name(at.name()).dashboard_body(&body);
                ask.set_tags((!tags.is_empty()).then(|| sdk_tags(tags))).send()
            })
            .await?;
        match said(answer.dashboard_validation_messages()) {
            None => Ok(()),
            Some(said) => {
                Err(Fault::refused(&at.address, format!("CloudWatch doubts the dashboard: {said}"))
                    .hint("correct these widgets, and apply again"))
            }
        }
    }
}

/// What CloudWatch has to say about a body that it took: such parts are not drawn, so they are a mistake.
fn said(messages: &[DashboardValidationMessage]) -> Option<String> {
    let one = |one: &DashboardValidationMessage| {
        format!("{} {}", one.data_path().unwrap_or_default(), one.message().unwrap_or_default())
    };
    let all: Vec<String> = messages.iter().map(one).map(|text| text.trim().to_owned()).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

/// Names with the stage's prefix.
async fn list(aws: &Reader) -> Result<Vec<String>, Fault> {
    let at = whole_account("dashboards");
    let (mut all, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(&at, "cloudwatch", "ListDashboards", || {
                let ask = aws.cloudwatch().list_dashboards().dashboard_name_prefix(aws.scope().prefix());
                ask.set_next_token(token.clone()).send()
            })
            .await?;
        let entries = page.dashboard_entries.unwrap_or_default();
        all.extend(entries.into_iter().filter_map(|entry| entry.dashboard_name));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_without_a_region_tells_the_name() {
        let arn = "arn:aws:cloudwatch::000000000000:dashboard/dn-prod-mail";
        assert_eq!(Dashboard::physical_of_arn(arn).as_deref(), Some("dn-prod-mail"));
        assert_eq!(Dashboard::physical_of_arn("arn:aws:cloudwatch:us-east-1:000000000000:alarm:x"), None);
    }

    #[test]
    fn numbers_have_one_spelling_and_titles_are_told_apart() {
        assert_eq!(normal(json!({ "a": [5.0, 0.5, -0.0, 7] })), json!({ "a": [5, 0.5, 0, 7] }));
        let widget = |properties: Value| json!({ "type": "text", "properties": properties });
        let drawn = [
            widget(json!({ "title": "Errors" })),
            widget(json!({ "markdown": "## Errors\nmore" })),
            widget(json!({})),
        ];
        let keys: Vec<String> = by_title(&drawn).into_keys().collect();
        assert_eq!(keys, ["Errors", "Errors (2)", "text"]);
    }

    #[test]
    fn doubts_are_said_with_their_place() {
        assert_eq!(said(&[]), None);
        let doubt = |path: &str, text: &str| {
            DashboardValidationMessage::builder().data_path(path).message(text).build()
        };
        let all = [doubt("/widgets/0/properties", "Should have a title"), doubt("", "too wide")];
        assert_eq!(said(&all).as_deref(), Some("/widgets/0/properties Should have a title; too wide"));
    }
}
