//! What a dashboard shows, and how CloudWatch writes that (API reference, dashboard body structure).

use model::Text;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Area;
use crate::kinds::alarm::{Metric, MetricStat, Number, Source};

/// Something at its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Widget {
    /// `None` only for [`Content::Raw`], which holds its own.
    pub area: Option<Area>,
    pub content: Content,
}

/// What is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    Graph(Graph),
    /// Markdown.
    Text(Text),
    /// The states of alarms, by ARN.
    Alarms {
        title: String,
        alarms: Vec<Text>,
    },
    /// The answer of a query of Logs Insights, with its `SOURCE`.
    Logs {
        title: String,
        query: Text,
    },
    /// A whole widget as CloudWatch writes it: what was read, and what nothing else here can say.
    Raw(Value),
}

/// Metrics and expressions over time, or their present values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    pub title: String,
    pub view: View,
    pub stacked: bool,
    /// Of the metrics; `None` is that of the dashboard. CloudFront has its metrics in us-east-1 only.
    pub region: Option<String>,
    /// Of metrics, in seconds; lines of metrics have their own.
    pub period_s: u32,
    pub lines: Vec<Line>,
    /// What the left axis counts.
    pub label: Option<String>,
    /// Where the left axis begins.
    pub min: Option<Number>,
    /// Horizontal lines, such as the threshold of an alarm.
    pub thresholds: Vec<Threshold>,
}

/// How metrics are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum View {
    TimeSeries,
    SingleValue,
    Bar,
    Pie,
    Gauge,
    Table,
}

/// One metric or expression of a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// By which expressions call it; starts with a small letter.
    pub id: Option<String>,
    pub source: Source,
    pub label: Option<String>,
    /// Whether it is drawn, and not only counted with.
    pub visible: bool,
    /// Whether it is measured by the right axis.
    pub right: bool,
    /// `#rrggbb`.
    pub color: Option<String>,
}

/// A horizontal line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    pub label: String,
    pub value: Number,
}

impl Line {
    /// A metric that is drawn.
    #[must_use]
    pub fn of(metric: MetricStat) -> Self {
        let source = Source::Metric(metric);
        Self { id: None, source, label: None, visible: true, right: false, color: None }
    }

    /// An expression over other lines.
    #[must_use]
    pub fn math(expression: impl Into<Text>) -> Self {
        let source = Source::Expression { expression: expression.into(), period_s: None };
        Self { source, ..Self::of(MetricStat::sum("", "")) }
    }

    #[must_use]
    pub fn labelled(self, label: &str) -> Self {
        Self { label: Some(label.to_owned()), ..self }
    }

    /// Only there for expressions to count with.
    #[must_use]
    pub fn hidden(self, id: &str) -> Self {
        Self { id: Some(id.to_owned()), visible: false, ..self }
    }

    fn draw(&self) -> Value {
        let mut settings = Map::new();
        let mut set = |name: &str, value: Value| drop(settings.insert(name.to_owned(), value));
        let mut drawn = match &self.source {
            Source::Metric(stat) => {
                set("stat", stat.statistic.word().into());
                set("period", stat.period_s.into());
                let mut drawn = vec![json!(stat.namespace), json!(stat.name)];
                for (name, value) in &stat.dimensions {
                    drawn.extend([json!(name), json!(value)]);
                }
                drawn
            }
            Source::Expression { expression, period_s } => {
                set("expression", json!(expression));
                if let Some(period_s) = period_s {
                    set("period", (*period_s).into());
                }
                Vec::new()
            }
        };
        for (name, value) in [("id", &self.id), ("label", &self.label), ("color", &self.color)] {
            if let Some(value) = value {
                set(name, value.as_str().into());
            }
        }
        if !self.visible {
            set("visible", false.into());
        }
        if self.right {
            set("yAxis", "right".into());
        }
        drawn.push(settings.into());
        drawn.into()
    }
}

impl Graph {
    /// Lines over time, from zero.
    #[must_use]
    pub fn of(title: &str, lines: impl IntoIterator<Item = Line>) -> Self {
        Self {
            title: title.to_owned(),
            view: View::TimeSeries,
            stacked: false,
            region: None,
            period_s: 300,
            lines: lines.into_iter().collect(),
            label: None,
            min: Some(0.into()),
            thresholds: Vec::new(),
        }
    }

