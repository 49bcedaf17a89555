//! What happens while a stage is served, a line each. Colour is always written here: standard error takes it away
//! where it is not wanted.

use serve::news::{News, Route};

use super::page::{Paint, Style, harmless};

/// Letters that a method may take: `DELETE`, `OPTIONS`.
const METHOD: usize = 7;

/// An API's address, and how to call it.
pub(crate) fn serving_text(news: &News, style: &Style) -> String {
    let News::Serving { api, url, routes } = news else { return String::new() };
    let name = Paint::Strong.on(&harmless(api), style.colour);
    let mut text = format!("{name}  {url}\n");
    if let Some(example) = example(routes) {
        text.push_str(&format!("  {}\n", curl(url, example)));
    }
    text
}

/// The route that is easiest to call: one without a key, read only, without parameters in its path.
fn example(routes: &[Route]) -> Option<&Route> {
    routes.iter().min_by_key(|route| {
        (route.key_required, route.method != "GET", route.path.contains('{'), route.path.len())
    })
}

fn curl(url: &str, route: &Route) -> String {
    let method = match route.method.as_str() {
        "GET" | "ANY" => String::new(),
        method => format!("-X {method} -H 'content-type: application/json' -d '{{}}' "),
    };
    let key = if route.key_required { "-H 'x-api-key: KEY' " } else { "" };
    format!("curl {method}{key}'{url}{}'", harmless(&route.path))
}

/// Anything else that happened.
pub(crate) fn news_text(news: &News, stage: &str) -> String {
    match news {
        News::Serving { .. } => String::new(),
        News::Account { url } => faint(&format!("the account of {stage} at {url}; Ctrl-C ends")),
        News::Line { function, text } => {
            format!("{} {} {}", name(function), faint("│"), harmless(text))
        }
        News::Request { method, path, status, took_ms, function, why } => {
            let paint = match status {
                0..400 => Paint::Good,
                400..500 => Paint::Careful,
                _ => Paint::Bad,
            };
            let method = format!("{:METHOD$}", harmless(method));
            let status = paint.on(&status.to_string(), true);
            let mut line =
                format!("{method} {}  {status}  {}", harmless(path), faint(&format!("{took_ms} ms")));
            if let Some(function) = function {
                line.push_str(&format!("  {}", name(function)));
            }
            line + &reason(why.as_deref())
        }
        News::Delivered { from, function, failed } => {
            let word = match failed {
                None => Paint::Good.on("delivered", true),
                Some(_) => Paint::Bad.on("failed", true),
            };
            format!("{} → {}  {word}{}", harmless(from), name(function), reason(failed.as_deref()))
        }
        News::Trouble(text) => format!("{} {}", Paint::Careful.on("note:", true), harmless(text)),
    }
}

fn reason(why: Option<&str>) -> String {
    let lines = why.into_iter().flat_map(str::lines);
    lines.map(|line| format!("\n        {}", Paint::Bad.on(&harmless(line), true))).collect()
}

fn faint(text: &str) -> String {
    Paint::Faint.on(&harmless(text), true)
}

/// A function's name, always in the same colour.
fn name(function: &str) -> String {
    const PAINTS: [Paint; 4] = [Paint::Swap, Paint::Good, Paint::Careful, Paint::Hint];
    let sum = function.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    PAINTS[sum % PAINTS.len()].on(&harmless(function), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    fn route(method: &str, path: &str, key_required: bool) -> Route {
        Route { method: method.into(), path: path.into(), key_required }
    }

    #[test]
    fn the_easiest_route_is_shown_ready_to_be_called() {
        let style = Style { width: 100, colour: false, quiet: false };
        let text = |routes| {
            let news = News::Serving { api: "crm".into(), url: "http://127.0.0.1:9000/s".into(), routes };
            serving_text(&news, &style)
        };
        let routes =
            vec![route("POST", "/send", false), route("GET", "/health", false), route("GET", "/a", true)];
        assert_eq!(text(routes), "crm  http://127.0.0.1:9000/s\n  curl 'http://127.0.0.1:9000/s/health'\n");
        let keyed = "crm  http://127.0.0.1:9000/s\n  curl -X POST -H 'content-type: application/json' -d '{}' \
                     -H 'x-api-key: KEY' 'http://127.0.0.1:9000/s/send'\n";
        assert_eq!(text(vec![route("POST", "/send", true)]), keyed);
        assert_eq!(text(Vec::new()), "crm  http://127.0.0.1:9000/s\n");
    }

    #[test]
    fn a_request_is_one_line_and_its_trouble_the_next() {
        let news = News::Request {
            method: "GET".into(),
            path: "/s/health\u{1b}[2J".into(),
            status: 502,
            took_ms: 12,
            function: Some("crm-send".into()),
            why: Some("exit status 1\nout of memory".into()),
        };
        let text = news_text(&news, "sandbox");
        assert!(text.contains("\u{1b}[31m502"), "{text}");
        assert!(!text.contains("[2J\u{1b}") && !text.contains("\u{1b}[2J"), "{text}");
        let text = plain(&text);
        assert!(text.starts_with("GET     /s/health"), "{text}");
        assert!(
            text.ends_with("502  12 ms  crm-send\n        exit status 1\n        out of memory"),
            "{text}"
        );
    }

    #[test]
    fn a_line_says_whose_it_is() {
        let news = News::Line { function: "crm-send".into(), text: "{\"level\":\"info\"}".into() };
        assert_eq!(plain(&news_text(&news, "sandbox")), "crm-send │ {\"level\":\"info\"}");
    }
}
