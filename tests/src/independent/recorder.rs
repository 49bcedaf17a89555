//! What goes over the wire, written down between a client and the emulator: a witness of "nothing was written" that
//! does not rely on the program under test.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// A port that leads to the emulator. It is closed when this is dropped.
pub(super) struct Recorder {
    pub(super) port: u16,
    calls: Calls,
    accepting: JoinHandle<()>,
}

type Calls = Arc<Mutex<Vec<String>>>;

impl Drop for Recorder {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Recorder {
    pub(super) async fn before(emulator: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("a port").port();
        let calls = Calls::default();
        let record = calls.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, emulator, record.clone()));
            }
        });
        Self { port, calls, accepting }
    }

    pub(super) fn forget(&self) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Names of all calls since then.
    pub(super) fn calls(&self) -> Vec<String> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Names of those that may have changed something.
    pub(super) fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| sandbox::trouble::writes(call)).collect()
    }
}

/// Hands requests on one by one, and answers as they come.
async fn relay(client: TcpStream, emulator: u16, calls: Calls) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", emulator)).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut from_client = BufReader::new(from_client);
    while let Some((head, body)) = request(&mut from_client).await? {
        calls.lock().unwrap_or_else(PoisonError::into_inner).push(name_of(&head, &body));
        to_server.write_all(&[head.as_bytes(), &body].concat()).await?;
    }
    Ok(())
}

/// The next request: its head with the empty line, and its body. `None` when the client has hung up.
async fn request(from: &mut (impl AsyncBufReadExt + Unpin)) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).await? == 0 {
            return Ok(None);
        }
    }
    let length = match (header(&head, "content-length"), header(&head, "transfer-encoding")) {
        (Some(length), _) => length.parse().map_err(io::Error::other)?,
        (None, None) => 0,
        (None, Some(other)) => return Err(io::Error::other(format!("a body that is {other}"))),
    };
    let mut body = vec![0; length];
    from.read_exact(&mut body).await?;
    Ok(Some((head, body)))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let pairs = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    pairs.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// `CreateTable`, or `PUT /bucket?policy` where the protocol has no names. Reads start with a word for reading.
fn name_of(head: &str, body: &[u8]) -> String {
    if let Some(target) = header(head, "x-amz-target") {
        return target.rsplit('.').next().unwrap_or(target).to_owned();
    }
    let line = head.lines().next().unwrap_or_default();
    if let Some((_, operation)) = line.split_once("/operation/") {
        return operation.split(' ').next().unwrap_or_default().to_owned();
    }
    let form = String::from_utf8_lossy(body);
    if let Some(action) = form.split('&').find_map(|pair| pair.strip_prefix("Action=")) {
        return action.to_owned();
    }
    let line = line.trim_end_matches(" HTTP/1.1");
    // A read with a filter in its body.
    if line.starts_with("POST /v2/email/contact-lists/") && line.ends_with("/contacts/list") {
        return "ListContacts".to_owned();
    }
    line.replacen("GET ", "Get ", 1).replacen("HEAD ", "Head ", 1)
}

#[test]
fn every_protocol_tells_what_is_called() {
    let name = |head: &str, body: &str| name_of(head, body.as_bytes());
    assert_eq!(name("POST / HTTP/1.1\r\nX-Amz-Target: Dynamo_2012.CreateTable\r\n", "{}"), "CreateTable");
    let cbor = "POST /service/Granite/operation/PutMetricAlarm HTTP/1.1\r\n";
    assert_eq!(name(cbor, ""), "PutMetricAlarm");
    assert_eq!(name("POST / HTTP/1.1\r\n", "Action=CreateRole&Version=1"), "CreateRole");
    assert_eq!(name("PUT /bucket?policy HTTP/1.1\r\n", "{}"), "PUT /bucket?policy");
    assert_eq!(name("GET /bucket?policy HTTP/1.1\r\n", ""), "Get /bucket?policy");
    let list = "POST /v2/email/contact-lists/one/contacts/list HTTP/1.1\r\n";
    assert_eq!(name(list, "{}"), "ListContacts");
    let writes = ["CreateTable", "PUT /bucket", "DELETE /bucket"].map(sandbox::trouble::writes);
    assert_eq!(writes, [true; 3]);
    assert!(!sandbox::trouble::writes("Get /bucket"));
}