    /// What an alarm watches: the same metric or expression.
    #[must_use]
    pub fn watched(title: &str, metric: &Metric) -> Self {
        match metric {
            Metric::Single(stat) => Self::of(title, [Line::of(stat.clone())]),
            Metric::Math(queries) => {
                let line = |(id, query): (&String, &crate::kinds::alarm::Query)| Line {
                    id: Some(id.clone()),
                    source: query.source.clone(),
                    label: query.label.clone(),
                    visible: query.returns,
                    right: false,
                    color: None,
                };
                Self::of(title, queries.iter().map(line))
            }
        }
    }

    #[must_use]
    pub fn viewed(self, view: View) -> Self {
        Self { view, ..self }
    }

    /// With a horizontal line.
    #[must_use]
    pub fn threshold(mut self, label: &str, value: impl Into<Number>) -> Self {
        self.thresholds.push(Threshold { label: label.to_owned(), value: value.into() });
        self
    }

    fn draw(&self, region: &str) -> Value {
        let mut drawn = json!({
            "title": self.title,
            "view": self.view,
            "stacked": self.stacked,
            "region": self.region.as_deref().unwrap_or(region),
            "period": self.period_s,
            "metrics": self.lines.iter().map(Line::draw).collect::<Vec<_>>(),
        });
        if let Some(label) = &self.label {
            drawn["yAxis"]["left"]["label"] = label.as_str().into();
        }
        if let Some(min) = &self.min {
            drawn["yAxis"]["left"]["min"] = min.value().into();
        }
        if !self.thresholds.is_empty() {
            let one = |one: &Threshold| json!({ "label": one.label, "value": one.value.value() });
            drawn["annotations"]["horizontal"] = self.thresholds.iter().map(one).collect();
        }
        drawn
    }
}

impl Widget {
    pub(super) fn raw(drawn: Value) -> Self {
        Self { area: None, content: Content::Raw(drawn) }
    }

    /// Lines that are metrics or expressions.
    pub(crate) fn metrics(&self) -> usize {
        match &self.content {
            Content::Graph(graph) => graph.lines.len(),
            Content::Raw(drawn) => drawn["properties"]["metrics"].as_array().map_or(0, Vec::len),
            Content::Text(_) | Content::Alarms { .. } | Content::Logs { .. } => 0,
        }
    }

    pub(super) fn draw(&self, region: &str) -> Value {
        let (kind, properties) = match &self.content {
            Content::Raw(drawn) => return drawn.clone(),
            Content::Graph(graph) => ("metric", graph.draw(region)),
            Content::Text(markdown) => ("text", json!({ "markdown": markdown })),
            Content::Alarms { title, alarms } => ("alarm", json!({ "title": title, "alarms": alarms })),
            Content::Logs { title, query } => {
                ("log", json!({ "title": title, "query": query, "region": region, "view": "table" }))
            }
        };
        let mut drawn = json!({ "type": kind, "properties": properties });
        if let Some(Area { x, y, width, height }) = self.area {
            for (name, value) in [("x", x), ("y", y), ("width", width), ("height", height)] {
                drawn[name] = value.into();
            }
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_graph_is_written_as_cloudwatch_does() {
        let errors = MetricStat::sum("AWS/Lambda", "Errors").of("FunctionName", "f");
        let graph = Graph::of(
            "Errors",
            [Line::of(errors.clone()).hidden("e"), Line::math("100 * e / c").labelled("rate")],
        );
        let area = Some(Area { x: 0, y: 2, width: 12, height: 6 });
        let widget = Widget { area, content: Content::Graph(graph.threshold("alarm", 1)) };
        assert_eq!(
            widget.draw("us-east-1"),
            json!({
                "type": "metric", "x": 0, "y": 2, "width": 12, "height": 6,
                "properties": {
                    "title": "Errors", "view": "timeSeries", "stacked": false, "region": "us-east-1", "period": 300,
                    "metrics": [
                        ["AWS/Lambda", "Errors", "FunctionName", "f",
                         { "stat": "Sum", "period": 300, "id": "e", "visible": false }],
                        [{ "expression": "100 * e / c", "label": "rate" }],
                    ],
                    "yAxis": { "left": { "min": 0.0 } },
                    "annotations": { "horizontal": [{ "label": "alarm", "value": 1.0 }] },
                },
            })
        );
        let watched = Graph::watched("Errors", &Metric::Single(errors.clone()));
        assert_eq!(watched.lines, [Line::of(errors)]);
    }
}
