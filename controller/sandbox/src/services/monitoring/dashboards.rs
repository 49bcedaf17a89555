//! Dashboards: of the whole account, kept as the text that was given.

use serde_json::{Value, json};

use super::{Refusal, Tagged, World, page, strings, tags_in, text, words};

/// By name.
pub(super) const DASHBOARDS: &str = "monitoring/dashboards";
/// Entries of one page.
const PAGE: usize = 1_000;
const COLUMNS: u64 = 24;

fn arn_of(name: &str, world: &World<'_>) -> String {
    format!("arn:aws:cloudwatch::{}:dashboard/{name}", world.account)
}

/// The name in an ARN, when it is that of a dashboard.
pub(super) fn name_of<'a>(arn: &'a str, world: &World<'_>) -> Option<&'a str> {
    arn.strip_prefix(&arn_of("", world))
}

fn absent(name: &str) -> Refusal {
    Refusal::new("ResourceNotFound", format!("Dashboard {name} does not exist")).status(404)
}

/// Tags count only for a new dashboard.
pub(super) fn put(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (name, body) = (text(input, "DashboardName"), text(input, "DashboardBody"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 255 || !name.chars().all(allowed) {
        let message = "The value for field DashboardName contains invalid characters. It can only contain \
             alphanumerics, dash (-) and underscore (_).";
        return Err(Refusal::new("InvalidParameterValue", message));
    }
    let errors = errors_in(body);
    if !errors.is_empty() {
        let list: Vec<Value> =
            errors.iter().map(|(path, message)| json!({ "dataPath": path, "message": message })).collect();
        let list = Value::from(list);
        let message =
            format!("The dashboard body is invalid, there are {} validation errors:\n{list}", errors.len());
        return Err(Refusal::new("InvalidParameterInput", message));
    }
    let old = world.get(DASHBOARDS, name);
    let tags = old.map_or_else(|| tags_in(input), |old| strings(old.get("tags")));
    if tags.len() > 50 {
        return Err(Refusal::new("InvalidParameterValue", "Too many tags"));
    }
    let one = json!({ "body": body, "tags": tags, "changed": world.now_s() });
    world.put(DASHBOARDS, name, one);
    Ok(json!({ "DashboardValidationMessages": [] }))
}

/// Paths and messages. CloudWatch checks a body against a schema.
fn errors_in(body: &str) -> Vec<(String, String)> {
    let Ok(body) = serde_json::from_str::<Value>(body) else {
        return vec![(String::new(), "The field DashboardBody must be a valid JSON object".to_owned())];
    };
    let Some(widgets) = body["widgets"].as_array() else {
        return vec![(String::new(), "Should have required property 'widgets'".to_owned())];
    };
    let mut errors = Vec::new();
    if widgets.len() > 500 {
        errors.push(("/widgets".to_owned(), "Should NOT have more than 500 items".to_owned()));
    }
    for (number, widget) in widgets.iter().enumerate() {
        errors.extend(errors_of(&format!("/widgets/{number}"), widget));
    }
    errors
}

fn errors_of(path: &str, widget: &Value) -> Vec<(String, String)> {
    let mut errors = Vec::new();
    let mut say = |path: String, message: &str| errors.push((path, message.to_owned()));
    let place = |member: &str, least: u64, most: u64| {
        let value = &widget[member];
        // A schema counts 2.0 as whole.
        let whole = value.as_u64().or_else(|| value.as_f64().filter(|v| v.fract() == 0.0).map(|v| v as u64));
        value.is_null() || whole.is_some_and(|value| (least..=most).contains(&value))
    };
    for (member, least, most) in
        [("x", 0, 23), ("y", 0, u64::MAX), ("width", 1, COLUMNS), ("height", 1, 1_000)]
    {
        if !place(member, least, most) {
            say(format!("{path}/{member}"), "Should be a whole number within the grid");
        }
    }
    if widget["x"].is_null() != widget["y"].is_null() {
        say(path.to_owned(), "Should have both x and y, or neither");
    }
    let properties = &widget["properties"];
    let inside = format!("{path}/properties");
    let has = |member: &str| !properties[member].is_null();
    match text(widget, "type") {
        "metric" => {
            if !has("metrics") && !has("annotations") {
                say(inside.clone(), "Should have required property 'metrics'");
            }
            if !has("region") {
                say(inside.clone(), "The metric widget should have specified a region and a data source");
            }
            for (number, metric) in properties["metrics"].as_array().into_iter().flatten().enumerate() {
                if !is_metric(metric) {
                    let message = "Field \"metrics\" has to be an array of array of strings, with an optional \
                         metricRenderer object as last element";
                    say(format!("{inside}/metrics/{number}"), message);
                }
            }
        }
        "text" if !has("markdown") => say(inside, "Should have required property 'markdown'"),
        "alarm" if !has("alarms") => say(inside, "Should have required property 'alarms'"),
        "log" if !has("query") || !has("region") => say(inside, "Should have query and region"),
        "text" | "alarm" | "log" | "explorer" | "custom" | "chart" => {}
        _ => say(format!("{path}/type"), "Should be equal to one of the allowed values"),
    }
    errors
}

fn is_metric(metric: &Value) -> bool {
    let Some((last, front)) = metric.as_array().and_then(|all| all.split_last()) else { return false };
    // Namespace, name and pairs of dimensions; an expression has its settings only.
    let names = front.len() + usize::from(last.is_string());
    let expression = names == 0 && last["expression"].is_string();
    front.iter().all(Value::is_string)
        && (last.is_string() || last.is_object())
        && (expression || names >= 2 && names.is_multiple_of(2))
}

pub(super) fn get(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let name = text(input, "DashboardName");
    let one = world.get(DASHBOARDS, name).ok_or_else(|| absent(name))?;
    Ok(json!({ "DashboardArn": arn_of(name, world), "DashboardName": name, "DashboardBody": one["body"] }))
}

pub(super) fn list(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let token = text(input, "NextToken");
    if !token.is_empty() && token.parse::<usize>().is_err() {
        return Err(Refusal::new("InvalidParameterValue", "Invalid nextToken"));
    }
    let all = world.all(DASHBOARDS).into_iter();
    let found: Vec<Value> = all
        .filter(|(name, _)| name.starts_with(text(input, "DashboardNamePrefix")))
        .map(|(name, one)| {
            json!({
                "DashboardArn": arn_of(name, world), "DashboardName": name,
                "LastModified": { "$time": one["changed"] }, "Size": text(one, "body").len(),
            })
        })
        .collect();
    let (found, next) = page(&found, token, PAGE);
    Ok(json!({ "DashboardEntries": found, "NextToken": next }))
}

/// One that is not there keeps the others from being deleted.
pub(super) fn delete(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let names = words(input, "DashboardNames");
    if let Some(name) = names.iter().find(|name| world.get(DASHBOARDS, name).is_none()) {
        return Err(absent(name));
    }
    names.iter().for_each(|name| world.remove(DASHBOARDS, name));
    Ok(json!({}))
}

pub(super) fn tagged(world: &World<'_>) -> Vec<Tagged> {
    let all = world.all(DASHBOARDS).into_iter();
    all.map(|(name, one)| (arn_of(name, world), strings(one.get("tags")))).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::SERVICE, *};
    use crate::{services::asking, store::Documents, weather::Weather};

    #[test]
    fn bodies_are_kept_as_they_are_and_checked() {
        let (base, weather) = (Documents::new(), Weather::default());
        let mut world = World::new(&base, 1_000, "000000000000", "us-east-1", &weather);
        let mut put = |body: &str| {
            let input = json!({ "DashboardName": "d", "DashboardBody": body });
            asking::ask(&SERVICE, &mut world, "PutDashboard", input)
        };
        for (body, part) in [
            ("nonsense", "JSON"),
            ("{}", "'widgets'"),
            (r#"{"widgets":[{"type":"metric","properties":{"region":"r"}}]}"#, "'metrics'"),
            (r#"{"widgets":[{"type":"metric","properties":{"metrics":[["N","M"]]}}]}"#, "region"),
            (
                r#"{"widgets":[{"type":"metric","properties":{"region":"r","metrics":[["N"]]}}]}"#,
                "array of array",
            ),
            (r#"{"widgets":[{"type":"text","properties":{}}]}"#, "'markdown'"),
            (r#"{"widgets":[{"type":"text","width":25,"properties":{"markdown":"x"}}]}"#, "/widgets/0/width"),
            (r#"{"widgets":[{"type":"table","properties":{}}]}"#, "/widgets/0/type"),
        ] {
            let refusal = put(body).expect_err(body);
            assert_eq!(refusal.code, "InvalidParameterInput", "{body}");
            assert!(refusal.message.contains(part), "{body}: {}", refusal.message);
        }
        let body = r#"{ "widgets" : [ {"type":"text","properties":{"markdown":"x"}} ] }"#;
        put(body).expect("a body");
        let one = json!({ "DashboardName": "d" });
        let shown = asking::ask(&SERVICE, &mut world, "GetDashboard", one).expect("it is there");
        assert_eq!(shown["DashboardBody"], body);
        assert_eq!(shown["DashboardArn"], "arn:aws:cloudwatch::000000000000:dashboard/d");
        let both = json!({ "DashboardNames": ["d", "e"] });
        asking::refused(&SERVICE, &mut world, "DeleteDashboards", both, ("ResourceNotFound", "e does not"));
        assert_eq!(world.all(DASHBOARDS).len(), 1);
        let named = json!({ "DashboardName": "a.b", "DashboardBody": body });
        asking::refused(&SERVICE, &mut world, "PutDashboard", named, ("InvalidParameterValue", "dash"));
    }
}
