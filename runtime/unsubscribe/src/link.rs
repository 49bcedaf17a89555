//! Unsubscribe links: GET shows, POST does (R61-R63, R72, A6, A25, A31).

use std::{collections::BTreeMap, sync::Arc};

use contract::{
    function::Deployed,
    reply::VERSION,
    stream::Stream,
    subscription::{
        ContactPreferences, PreferencesResponse, Status, TokenState, UnsubscribeResponse,
        UnsubscribeVariables,
    },
};
use http::{HeaderMap, HeaderValue, Method, header};
use subscription::{
    Action, Event, Opened, Opener, Preferences, Recipient, Registry, Source, Unopened, Wish, audit::Log,
};
use support::{Call, Failed, Reply, Request};

use crate::{
    form::Form,
    page,
    strict::{failure, strict, wants_data, wants_page},
};

/// One request to the endpoint of a stream.
pub(crate) async fn handle<F: Deployed<Variables = UnsubscribeVariables>>(
    stream: Stream,
    request: Request,
    call: Arc<Call<F>>,
) -> Result<Reply, Failed> {
    let link = Link { stream, request: &request, call: &call };
    let outcome = match request.method {
        Method::GET => link.show().await,
        Method::HEAD => link.show().await.map(|reply| Reply { body: String::new(), ..reply }),
        Method::POST => link.act().await,
        _ => Err(Failed::new(contract::reply::Code::NotFound, "There is no such method here")),
    };
    Ok(outcome.map_or_else(|failed| failure(&request, &failed, call.clock), strict))
}

struct Link<'a, F: Deployed> {
    stream: Stream,
    request: &'a Request,
    call: &'a Call<F>,
}

