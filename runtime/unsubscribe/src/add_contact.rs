//! Subscribing again: by staff with a Firebase token, or by the contact itself with an unsubscribe token, for
//! its own address and topic only (R65, A7).

use std::{collections::BTreeMap, sync::Arc};

use contract::{
    function::AddContact,
    reply::{Code, VERSION},
    stream::Stream,
    subscription::{AddContactRequest, AddContactResponse, Status},
};
use subscription::{Action, Event, Opened, Opener, Recipient, Registry, Source, Unopened, Wish};
use support::{Call, Failed, Reply, Request, auth, keyed, limit};

use crate::link::shown;

/// One request.
pub(crate) async fn handle(request: Request, call: Arc<Call<AddContact>>) -> Result<Reply, Failed> {
    let desk = Desk { request: &request, call: &call };
    let staff = request.header("authorization").is_some();
    let mut asking =
        Asking { source: if staff { Source::Staff } else { Source::Owner }, ..Asking::default() };
    let asked = if staff { desk.by_staff(&mut asking).await } else { desk.by_owner(&mut asking).await };
    let outcome = match asked {
        Ok(who) => desk.add(&who, &asking).await,
        Err(failed) => Err(desk.refused(&asking, failed).await),
    };
    let contact = match &asking.who {
        Some(who) => keyed::hashed(&call, &call.variables.log_hashes, who.address()).await,
        None => None,
    };
    tracing::info!(
        request = request.id,
        token = asking.token_ms.map(support::time::iso),
        actor = asking.actor,
        contact,
        outcome = if outcome.is_ok() { "done" } else { "refused" },
        "a contact is to be subscribed"
    );
    outcome
}

struct Desk<'a> {
    request: &'a Request,
    call: &'a Call<AddContact>,
}

/// What is known of a request so far, and certain: a record of its refusal holds it.
struct Asking {
    source: Source,
    who: Option<Recipient>,
    wish: Wish,
    actor: Option<String>,
    token_ms: Option<i64>,
}

impl Default for Asking {
    fn default() -> Self {
        Self { source: Source::Owner, who: None, wish: Wish::default(), actor: None, token_ms: None }
    }
}

impl Asking {
    fn event(&self, request: &Request, action: Action) -> Event {
        let event = Event::of_request(request, action, self.source);
        Event { actor: self.actor.clone(), token_ms: self.token_ms, ..event }
    }
}

impl Desk<'_> {
    fn registry(&self) -> Registry {
        let variables = &self.call.variables;
        Registry::of(&variables.contacts, &variables.audit, &variables.list, &self.call.aws, self.call.clock)
    }

    fn body(&self) -> Result<AddContactRequest, Failed> {
        serde_json::from_slice(&self.request.body).map_err(|_| Failed::invalid("The body is not valid"))
    }

    async fn by_staff(&self, asking: &mut Asking) -> Result<Recipient, Failed> {
        let variables = &self.call.variables;
        let user = auth::user(self.request, self.call, &variables.firebase, &variables.firebase_keys).await?;
        asking.actor = Some(user.uid.clone());
        let body = self.body();
        if let Ok(body) = &body {
            let topics = body.topic.map_or(Stream::ALL.to_vec(), |topic| vec![topic]);
            let mut statuses: BTreeMap<Stream, Status> =
                topics.into_iter().map(|topic| (topic, Status::OptIn)).collect();
            statuses.extend(body.topic_preferences.clone().unwrap_or_default());
            asking.wish = Wish::set(statuses);
            asking.who = body.email.as_deref().and_then(Recipient::of_stranger);
        }
        let user = user.verified()?;
        limit::admit(self.call, &variables.limits, &user.uid).await?;
        body?;
        asking.who.clone().ok_or_else(|| Failed::invalid("email is not valid"))
    }

    async fn by_owner(&self, asking: &mut Asking) -> Result<Recipient, Failed> {
        // Without any token the caller is told that one is missing, whatever the body is.
        let body = self.body();
        let given = body.as_ref().ok().and_then(|body| body.data.as_deref());
        let Some(token) = given.or_else(|| self.request.parameter("data")).filter(|token| !token.is_empty())
        else {
            return Err(Failed::new(Code::MissingToken, "Authorization token is required"));
        };
        let hint = body.as_ref().ok().and_then(|body| body.topic);
        let opened = self.opened(token, hint).await?;
        asking.who = Some(opened.who.clone());
        asking.token_ms = Some(opened.made_ms);
        let body = body?;
        let mut statuses = BTreeMap::from([(body.topic.unwrap_or(opened.stream), Status::OptIn)]);
        statuses.extend(body.topic_preferences.unwrap_or_default());
        asking.wish = Wish::set(statuses);
        if opened.expired(self.call.clock.now_ms(), self.call.variables.max_age.0) {
            return Err(invalid());
        }
        let other =
            body.email.as_deref().is_some_and(|email| Recipient::parse(email).as_ref() != Some(&opened.who));
        if other || asking.wish.streams.keys().any(|stream| *stream != opened.stream) {
            return Err(Failed::new(Code::InsufficientPermissions, "The token does not allow this"));
        }
        Ok(opened.who)
    }

    /// What the token says, of whichever stream it is, and however old it is.
    async fn opened(&self, token: &str, hint: Option<Stream>) -> Result<Opened, Failed> {
        let opener = Opener::new(&self.call.aws, &self.call.variables.key);
        let first = hint.unwrap_or(Stream::Outreach);
        let others = Stream::ALL.into_iter().filter(|stream| *stream != first);
        for stream in std::iter::once(first).chain(others) {
            match opener.open(token, stream, self.call.clock.now_ms()).await {
                Ok(opened) => return Ok(opened),
                Err(Unopened::Invalid) => {}
                Err(Unopened::Unasked(failed)) => return Err(failed),
            }
        }
        Err(invalid())
    }

    async fn add(&self, who: &Recipient, asking: &Asking) -> Result<Reply, Failed> {
        let event = asking.event(self.request, Action::of(&asking.wish));
        let now_ms = self.call.clock.now_ms();
        let outcome = self.registry().apply(who, &asking.wish, now_ms, &event).await?;
        let body = AddContactResponse {
            success: true,
            message: "Contact updated successfully".to_owned(),
            data: shown(&outcome.preferences),
            timestamp: self.call.clock.timestamp(),
            version: VERSION.to_owned(),
        };
        Ok(Reply::json(200, &body))
    }

    /// Keeps the record of what is refused, where it can be kept.
    async fn refused(&self, asking: &Asking, failed: Failed) -> Failed {
        let event = asking.event(self.request, Action::Subscribe);
        let (now_ms, reason) = (self.call.clock.now_ms(), format!("{:?}", failed.code));
        let registry = self.registry();
        let kept = registry.log().failure(asking.who.as_ref(), &event, &asking.wish, now_ms, &reason).await;
        if let Err(failed) = kept {
            tracing::warn!(request = self.request.id, cause = failed.cause, "a failure is not recorded");
        }
        failed
    }
}

/// Too old a token does not subscribe (A25), and does not differ from one that is none.
fn invalid() -> Failed {
    Failed::new(Code::InvalidToken, "Invalid or expired authentication token")
}
