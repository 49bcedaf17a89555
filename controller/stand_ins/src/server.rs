//! One port for all of it.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use sandbox::Account;
use serde_json::{Value, json};
use serve::http_server;
use tokio::{net::TcpListener, sync::watch};

use crate::{
    credentials::Keeper,
    identity::{Issuer, User},
    mailgun::{self, Refusal},
    outbox::Outbox,
    page, webhook,
};

/// Mailgun takes messages of 25 MB.
const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;
/// Who has a token when nobody is named.
const SOMEBODY: &str = "somebody@example.com";
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// What the stand-ins stand beside.
pub struct Options {
    pub account: Account,
    /// The domain that Mailgun sends for.
    pub domain: String,
    /// The secret that Mailgun and its customer share.
    pub keeper: Keeper,
    /// The Firebase project of the tokens.
    pub project: String,
}

/// Mailgun and Firebase, as far as the runtime knows them.
pub struct StandIns {
    options: Options,
    issuer: Issuer,
    outbox: Outbox,
    /// Where webhooks go; nowhere until the API has an address.
    webhook: Mutex<Option<String>>,
}

type Answer = Response<Bytes>;

impl StandIns {
    /// # Errors
    /// When there is no key to sign tokens with.
    pub fn new(options: Options) -> Result<Arc<Self>, String> {
        let issuer = Issuer::new(&options.project)?;
        Ok(Arc::new(Self { options, issuer, outbox: Outbox::default(), webhook: Mutex::default() }))
    }

    /// What Mailgun's customer registers.
    pub fn register_webhook(&self, url: String) {
        *self.webhook.lock().unwrap_or_else(PoisonError::into_inner) = Some(url);
    }

