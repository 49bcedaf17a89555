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
    Action, Event, Opened, Opener, Preferences, Registry, Source, Unopened, Wish, audit::Log,
};
use support::{Call, Failed, Reply, Request, keyed};

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
        self.log(Some(&opened), if expired { "shown, expired" } else { "shown" }).await;
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
        let choice = Form::of(self.request).await.and_then(|form| Choice::of(&form));
        let token = self.token().await;
        let (choice, token, opened) = match (&choice, &token) {
            (Ok(choice), Ok((token, opened))) => (choice, *token, opened),
            (Err(failed), known) => {
                let owner = known.as_ref().ok().map(|(_, opened)| opened);
                return Err(self.refused(None, owner, failed.clone()).await);
            }
            (Ok(choice), Err(failed)) => return Err(self.refused(Some(choice), None, failed.clone()).await),
        };
        let expired = self.expired(opened);
        let saved = match choice {
            Choice::OneClick => {
                self.apply(opened, choice, &choice.wish(self.stream)).await?;
                return Ok(self.done());
            }
            Choice::Nothing => "You get no more mail from us.",
            Choice::Leave => "You are unsubscribed.",
            Choice::Save(_) if expired => {
                let failed = Failed::invalid("The link is too old for this; it only unsubscribes");
                return Err(self.refused(Some(choice), Some(opened), failed).await);
            }
            Choice::Save(kept) => return self.save(opened, choice, kept, token).await,
        };
        let left = self.apply(opened, choice, &choice.wish(self.stream)).await?;
        Ok(self.after(opened, expired, &left, token, saved))
    }

    /// The checked boxes are what is kept. A box that cannot be changed is not sent by browsers, and opens
    /// nothing.
    async fn save(
        &self,
        opened: &Opened,
        choice: &Choice,
        kept: &[Stream],
        token: &str,
    ) -> Result<Reply, Failed> {
        let known = match self.registry().preferences(&opened.who).await {
            Ok(known) => known,
            Err(failed) => return Err(self.refused(Some(choice), Some(opened), failed).await),
        };
        let mut wanted = BTreeMap::new();
        for stream in Stream::ALL {
            match (known.wants(stream), kept.contains(&stream)) {
                (true, false) => drop(wanted.insert(stream, Status::OptOut)),
                (false, true) if stream == self.stream => drop(wanted.insert(stream, Status::OptIn)),
                _ => {}
            }
        }
        let after = self.apply(opened, choice, &Wish::set(wanted)).await?;
        Ok(page::choices(&opened.who, self.stream, &after, token, Some("Your choice is saved.")))
    }

    async fn apply(&self, opened: &Opened, choice: &Choice, wish: &Wish) -> Result<Preferences, Failed> {
        let action = if matches!(choice, Choice::Save(_)) { Action::of(wish) } else { Action::Unsubscribe };
        let event = Event::of_request(self.request, action, choice.source());
        let event = Event { token_ms: Some(opened.made_ms), ..event };
        let at_ms = self.call.clock.now_ms();
        let outcome = self.registry().apply(&opened.who, wish, at_ms, &event).await;
        let how = if outcome.is_ok() { "done" } else { "failed" };
        self.log(Some(opened), how).await;
        Ok(outcome?.preferences)
    }

    /// Keeps the record of what is refused, where it can be kept: what was asked for, and by whom, as far as both
    /// are certain.
    async fn refused(&self, choice: Option<&Choice>, owner: Option<&Opened>, failed: Failed) -> Failed {
        let asked = choice.map(|choice| choice.wish(self.stream)).unwrap_or_default();
        let action = match choice {
            Some(Choice::Save(_)) => Action::of(&asked),
            _ => Action::Unsubscribe,
        };
        let event = Event::of_request(self.request, action, choice.map_or(Source::Page, Choice::source));
        let event = Event { token_ms: owner.map(|opened| opened.made_ms), ..event };
        let log = Log::of(&self.call.variables.audit, &self.call.aws, self.call.clock);
        let (who, reason) = (owner.map(|opened| &opened.who), format!("{:?}", failed.code));
        if let Err(failed) = log.failure(who, &event, &asked, self.call.clock.now_ms(), &reason).await {
            tracing::warn!(request = self.request.id, cause = failed.cause, "a failure is not recorded");
        }
        self.log(owner, "refused").await;
        failed
    }

    /// Who it was, without saying who (R74, A33).
    async fn log(&self, opened: Option<&Opened>, how: &'static str) {
        let contact = match opened {
            Some(opened) => {
                keyed::hashed(self.call, &self.call.variables.log_hashes, opened.who.address()).await
            }
            None => None,
        };
        tracing::info!(
            request = self.request.id,
            token = opened.map(|opened| support::time::iso(opened.made_ms)),
            contact,
            topic = self.stream.topic(),
            outcome = how,
            "a link is used"
        );
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

/// What a form asks for.
enum Choice {
    OneClick,
    Leave,
    Nothing,
    /// The streams whose boxes are checked.
    Save(Vec<Stream>),
}

impl Choice {
    fn of(form: &Form) -> Result<Self, Failed> {
        match form.value("preferences") {
            _ if form.is_one_click() => Ok(Self::OneClick),
            None => Err(Failed::invalid("The body must be List-Unsubscribe=One-Click")),
            Some("leave") => Ok(Self::Leave),
            Some("nothing") => Ok(Self::Nothing),
            Some("save") => Ok(Self::Save(form.values("keep").filter_map(Stream::of_topic).collect())),
            Some(_) => Err(Failed::invalid("There is no such choice")),
        }
    }

    /// What it asks for, whatever was wanted before.
    fn wish(&self, stream: Stream) -> Wish {
        match self {
            Self::OneClick | Self::Leave => Wish::leave(stream),
            Self::Nothing => Wish::leave_everything(),
            Self::Save(kept) => {
                let status = |one: &Stream| if kept.contains(one) { Status::OptIn } else { Status::OptOut };
                Wish::set(Stream::ALL.into_iter().map(|one| (one, status(&one))).collect())
            }
        }
    }

    fn source(&self) -> Source {
        if matches!(self, Self::OneClick) { Source::OneClick } else { Source::Page }
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
