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
use support::{Call, Failed, Reply, Request, auth, limit};

use crate::link::shown;

/// One request.
pub(crate) async fn handle(request: Request, call: Arc<Call<AddContact>>) -> Result<Reply, Failed> {
    let desk = Desk { request: &request, call: &call };
    match desk.ask().await {
        Ok(asked) => desk.add(asked).await,
        Err((source, failed)) => {
            let event = Event::of_request(&request, Action::Subscribe, source);
            let reason = format!("{:?}", failed.code);
            let log = desk.registry().log().clone();
            if let Err(failed) = log.failure(None, &event, call.clock.now_ms(), &reason).await {
                tracing::warn!(request = request.id, cause = failed.cause, "a failure is not recorded");
            }
            Err(failed)
        }
    }
}

struct Desk<'a> {
    request: &'a Request,
    call: &'a Call<AddContact>,
}

/// What is asked for, by somebody who may.
struct Asked {
    who: Recipient,
    wish: Wish,
    source: Source,
    actor: Option<String>,
    token_ms: Option<i64>,
}

impl Desk<'_> {
    fn registry(&self) -> Registry {
        let variables = &self.call.variables;
        Registry::of(&variables.contacts, &variables.audit, &variables.list, &self.call.aws, self.call.clock)
    }

    async fn ask(&self) -> Result<Asked, (Source, Failed)> {
        let staff = self.request.header("authorization").is_some();
        let source = if staff { Source::Staff } else { Source::Owner };
        let asked = if staff { self.by_staff().await } else { self.by_owner().await };
        asked.map_err(|failed| (source, failed))
    }

    fn body(&self) -> Result<AddContactRequest, Failed> {
        serde_json::from_slice(&self.request.body).map_err(|_| Failed::invalid("The body is not valid"))
    }

    async fn by_staff(&self) -> Result<Asked, Failed> {
        let variables = &self.call.variables;
        let user = auth::user(self.request, self.call, &variables.firebase, &variables.firebase_keys).await?;
        let user = user.verified()?;
        limit::admit(self.call, &variables.limits, &user.uid).await?;
        let body = self.body()?;
        let who = body.email.as_deref().and_then(Recipient::of_stranger).ok_or_else(|| Failed::invalid("email is not valid"))?;
        let topics = body.topic.map_or(Stream::ALL.to_vec(), |topic| vec![topic]);
        let mut statuses: BTreeMap<Stream, Status> =
            topics.into_iter().map(|topic| (topic, Status::OptIn)).collect();
        statuses.extend(body.topic_preferences.unwrap_or_default());
        let (source, wish) = (Source::Staff, Wish::set(statuses));
        Ok(Asked { who, wish, source, actor: Some(user.uid), token_ms: None })
    }

    async fn by_owner(&self) -> Result<Asked, Failed> {
        // Without any token the caller is told that one is missing, whatever the body is.
        let body = self.body();
        let given = body.as_ref().ok().and_then(|body| body.data.as_deref());
        let Some(token) = given.or_else(|| self.request.parameter("data")).filter(|token| !token.is_empty())
        else {
            return Err(Failed::new(Code::MissingToken, "Authorization token is required"));
        };
        let body = body.as_ref().map_err(Clone::clone)?;
        let opened = self.opened(token, body.topic).await?;
        let refused = || Failed::new(Code::InsufficientPermissions, "The token does not allow this");
        if body.email.as_deref().is_some_and(|email| Recipient::parse(email).as_ref() != Some(&opened.who)) {
            return Err(refused());
        }
        let mut statuses = BTreeMap::from([(opened.stream, Status::OptIn)]);
        statuses.extend(body.topic_preferences.clone().unwrap_or_default());
        if body.topic.is_some_and(|topic| topic != opened.stream) || statuses.len() > 1 {
            return Err(refused());
        }
        let (wish, source) = (Wish::set(statuses), Source::Owner);
        Ok(Asked { who: opened.who, wish, source, actor: None, token_ms: Some(opened.made_ms) })
    }

    /// What the token says, of whichever stream it is; too old a one does not subscribe (A25).
    async fn opened(&self, token: &str, hint: Option<Stream>) -> Result<Opened, Failed> {
        let variables = &self.call.variables;
        let now_ms = self.call.clock.now_ms();
        let opener = Opener::new(&self.call.aws, &variables.key);
        let invalid = || Failed::new(Code::InvalidToken, "Invalid or expired authentication token");
        let first = hint.unwrap_or(Stream::Outreach);
        let others = Stream::ALL.into_iter().filter(|stream| *stream != first);
        for stream in std::iter::once(first).chain(others) {
            match opener.open(token, stream, now_ms).await {
                Ok(opened) if opened.expired(now_ms, variables.max_age.0) => return Err(invalid()),
                Ok(opened) => return Ok(opened),
                Err(Unopened::Invalid) => {}
                Err(Unopened::Unasked(failed)) => return Err(failed),
            }
        }
        Err(invalid())
    }

    async fn add(&self, asked: Asked) -> Result<Reply, Failed> {
        let event = Event {
            actor: asked.actor,
            token_ms: asked.token_ms,
            ..Event::of_request(self.request, Action::of(&asked.wish), asked.source)
        };
        let now_ms = self.call.clock.now_ms();
        let outcome = self.registry().apply(&asked.who, &asked.wish, now_ms, &event).await?;
        let body = AddContactResponse {
            success: true,
            message: "Contact updated successfully".to_owned(),
            data: shown(&outcome.preferences),
            timestamp: self.call.clock.timestamp(),
            version: VERSION.to_owned(),
        };
        Ok(Reply::json(200, &body))
    }
}
