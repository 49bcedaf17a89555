//! The body of a webhook, in each of its forms: JSON, a form with JSON in it, and the legacy form.

use std::collections::BTreeMap;

use contract::outreach::{ClientInfo, DeliveryStatus, EventType, Geolocation, WebhookSignature};
use serde_json::{Value, json};
use subscription::Recipient;
use support::{Failed, Request, keyed};

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";
/// The longest id that is kept as it is: a range key has 1,024 bytes.
const LONGEST_ID: usize = 256;
const LONGEST_TEXT: usize = 1000;
const MOST_TAGS: usize = 20;
/// Under which events are kept that name no message.
const NO_MESSAGE: &str = "unknown";

/// What Mailgun sent: whoever it is, until the signature is checked.
pub(super) struct Payload {
    pub(super) signature: WebhookSignature,
    /// As in the JSON form.
    data: Value,
}

/// An event that is kept.
#[derive(Clone, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) kind: EventType,
    /// Milliseconds since 1970.
    pub(crate) at_ms: i64,
    pub(crate) message_id: String,
    pub(crate) recipient: Recipient,
    pub(crate) tags: Vec<String>,
    pub(crate) delivery_status: Option<DeliveryStatus>,
    pub(crate) client_info: Option<ClientInfo>,
    pub(crate) geolocation: Option<Geolocation>,
}

fn invalid(what: &str) -> Failed {
    Failed::invalid(format!("Invalid webhook payload: {what}"))
}

impl Payload {
    pub(super) fn read(request: &Request) -> Result<Self, Failed> {
        let media = request.header("content-type").unwrap_or(JSON);
        let media = media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media.as_str() {
            JSON => {
                let body = serde_json::from_slice(&request.body).map_err(|_| invalid("no JSON"))?;
                Self::of_json(body)
            }
            FORM => {
                // Of values with one name the last is Mailgun's own: a variable of a user may have its name.
                let form: BTreeMap<String, String> =
                    form_urlencoded::parse(&request.body).into_owned().collect();
                Self::of_form(&form)
            }
            _ => Err(invalid("neither JSON nor a form")),
        }
    }

    fn of_json(mut body: Value) -> Result<Self, Failed> {
        if !body.is_object() {
            return Err(invalid("no object"));
        }
        // What is missing of the signature is as wrong as what does not fit (A9).
        let part = |name: &str| match &body["signature"][name] {
            Value::String(part) => part.clone(),
            Value::Number(part) => part.to_string(),
            _ => String::new(),
        };
        let signature = WebhookSignature {
            timestamp: part("timestamp"),
            token: part("token"),
            signature: part("signature"),
        };
        Ok(Self { signature, data: body["event-data"].take() })
    }

    fn of_form(form: &BTreeMap<String, String>) -> Result<Self, Failed> {
        let text = |name: &str| form.get(name).cloned();
        if let Some(data) = form.get("event-data") {
            let data: Value = serde_json::from_str(data).map_err(|_| invalid("event-data is no JSON"))?;
            let signature = form.get("signature").and_then(|text| serde_json::from_str(text).ok());
            return Self::of_json(
                json!({ "signature": signature.unwrap_or(Value::Null), "event-data": data }),
            );
        }
        let part = |name: &str| text(name).unwrap_or_default();
        let signature = WebhookSignature {
            timestamp: part("timestamp"),
            token: part("token"),
            signature: part("signature"),
        };
        if form.is_empty() {
            return Err(invalid("an empty form"));
        }
        Ok(Self { data: of_legacy(form, &signature), signature })
    }

    /// What tells two events under one token apart.
    pub(super) fn digest(&self) -> String {
        // Members are sorted: the same event has the same text.
        keyed::digest(self.data.to_string().as_bytes())
    }

    pub(super) fn id(&self) -> &str {
        self.data["id"].as_str().unwrap_or_default()
    }

    /// What Mailgun calls the event.
    pub(super) fn name(&self) -> &str {
        self.data["event"].as_str().unwrap_or_default()
    }

