//! One HTTP request on the loopback, answered to its end.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// A browser that starts on a busy machine takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case, in the order of arrival.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }
}

/// What the gateway says to all callers together: tests run at the same time. A user's own limit says more.
const THROTTLED: &str = "\"Too Many Requests\"";

/// Asks, and waits for the whole answer; `url` begins with `http://HOST:PORT`. What the gateway throttles is
/// asked again.
pub(crate) fn ask(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let end = Instant::now() + PATIENCE;
    loop {
        let answer = try_ask(method, url, headers, body);
        let answer = answer.unwrap_or_else(|error| panic!("{method} {url}: {error}"));
        if answer.status != 429 || !answer.body.contains(THROTTLED) || Instant::now() > end {
            return answer;
        }
    }
}

/// As [`ask`], where there may be no answer.
///
/// # Errors
/// When the other side is not there, or hangs up.
pub(super) fn try_ask(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> std::io::Result<Answer> {
    let rest = url.strip_prefix("http://").expect("a URL of the loopback");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())?;
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    lines.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let mut answer = Answer { status, headers: Vec::new(), body: String::new() };
    loop {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        answer.headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    let mut bytes = vec![0; length.filter(|_| method != "HEAD").unwrap_or_default()];
    lines.read_exact(&mut bytes)?;
    answer.body = String::from_utf8_lossy(&bytes).into_owned();
    Ok(answer)
}