    /// Answers until `stop` becomes true.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, stop: watch::Receiver<bool>) {
        let answering = move |request: Request<Bytes>, _| {
            let this = self.clone();
            async move { this.answer(request).await }
        };
        http_server::listen(listener, stop, BODY_BYTES_MAX, answering).await;
    }

    async fn answer(&self, request: Request<Bytes>) -> Answer {
        // A page of somewhere else that found this port must not speak to it under its own name.
        let host =
            request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
        if !matches!(host, "127.0.0.1" | "localhost") {
            return plain(StatusCode::MISDIRECTED_REQUEST, "this is for 127.0.0.1");
        }
        let path = request.uri().path().to_owned();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match (request.method(), parts.as_slice()) {
            (&Method::GET, [""]) => html(page::list(&self.outbox.all(), &self.options.account.sent_mail())),
            (&Method::GET, ["mail.json"]) => json_answer(StatusCode::OK, &json!(self.outbox.all())),
            (&Method::GET, ["keys"]) => {
                let mut answer = json_answer(StatusCode::OK, &self.issuer.key_set());
                let life = HeaderValue::from_static("public, max-age=3600");
                answer.headers_mut().insert(header::CACHE_CONTROL, life);
                answer
            }
            (&Method::GET, ["token"]) => self.token(request.uri().query().unwrap_or_default()),
            (&Method::GET, ["mailgun", number]) => {
                let message = number.parse().ok().and_then(|number| self.outbox.one(number));
                message.map_or_else(absent, |message| html(page::of_mailgun(&message)))
            }
            (&Method::POST, ["mailgun", number, "events"]) => {
                self.tell(number.parse().unwrap_or_default(), request.body()).await
            }
            (&Method::GET, ["ses", id]) => {
                let sent = self.options.account.sent_mail();
                let mail = sent.iter().find(|mail| mail.message_id == *id);
                mail.map_or_else(absent, |mail| html(page::of_ses(mail)))
            }
            (&Method::POST, ["v3", domain, "messages"]) => self.take(domain, &request).await,
            _ => absent(),
        }
    }

    /// `email`, `verified` and `finance` say whose token it is.
    fn token(&self, query: &str) -> Answer {
        let mut user = User { email: SOMEBODY.to_owned(), verified: true, finance: true };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let yes = matches!(value.as_ref(), "true" | "1" | "yes" | "");
            match name.as_ref() {
                "email" => user.email = value.into_owned(),
                "verified" => user.verified = yes,
                "finance" => user.finance = yes,
                _ => return plain(StatusCode::BAD_REQUEST, "known are email, verified and finance"),
            }
        }
        match self.issuer.token(&user, self.options.account.clock().now_ms()) {
            Ok(token) => plain(StatusCode::OK, &token),
            Err(why) => plain(StatusCode::INTERNAL_SERVER_ERROR, &why),
        }
    }

    async fn take(&self, domain: &str, request: &Request<Bytes>) -> Answer {
        match self.taken(domain, request).await {
            Ok(id) => json_answer(
                StatusCode::OK,
                &json!({ "id": format!("<{id}>"), "message": "Queued. Thank you." }),
            ),
            // The only refusal of Mailgun that is no JSON.
            Err(Refusal { status: StatusCode::UNAUTHORIZED, message }) => {
                plain(StatusCode::UNAUTHORIZED, &message)
            }
            Err(Refusal { status, message }) => json_answer(status, &json!({ "message": message })),
        }
    }

    async fn taken(&self, domain: &str, request: &Request<Bytes>) -> Result<String, Refusal> {
        let credentials = self.options.keeper.read().await;
        mailgun::authenticate(request.headers(), credentials.as_ref())?;
        if domain != self.options.domain {
            let message = format!("Domain not found: {domain}");
            return Err(Refusal { status: StatusCode::NOT_FOUND, message });
        }
        if request.body().len() > BODY_BYTES_MAX {
            let message = "Request Entity Too Large".to_owned();
            return Err(Refusal { status: StatusCode::PAYLOAD_TOO_LARGE, message });
        }
        let fields = mailgun::fields(request.headers(), request.body().clone()).await?;
        let at_ms = self.options.account.clock().now_ms();
        let id = format!("{}@{domain}", uuid::Uuid::new_v4().simple());
        self.outbox.take(mailgun::copies(domain, &fields, &id, at_ms)?);
        Ok(id)
    }

    /// Posts an event of a message to the webhook, and leads back to the message.
    async fn tell(&self, number: u64, form: &[u8]) -> Answer {
        let event = form_urlencoded::parse(form).find(|(name, _)| name == "event").map(|(_, value)| value);
        let (Some(message), Some(event)) = (self.outbox.one(number), event) else { return absent() };
        let url = self.webhook.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let credentials = self.options.keeper.read().await;
        let (Some(url), Some(credentials)) = (url, credentials) else {
            return plain(StatusCode::CONFLICT, "the stage has no webhook, or the secret no value");
        };
        let id = uuid::Uuid::new_v4().simple().to_string();
        let at_ms = self.options.account.clock().now_ms();
        let Some(body) = webhook::body(&message, &event, &id, at_ms, &credentials) else {
            let known = format!("known events are {}", webhook::EVENTS.join(", "));
            return plain(StatusCode::BAD_REQUEST, &known);
        };
        let outcome = webhook::post(&url, &body).await;
        self.outbox.told(number, &event, outcome);
        let mut answer = plain(StatusCode::SEE_OTHER, "");
        if let Ok(back) = HeaderValue::try_from(format!("/mailgun/{number}")) {
            answer.headers_mut().insert(header::LOCATION, back);
        }
        answer
    }
}

/// A port of the loopback, and its address.
///
/// # Errors
/// When it is taken.
pub async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    http_server::bind(port).await
}

fn answer(status: StatusCode, media: &'static str, body: String) -> Answer {
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // The frame of a mail's HTML inherits this: nothing in it runs or loads.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'; \
                  frame-ancestors 'none'; base-uri 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn html(page: String) -> Answer {
    answer(StatusCode::OK, HTML, page)
}

fn plain(status: StatusCode, text: &str) -> Answer {
    answer(status, TEXT, text.to_owned())
}

fn absent() -> Answer {
    plain(StatusCode::NOT_FOUND, "there is nothing here")
}

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    answer(status, "application/json", body.to_string())
}

#[cfg(test)]
mod tests;
