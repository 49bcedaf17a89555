//! Parameter mappings, and the templates of mocks and gateway responses.
//!
//! Templates are text with `$context…`, `$stageVariables…` and `$input.params(…)`; the directives of Velocity (`#set`,
//! `#if`) are not evaluated, and an unknown variable stays as it is written.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Request;

/// What a mapping can name.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    pub request: &'a Request,
    /// Of the path.
    pub parameters: &'a [(String, String)],
    /// `requestContext`, with `error` where there is one.
    pub context: &'a Value,
    pub variables: &'a BTreeMap<String, String>,
}

impl Scope<'_> {
    /// `'literal'`, `method.request.header.Origin`, `context.requestId`, `stageVariables.name`.
    #[must_use]
    pub fn value(&self, mapping: &str) -> Option<String> {
        if let Some(literal) = mapping.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
            return Some(literal.to_owned());
        }
        let (place, name) = mapping.split_once('.')?;
        match place {
            "context" => self.context_value(name),
            "stageVariables" => self.variables.get(name).cloned(),
            "method" => {
                let (place, name) = name.strip_prefix("request.")?.split_once('.')?;
                match place {
                    "header" => self.request.header(name).map(str::to_owned),
                    "querystring" => last(&query(&self.request.query), name),
                    "path" => last(self.parameters, name),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn context_value(&self, path: &str) -> Option<String> {
        let value = path.split('.').try_fold(self.context, |value, member| value.get(member))?;
        match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        }
    }

    fn variable(&self, name: &str) -> Option<String> {
        let unquoted = |text: &str| text.trim_matches(['\'', '"']).to_owned();
        if let Some(name) = name.strip_prefix("input.params(").and_then(|rest| rest.strip_suffix(')')) {
            let name = unquoted(name);
            let given = last(self.parameters, &name).or_else(|| last(&query(&self.request.query), &name));
            let given = given.or_else(|| self.request.header(&name).map(str::to_owned));
            return Some(given.unwrap_or_default());
        }
        match name.split_once('.')? {
            // An absent value is empty text, as Velocity has it for what API Gateway knows.
            ("context", path) => Some(self.context_value(path).unwrap_or_default()),
            ("stageVariables", name) => Some(self.variables.get(name).cloned().unwrap_or_default()),
            _ => None,
        }
    }

    /// A template with its variables filled in.
    #[must_use]
    pub fn render(&self, template: &str) -> String {
        let mut text = String::new();
        let mut rest = template;
        while let Some(at) = rest.find('$') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let (name, length) = variable_name(rest);
            match self.variable(name) {
                Some(value) => text.push_str(&value),
                None => text.push_str(&rest[..length]),
            }
            rest = &rest[length..];
        }
        text.push_str(rest);
        text
    }
}

/// The name after `$`, with or without braces, and how many bytes it takes with the sign.
fn variable_name(text: &str) -> (&str, usize) {
    let body = &text[1..];
    if let Some(braced) = body.strip_prefix('{') {
        return match braced.find('}') {
            Some(end) => (&braced[..end], end + 3),
            None => ("", 1),
        };
    }
    if body.starts_with("input.params(") {
        return match body.find(')') {
            Some(end) => (&body[..=end], end + 2),
            None => ("", 1),
        };
    }
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    let name = body.split(|c| !part(c)).next().unwrap_or_default().trim_end_matches(['.', '-']);
    (name, name.len() + 1)
}

/// A function's ARN with `${stageVariables.name}` filled in.
#[must_use]
pub fn stage_variables(text: &str, variables: &BTreeMap<String, String>) -> String {
    variables.iter().fold(text.to_owned(), |text, (name, value)| {
        text.replace(&format!("${{stageVariables.{name}}}"), value)
    })
}

/// The pairs of a query, decoded, in order.
#[must_use]
pub fn query(text: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn last(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn mappings_and_templates_name_what_is_known() {
        let headers = vec![("origin".to_owned(), "https://crm".to_owned())];
        let request = Request { headers, query: "a=1&a=2+3".into(), ..Request::default() };
        let error = json!({ "messageString": "\"no\"" });
        let context = json!({ "requestId": "r", "identity": { "sourceIp": "::1" }, "error": error });
        let variables = BTreeMap::from([("colour".to_owned(), "blue".to_owned())]);
        let parameters = [("id".to_owned(), "7".to_owned())];
        let scope =
            Scope { request: &request, parameters: &parameters, context: &context, variables: &variables };
        let value = |mapping| scope.value(mapping);
        assert_eq!(value("'*'").as_deref(), Some("*"));
        assert_eq!(value("method.request.header.Origin").as_deref(), Some("https://crm"));
        assert_eq!(value("method.request.querystring.a").as_deref(), Some("2 3"));
        assert_eq!(value("method.request.path.id").as_deref(), Some("7"));
        assert_eq!(value("context.identity.sourceIp").as_deref(), Some("::1"));
        assert_eq!(value("stageVariables.colour").as_deref(), Some("blue"));
        assert_eq!(value("context.nothing"), None);
        assert_eq!(value("body"), None);
        let text = "{\"message\":$context.error.messageString, \"$stageVariables.colour\": \"${context.requestId}.\", \
                    \"$input.params('id')\": $5 $unknown.x #if}";
        let wanted = "{\"message\":\"no\", \"blue\": \"r.\", \"7\": $5 $unknown.x #if}";
        assert_eq!(scope.render(text), wanted);
    }
}