    /// The event; `None` for one that is not kept.
    pub(super) fn event(&self) -> Result<Option<Event>, Failed> {
        let data = &self.data;
        let id = Some(self.id()).filter(|id| !id.is_empty()).ok_or_else(|| invalid("id is missing"))?;
        if self.name().is_empty() {
            return Err(invalid("event is missing"));
        }
        let Some(kind) = kind(self.name(), data["severity"].as_str()) else { return Ok(None) };
        let recipient = data["recipient"].as_str().and_then(Recipient::of_stranger);
        let recipient = recipient.ok_or_else(|| invalid("recipient is missing or no address"))?;
        let seconds = match &data["timestamp"] {
            Value::Number(seconds) => seconds.as_f64(),
            Value::String(seconds) => seconds.parse().ok(),
            _ => None,
        };
        let plausible = seconds.filter(|seconds| (1e9..1e11).contains(seconds));
        let at_ms = plausible.ok_or_else(|| invalid("timestamp is missing or no time"))? * 1000.0;
        let message = data["message"]["headers"]["message-id"].as_str().unwrap_or_default();
        let message = message.trim_matches(['<', '>', ' ']);
        let tags = data["tags"].as_array().into_iter().flatten().filter_map(cut).take(MOST_TAGS);
        Ok(Some(Event {
            id: key(id),
            kind,
            at_ms: at_ms.round() as i64,
            message_id: key(if message.is_empty() { NO_MESSAGE } else { message }),
            recipient,
            tags: tags.collect(),
            delivery_status: status(&data["delivery-status"]),
            client_info: client(&data["client-info"]),
            geolocation: place(&data["geolocation"]),
        }))
    }
}

/// Names of both forms (A21).
fn kind(name: &str, severity: Option<&str>) -> Option<EventType> {
    Some(match name {
        "delivered" => EventType::Delivered,
        "opened" => EventType::Opened,
        "clicked" => EventType::Clicked,
        "complained" => EventType::Complained,
        "unsubscribed" => EventType::Unsubscribed,
        "bounced" | "dropped" | "permanent_fail" => EventType::Bounced,
        "temporary_fail" => EventType::TemporaryFail,
        "failed" if severity == Some("temporary") => EventType::TemporaryFail,
        "failed" => EventType::Bounced,
        _ => return None,
    })
}

/// An id as part of a key.
fn key(id: &str) -> String {
    if id.len() <= LONGEST_ID { id.to_owned() } else { keyed::digest(id.as_bytes()) }
}

fn cut(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.chars().take(LONGEST_TEXT).collect())
}

fn status(value: &Value) -> Option<DeliveryStatus> {
    let code = value["code"].as_i64().or_else(|| value["code"].as_str()?.parse().ok());
    let status =
        DeliveryStatus { code, message: cut(&value["message"]), description: cut(&value["description"]) };
    (status != DeliveryStatus::default()).then_some(status)
}

fn client(value: &Value) -> Option<ClientInfo> {
    let of = |name: &str| cut(&value[name]);
    let info = ClientInfo {
        client_name: of("client-name"),
        client_os: of("client-os"),
        device_type: of("device-type"),
    };
    (info != ClientInfo::default()).then_some(info)
}

fn place(value: &Value) -> Option<Geolocation> {
    let of = |name: &str| cut(&value[name]);
    let place = Geolocation { country: of("country"), region: of("region"), city: of("city") };
    (place != Geolocation::default()).then_some(place)
}

/// The legacy form in the names of the JSON form. It has no id of the event; its token is as unique, and its digest is
/// what may be written into logs.
fn of_legacy(form: &BTreeMap<String, String>, signature: &WebhookSignature) -> Value {
    let digest = keyed::digest(signature.token.as_bytes());
    let text = |names: &[&str]| names.iter().find_map(|name| form.get(*name)).cloned();
    let tags: Vec<String> =
        ["tag", "X-Mailgun-Tag", "tags"].iter().filter_map(|name| form.get(*name)).cloned().collect();
    json!({
        "id": if signature.token.is_empty() { String::new() } else { format!("legacy-{digest}") },
        "event": text(&["event"]),
        "timestamp": signature.timestamp,
        "recipient": text(&["recipient"]),
        "severity": text(&["severity"]),
        "message": { "headers": { "message-id": text(&["Message-Id", "message-id"]) } },
        "tags": tags,
        "delivery-status": {
            "code": text(&["code"]),
            "message": text(&["error", "notification"]),
            "description": text(&["description"]),
        },
        "client-info": {
            "client-name": text(&["client-name"]),
            "client-os": text(&["client-os"]),
            "device-type": text(&["device-type"]),
        },
        "geolocation": {
            "country": text(&["country"]),
            "region": text(&["region"]),
            "city": text(&["city"]),
        },
    })
}
