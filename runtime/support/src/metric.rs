//! Metrics as CloudWatch reads them out of the log: the embedded metric format, one line a request (R107).

use serde_json::{Map, Value, json};

/// Where metrics are found.
pub const NAMESPACE: &str = "DistroNation";

/// What a value counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Count,
    Milliseconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: &'static str,
    pub unit: Unit,
    pub value: f64,
    /// A dimension of its own: name and value.
    pub by: Option<(&'static str, String)>,
}

impl Metric {
    /// So many of something.
    #[must_use]
    pub fn count(name: &'static str, value: usize) -> Self {
        Self { name, unit: Unit::Count, value: value as f64, by: None }
    }

    #[must_use]
    pub fn milliseconds(name: &'static str, value: f64) -> Self {
        Self { name, unit: Unit::Milliseconds, value, by: None }
    }

    /// Told apart by this dimension, too. Its values must be few.
    #[must_use]
    pub fn by(self, dimension: &'static str, value: impl Into<String>) -> Self {
        Self { by: Some((dimension, value.into())), ..self }
    }
}

/// Metrics with the same dimensions, which share a line.
type Group<'m> = (Option<&'m (&'static str, String)>, Vec<&'m Metric>);

/// The lines for these metrics of a function. `properties` are searchable and no dimensions: an id of a
/// user makes no metric of its own.
#[must_use]
pub fn lines(function: &str, at_ms: i64, metrics: &[Metric], properties: &[(&str, Value)]) -> Vec<String> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for metric in metrics {
        match groups.iter_mut().find(|(by, _)| *by == metric.by.as_ref()) {
            Some((_, group)) => group.push(metric),
            None => groups.push((metric.by.as_ref(), vec![metric])),
        }
    }
    let line = |(by, group): &Group<'_>| {
        let dimensions: Vec<&str> =
            std::iter::once("function").chain(by.map(|(dimension, _)| *dimension)).collect();
        let declared: Vec<Value> =
            group.iter().map(|one| json!({ "Name": one.name, "Unit": one.unit.name() })).collect();
        let mut line = Map::new();
        line.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": at_ms,
                "CloudWatchMetrics": [
                    { "Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": declared },
                ],
            }),
        );
        line.insert("function".to_owned(), function.into());
        if let Some((dimension, value)) = by {
            line.insert((*dimension).to_owned(), value.as_str().into());
        }
        line.extend(group.iter().map(|one| (one.name.to_owned(), json!(one.value))));
        line.extend(properties.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Value::Object(line).to_string()
    };
    groups.iter().map(line).collect()
}

/// Writes metrics to standard output.
pub fn emit(function: &str, at_ms: i64, metrics: &[Metric], properties: &[(&str, Value)]) {
    for line in lines(function, at_ms, metrics, properties) {
        println!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_what_it_holds() {
        let metrics = [
            Metric::count("emailsSent", 3),
            Metric::milliseconds("responseTime", 1.5),
            Metric::count("templateUsage", 3).by("template", "welcome"),
        ];
        let lines = lines("send-email", 7, &metrics, &[("user", "u1".into())]);
        let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let directive = &read[0]["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["function"]]));
        assert_eq!(directive["Metrics"][1], json!({ "Name": "responseTime", "Unit": "Milliseconds" }));
        assert_eq!((&read[0]["emailsSent"], &read[0]["user"]), (&json!(3.0), &json!("u1")));
        assert_eq!(read[1]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["function", "template"]]));
        assert_eq!((read.len(), &read[1]["template"]), (2, &json!("welcome")));
    }
}