impl<F: Deployed<Variables = UnsubscribeVariables>> Link<'_, F> {
    fn registry(&self) -> Registry {
        let variables = &self.call.variables;
        Registry::of(&variables.contacts, &variables.audit, &variables.list, &self.call.aws, self.call.clock)
    }

    /// The token of the query: its text and what it says. Nothing but the token itself decides.
    async fn token(&self) -> Result<(&str, Opened), Failed> {
        let text = self.request.parameter("data").unwrap_or_default();
        let opener = Opener::new(&self.call.aws, &self.call.variables.key);
        match opener.open(text, self.stream, self.call.clock.now_ms()).await {
            Ok(opened) => Ok((text, opened)),
            Err(Unopened::Invalid) => Err(Failed::invalid("The unsubscribe link is not valid")),
            Err(Unopened::Unasked(failed)) => Err(failed),
        }
    }

    fn expired(&self, opened: &Opened) -> bool {
        opened.expired(self.call.clock.now_ms(), self.call.variables.max_age.0)
    }

    /// Reads at most: mail scanners and browsers fetch links by themselves.
    async fn show(&self) -> Result<Reply, Failed> {
        let (token, opened) = self.token().await?;
        let expired = self.expired(&opened);
        tracing::info!(
            request = self.request.id,
            token = support::time::iso(opened.made_ms),
            expired,
            "a link is followed"
        );
        if wants_data(self.request) {
            return self.state(&opened, expired).await;
        }
        if let Some(url) = &self.call.variables.confirmation.0 {
            return redirect(url, token, &opened, expired);
        }
        if expired {
            return Ok(page::leave(self.stream, token));
        }
        let preferences = self.registry().preferences(&opened.who).await?;
        Ok(page::choices(&opened.who, self.stream, &preferences, token, None))
    }

    async fn state(&self, opened: &Opened, expired: bool) -> Result<Reply, Failed> {
        let preferences = match expired {
            true => None,
            false => Some(self.registry().preferences(&opened.who).await?),
        };
        let data = TokenState {
            topic: self.stream,
            expired,
            email: (!expired).then(|| opened.who.address().to_owned()),
            preferences: preferences.as_ref().map(shown),
        };
        let timestamp = self.call.clock.timestamp();
        let body = PreferencesResponse { success: true, data, timestamp, version: VERSION.to_owned() };
        Ok(Reply::json(200, &body))
    }

    async fn act(&self) -> Result<Reply, Failed> {
        let form = Form::of(self.request).await?;
        let (one_click, wanted) = (form.is_one_click(), form.value("preferences"));
        if !one_click && wanted.is_none() {
            return Err(Failed::invalid("The body must be List-Unsubscribe=One-Click"));
        }
        let source = if one_click { Source::OneClick } else { Source::Page };
        let (token, opened) = match self.token().await {
            Ok(read) => read,
            Err(failed) => return Err(self.refused(source, failed).await),
        };
        if one_click {
            self.apply(&opened, &Wish::leave(self.stream), Action::Unsubscribe, source).await?;
            return Ok(self.done());
        }
        let expired = self.expired(&opened);
        match wanted {
            Some("nothing") => {
                let wish = Wish::leave_everything();
                let left = self.apply(&opened, &wish, Action::Unsubscribe, source).await?;
                Ok(self.after(&opened, expired, &left, token, "You get no more mail from us."))
            }
            Some("leave") => {
                let wish = Wish::leave(self.stream);
                let left = self.apply(&opened, &wish, Action::Unsubscribe, source).await?;
                Ok(self.after(&opened, expired, &left, token, "You are unsubscribed."))
            }
            Some("save") if !expired => self.save(&opened, &form, token).await,
            Some("save") => Err(Failed::invalid("The link is too old for this; it only unsubscribes")),
            _ => Err(Failed::invalid("There is no such choice")),
        }
    }

    /// The checked boxes are what is kept. A box that cannot be changed is not sent by browsers, and opens
    /// nothing.
    async fn save(&self, opened: &Opened, form: &Form, token: &str) -> Result<Reply, Failed> {
        let kept: Vec<&str> = form.values("keep").collect();
        let known = self.registry().preferences(&opened.who).await?;
        let mut wanted = BTreeMap::new();
        for stream in Stream::ALL {
            let keeps = kept.contains(&stream.topic());
            match (known.wants(stream), keeps) {
                (true, false) => drop(wanted.insert(stream, Status::OptOut)),
                (false, true) if stream == self.stream => drop(wanted.insert(stream, Status::OptIn)),
                _ => {}
            }
        }
        let wish = Wish::set(wanted);
        let after = self.apply(opened, &wish, Action::of(&wish), Source::Page).await?;
        Ok(page::choices(&opened.who, self.stream, &after, token, Some("Your choice is saved.")))
    }

    async fn apply(
        &self,
        opened: &Opened,
        wish: &Wish,
        action: Action,
        source: Source,
    ) -> Result<Preferences, Failed> {
        let event = Event::of_request(self.request, action, source);
        let event = Event { token_ms: Some(opened.made_ms), ..event };
        let at_ms = self.call.clock.now_ms();
        Ok(self.registry().apply(&opened.who, wish, at_ms, &event).await?.preferences)
    }

    /// Keeps the record of a refused token, where it can be kept.
    async fn refused(&self, source: Source, failed: Failed) -> Failed {
        let event = Event::of_request(self.request, Action::Unsubscribe, source);
        let log = Log::of(&self.call.variables.audit, &self.call.aws, self.call.clock);
        let reason = format!("{:?}", failed.code);
        let now_ms = self.call.clock.now_ms();
        if let Err(failed) = log.failure(None::<&Recipient>, &event, now_ms, &reason).await {
            tracing::warn!(request = self.request.id, cause = failed.cause, "a failure is not recorded");
        }
        failed
    }

    fn done(&self) -> Reply {
        let body = UnsubscribeResponse {
            success: true,
            message: "Unsubscribed successfully".to_owned(),
            timestamp: self.call.clock.timestamp(),
            version: VERSION.to_owned(),
        };
        Reply::json(200, &body)
    }

    /// What the page's form is answered with.
    fn after(
        &self,
        opened: &Opened,
        expired: bool,
        preferences: &Preferences,
        token: &str,
        saved: &'static str,
    ) -> Reply {
        match (wants_page(self.request), expired) {
            (false, _) => self.done(),
            (true, true) => page::left(self.stream),
            (true, false) => page::choices(&opened.who, self.stream, preferences, token, Some(saved)),
        }
    }
}

/// What is answered to who may know.
pub(crate) fn shown(preferences: &Preferences) -> ContactPreferences {
    let status = |stream: Stream| (stream, preferences.status(stream));
    ContactPreferences {
        topic_preferences: Stream::ALL.into_iter().map(status).collect(),
        unsubscribe_all: preferences.left_everything(),
    }
}

/// To the page of the CRM, which asks before it posts. An old token goes without the address (A25).
fn redirect(url: &str, token: &str, opened: &Opened, expired: bool) -> Result<Reply, Failed> {
    let mut query = form_urlencoded::Serializer::new(String::new());
    if !expired {
        query.append_pair("email", opened.who.address());
    }
    query.append_pair("topic", opened.stream.topic());
    query.append_pair("status", if expired { "expired" } else { "pending" });
    query.append_pair("data", token);
    let join = if url.contains('?') { '&' } else { '?' };
    let location = HeaderValue::from_str(&format!("{url}{join}{}", query.finish()))
        .map_err(|_| Failed::internal("the confirmation URL is no header"))?;
    let reply = Reply { status: 302, headers: HeaderMap::new(), body: String::new(), metrics: Vec::new() };
    Ok(reply.with(header::LOCATION, location))
}
