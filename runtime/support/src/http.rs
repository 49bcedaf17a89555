//! Calls of what is not AWS, with time-outs and bounded retries.

use std::{fmt, sync::OnceLock, time::Duration};

use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use http::{HeaderMap, Method, StatusCode, header};

/// The longest answer that is read.
const LONGEST: usize = 1024 * 1024;
/// How long one attempt may take in all.
const ATTEMPT: Duration = Duration::from_secs(10);
const ATTEMPTS: u32 = 3;

/// The client of a process: one pool of connections.
pub struct Http(OnceLock<SharedHttpConnector>);

/// A request that can be sent again.
#[derive(Clone)]
pub struct Call {
    pub method: Method,
    pub url: String,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// Why there is no answer. It shows no URL: that may hold an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// It was not sent, or nobody knows whether it was done.
    NoAnswer,
    TimedOut,
    TooLong,
    /// A URL that is none: a mistake of the configuration.
    Malformed,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAnswer => "no answer",
            Self::TimedOut => "timed out",
            Self::TooLong => "the answer is too long",
            Self::Malformed => "the URL is malformed",
        })
    }
}

impl Call {
    #[must_use]
    pub fn get(url: impl Into<String>) -> Self {
        Self { method: Method::GET, url: url.into(), headers: HeaderMap::new(), body: Vec::new() }
    }

    /// A form.
    #[must_use]
    pub fn form(url: impl Into<String>, body: String) -> Self {
        let mut headers = HeaderMap::new();
        let form = header::HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        Self { method: Method::POST, url: url.into(), headers, body: body.into_bytes() }
    }

    fn request(&self) -> Result<HttpRequest, Lost> {
        let mut request = http::Request::builder()
            .method(&self.method)
            .uri(&self.url)
            .body(SdkBody::from(self.body.clone()));
        if let Ok(request) = &mut request {
            request.headers_mut().extend(self.headers.clone());
        }
        request.ok().and_then(|request| request.try_into().ok()).ok_or(Lost::Malformed)
    }
}

impl Http {
    /// Connects when it is first used.
    #[must_use]
    pub const fn of_process() -> Self {
        Self(OnceLock::new())
    }

    /// Calls end in this connector.
    #[must_use]
    pub fn of(connector: SharedHttpConnector) -> Self {
        Self(connector.into())
    }

    /// Sends what may be done twice; tried again when it fails in passing.
    ///
    /// # Errors
    /// When the last attempt has no answer.
    pub async fn repeat(&self, call: &Call) -> Result<Answer, Lost> {
        let passing = |outcome: &Result<Answer, Lost>| match outcome {
            Ok(answer) => answer.status.is_server_error() || answer.status == StatusCode::TOO_MANY_REQUESTS,
            Err(lost) => matches!(lost, Lost::NoAnswer | Lost::TimedOut),
        };
        self.attempts(call, passing).await
    }

    /// Sends what must not be done twice; tried again only when the other side says that it did nothing.
    ///
    /// # Errors
    /// When there is no answer: then nobody knows whether it was done.
    pub async fn once(&self, call: &Call) -> Result<Answer, Lost> {
        let undone = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE];
        self.attempts(call, |outcome| matches!(outcome, Ok(answer) if undone.contains(&answer.status))).await
    }

    async fn attempts(
        &self,
        call: &Call,
        again: impl Fn(&Result<Answer, Lost>) -> bool,
    ) -> Result<Answer, Lost> {
        let mut attempt = 1;
        loop {
            let outcome = tokio::time::timeout(ATTEMPT, self.attempt(call)).await;
            let outcome = outcome.unwrap_or(Err(Lost::TimedOut));
            if attempt == ATTEMPTS || !again(&outcome) {
                return outcome;
            }
            tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, call: &Call) -> Result<Answer, Lost> {
        let answer = self.connector()?.call(call.request()?).await.map_err(|_| Lost::NoAnswer)?;
        let answer = answer.try_into_http1x().map_err(|_| Lost::NoAnswer)?;
        let (parts, body) = answer.into_parts();
        let (mut body, mut bytes) = (ByteStream::new(body), Vec::new());
        while let Some(part) = body.try_next().await.map_err(|_| Lost::NoAnswer)? {
            if bytes.len() + part.len() > LONGEST {
                return Err(Lost::TooLong);
            }
            bytes.extend_from_slice(&part);
        }
        Ok(Answer { status: parts.status, headers: parts.headers, body: bytes })
    }

    fn connector(&self) -> Result<&SharedHttpConnector, Lost> {
        if let Some(connector) = self.0.get() {
            return Ok(connector);
        }
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(Duration::from_secs(2))
            .read_timeout(ATTEMPT)
            .build();
        let sleep = SharedAsyncSleep::new(TokioSleep::new());
        let connector = aws_smithy_http_client::default_connector(&settings, Some(sleep));
        let connector = connector.ok_or(Lost::Malformed)?;
        Ok(self.0.get_or_init(|| connector))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stand_in::StandIn;

    #[tokio::test(start_paused = true)]
    async fn what_must_not_be_done_twice_is_repeated_only_when_it_was_not_done() {
        for (answer, once, repeat) in [(Some(200), 1, 1), (Some(429), 3, 3), (Some(500), 1, 3), (None, 1, 3)]
        {
            let other = StandIn::new(move |_| answer.map(|status| (status, "", String::new())));
            let _ = other.http().once(&Call::form("http://other.example/", String::new())).await;
            assert_eq!(other.asked().len(), once, "{answer:?}");
            let _ = other.http().repeat(&Call::get("http://other.example/")).await;
            assert_eq!(other.asked().len() - once, repeat, "{answer:?}");
        }
    }

    #[tokio::test]
    async fn answers_are_read_up_to_a_limit() {
        let other = StandIn::new(|asked| {
            Some((200, "max-age=5", "x".repeat(if asked.url.ends_with("long") { LONGEST + 1 } else { 9 })))
        });
        let answer = other.http().once(&Call::get("http://other.example/")).await.expect("an answer");
        assert_eq!(
            (answer.body.len(), &answer.headers["cache-control"]),
            (9, &"max-age=5".parse().expect("a value"))
        );
        let lost = other.http().once(&Call::get("http://other.example/long")).await.expect_err("too long");
        assert_eq!(lost, Lost::TooLong);
        assert_eq!(
            Http::of_process().once(&Call::get("not a url")).await.expect_err("malformed"),
            Lost::Malformed
        );
    }
}
