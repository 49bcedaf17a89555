//! Metrics as CloudWatch reads them out of the log: the embedded metric format, one line a request (R107).

use contract::metric::{FUNCTION, NAMESPACE, Name};
use serde_json::{Map, Value, json};

/// One value of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    pub name: Name,
    pub value: f64,
    /// A dimension of its own: name and value.
    pub by: Option<(&'static str, String)>,
}

impl Metric {
    /// So many of something.
    #[must_use]
    pub fn count(name: Name, value: usize) -> Self {
        Self { name, value: value as f64, by: None }
    }

    #[must_use]
    pub fn milliseconds(name: Name, value: f64) -> Self {
        Self { name, value, by: None }
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
            std::iter::once(FUNCTION).chain(by.map(|(dimension, _)| *dimension)).collect();
        let declared: Vec<Value> = group
            .iter()
            .map(|one| json!({ "Name": one.name.text(), "Unit": one.name.unit().name() }))
            .collect();
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
        line.insert(FUNCTION.to_owned(), function.into());
        if let Some((dimension, value)) = by {
            line.insert((*dimension).to_owned(), value.as_str().into());
        }
        line.extend(group.iter().map(|one| (one.name.text().to_owned(), json!(one.value))));
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
    use contract::metric::{EMAILS_SENT, RESPONSE_TIME, TEMPLATE_USAGE};

    use super::*;

    #[test]
    fn a_line_declares_what_it_holds() {
        let metrics = [
            Metric::count(EMAILS_SENT, 3),
            Metric::milliseconds(RESPONSE_TIME, 1.5),
            Metric::count(TEMPLATE_USAGE, 3).by("template", "welcome"),
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
