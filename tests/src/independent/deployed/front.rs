//! One port for the whole account: the emulator, and the embedded account for what the emulator lacks.

use std::{
    collections::BTreeSet,
    io,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use sandbox::Account;
use serve::{endpoint, http_server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    task::JoinHandle,
};

/// Artefacts are the largest bodies.
const BYTES_MAX: usize = 256 * 1024 * 1024;

/// What the emulator says of a call whose signature and policy it has checked, and which it does not know.
const UNKNOWN: &str = "Unknown SES v2 path";

/// Calls that end in the embedded account.
pub(super) enum Lacking {
    /// All of a service.
    Service(&'static str),
    /// Those below this path, once the emulator has let them pass and said that it does not know them.
    Below(&'static str),
}

/// The port. It is closed when this is dropped.
pub(super) struct Front {
    pub(super) port: u16,
    behind: Arc<Behind>,
    listening: JoinHandle<()>,
    _ending: watch::Sender<bool>,
}

struct Behind {
    emulator: OnceLock<u16>,
    embedded: Account,
    lacking: Vec<Lacking>,
    tls: AtomicBool,
    seen: Mutex<Seen>,
}

/// What came by.
#[derive(Clone, Default)]
pub(super) struct Seen {
    /// Ids of the keys that calls were signed with.
    pub(super) keys: BTreeSet<String>,
    /// Paths that the emulator did know, although they were to be lacking.
    pub(super) known: Vec<String>,
    /// How many calls ended in the embedded account, by the place in the list.
    pub(super) forwarded: Vec<usize>,
    /// The key of a call that no policy allowed, and what was said of it.
    pub(super) refused: Vec<(String, String)>,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Front {
    pub(super) async fn open(embedded: &Account, lacking: impl IntoIterator<Item = Lacking>) -> Self {
        let (listener, address) = http_server::bind(0).await.expect("a free port");
        let lacking: Vec<Lacking> = lacking.into_iter().collect();
        let seen = Seen { forwarded: vec![0; lacking.len()], ..Seen::default() };
        let behind = Arc::new(Behind {
            emulator: OnceLock::new(),
            embedded: embedded.clone(),
            lacking,
            tls: AtomicBool::new(false),
            seen: Mutex::new(seen),
        });
        let (ending, ended) = watch::channel(false);
        let answering = behind.clone();
        let listening = tokio::spawn(http_server::listen(listener, ended, BYTES_MAX, move |request, _| {
            let behind = answering.clone();
            async move { behind.answer(request).await }
        }));
        Self { port: address.port(), behind, listening, _ending: ending }
    }

    /// Where the emulator is. It is started after this, as it must know this port.
    pub(super) fn lead_to(&self, emulator: u16) {
        self.behind.emulator.set(emulator).expect("once");
    }

    /// From now on calls count as having come here by TLS, as those to AWS do.
    pub(super) fn is_tls(&self) {
        self.behind.tls.store(true, Ordering::Relaxed);
    }

    /// What roles were refused since the last time.
    pub(super) fn refused(&self) -> Vec<String> {
        let refused = std::mem::take(&mut self.behind.seen().refused);
        refused.into_iter().filter(|(key, _)| key != "test").map(|(_, said)| said).collect()
    }

    pub(super) fn seen(&self) -> Seen {
        self.behind.seen().clone()
    }
}

impl Behind {
    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        self.seen().keys.extend(key(&request).map(str::to_owned));
        let meets = |one: &Lacking| match one {
            Lacking::Service(name) => endpoint::service(&request) == Some(name),
            Lacking::Below(prefix) => path.starts_with(prefix),
        };
        let lacking = self.lacking.iter().position(meets);
        if lacking.is_none_or(|at| matches!(self.lacking[at], Lacking::Below(_))) {
            let port = *self.emulator.get().expect("the emulator runs");
            let tls = self.tls.load(Ordering::Relaxed);
            let answer = exchange(port, &request, tls).await.unwrap_or_else(|error| {
                let mut lost = Response::new(Bytes::from(error.to_string()));
                *lost.status_mut() = StatusCode::BAD_GATEWAY;
                lost
            });
            let said = String::from_utf8_lossy(answer.body());
            if said.contains("AccessDenied") && answer.status().is_client_error() {
                let by = key(&request).unwrap_or_default();
                self.seen().refused.push((by.to_owned(), said.clone().into_owned()));
            }
            let unknown = said.contains(UNKNOWN);
            if lacking.is_none() || !unknown {
                if lacking.is_some() && answer.status() != StatusCode::FORBIDDEN {
                    self.seen().known.push(path);
                }
                return answer;
            }
        }
        if let Some(at) = lacking {
            self.seen().forwarded[at] += 1;
        }
        endpoint::answer(&self.embedded, request).await
    }
}

/// `ASIA…` of `Credential=ASIA…/20260101/us-east-1/dynamodb/aws4_request`.
fn key(request: &Request<Bytes>) -> Option<&str> {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok())?;
    header.split("Credential=").nth(1)?.split('/').next()
}

/// Headers of one connection: each side of this one has its own.
const OF_A_CONNECTION: &[&str] =
    &["connection", "content-length", "expect", "keep-alive", "transfer-encoding"];

fn is_of_a_connection(name: &str) -> bool {
    OF_A_CONNECTION.iter().any(|of| name.eq_ignore_ascii_case(of))
}

/// Hands a request on as it is signed, over a connection of its own.
async fn exchange(port: u16, request: &Request<Bytes>, tls: bool) -> io::Result<Response<Bytes>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut bytes = format!("{} {path} HTTP/1.1\r\n", request.method()).into_bytes();
    for (name, value) in request.headers().iter().filter(|(name, _)| !is_of_a_connection(name.as_str())) {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    if tls {
        bytes.extend_from_slice(b"x-forwarded-proto: https\r\n");
    }
    let length = request.body().len();
    bytes.extend(format!("content-length: {length}\r\nconnection: close\r\n\r\n").into_bytes());
    bytes.extend_from_slice(request.body());
    stream.write_all(&bytes).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    parsed(&answer, request.method()).ok_or_else(|| io::Error::other("no answer of the emulator"))
}

fn parsed(bytes: &[u8], method: &Method) -> Option<Response<Bytes>> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse::<u16>().ok()?;
    let headers: Vec<(&str, &str)> =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name, value.trim())).collect();
    let chunked = headers.iter().any(|(name, value)| {
        name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked")
    });
    let body = match &bytes[end + 4..] {
        // What HEAD does not send has a frame all the same.
        _ if *method == Method::HEAD => Vec::new(),
        chunks if chunked => joined(chunks)?,
        whole => whole.to_vec(),
    };
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).ok()?;
    for (name, value) in headers {
        // The length of what HEAD does not send is the answer.
        let kept = *method == Method::HEAD && name.eq_ignore_ascii_case("content-length");
        if kept || !is_of_a_connection(name) {
            answer.headers_mut().append(HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?);
        }
    }
    Some(answer)
}

/// The body of a chunked answer.
fn joined(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = chunks.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&chunks[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunks.get(end + 2..end + 2 + size)?);
        chunks = chunks.get(end + 4 + size..)?;
    }
}

#[test]
fn answers_are_read_as_they_are_framed() {
    let body = |bytes: &[u8]| parsed(bytes, &Method::GET).expect("an answer").into_body();
    assert_eq!(body(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), "hi");
    let chunked =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n";
    assert_eq!(body(chunked), "hi0123456789");
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nETag: \"x\"\r\n\r\n";
    let head = parsed(head, &Method::HEAD).expect("an answer");
    assert_eq!(
        (&head.headers()["content-length"], &head.headers()["etag"]),
        (&"7".parse().expect("one"), &"\"x\"".parse().expect("one"))
    );
    let head = b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(parsed(head, &Method::HEAD).expect("an answer").status(), 404);
    assert!(parsed(b"HTTP/1.1 200 OK\r\n", &Method::GET).is_none());
}
