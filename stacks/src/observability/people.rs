//! Who calls: refused tokens and signatures, users who were told to wait, and when people are active
//! (R107-R110).

use contract::{
    api::{APIS, Auth, user_limits_of},
    function::Function,
    metric::{
        AUTHENTICATION_FAILURES, AUTHENTICATION_SUCCESSES, CLIENT_ERRORS, Name, RATE_LIMIT_EVENTS, REQUESTS,
        RESPONSE_TIME, SERVER_ERRORS, TOKEN_VALIDATION_TIME,
    },
};
use kinds::{
    World,
    bound::DeclareError,
    kinds::{
        alarm::{Alarm, Statistic},
        dashboard::{Content, Graph, Line, Rows},
        topic::Topic,
    },
};
use model::{Address, Ref, Text};

use super::{HEIGHT, HOUR_S, STACK, lines, signed, writers, written};
use crate::Environment;

pub(super) fn declare(
    world: &mut World,
    environment: &Environment,
    told: &Ref<Topic>,
    rows: Rows,
) -> Result<Rows, DeclareError> {
    let limits = &environment.alarms.thresholds;
    for function in writers(AUTHENTICATION_FAILURES).filter(|function| checks_credentials(function)) {
        let percent = signed(limits.authentication_failures_percent);
        let (part, whole) = (written(AUTHENTICATION_FAILURES, function), written(REQUESTS, function));
        let alarm = Alarm::rate(part, whole, percent, limits.floor)
            .described(format!("More than {percent} % of the callers of {} are refused.", function.name))
            .telling(told);
        world.add(STACK, &format!("function-{}-refusals", function.name), alarm)?;
    }
    for function in writers(RATE_LIMIT_EVENTS).filter(|function| user_limits_of(function.name).is_some()) {
        let most = signed(limits.rate_limited_an_hour);
        let alarm = Alarm::count(written(RATE_LIMIT_EVENTS, function).every(HOUR_S), most)
            .described(format!("Users of {} are told to wait more than {most} times an hour.", function.name))
            .telling(told);
        world.add(STACK, &format!("function-{}-limits", function.name), alarm)?;
    }
    let times = writers(TOKEN_VALIDATION_TIME).map(|function| {
        Line::of(written(TOKEN_VALIDATION_TIME, function).percentile(95)).labelled(function.name)
    });
    let graphs = [
        Content::Graph(Graph::of("Callers admitted", lines(AUTHENTICATION_SUCCESSES))),
        Content::Graph(Graph::of("Callers refused", lines(AUTHENTICATION_FAILURES))),
        Content::Graph(Graph::of("Users told to wait", lines(RATE_LIMIT_EVENTS))),
        Content::Graph(Graph::of("Checking a token: p95, milliseconds", times)),
    ];
    let health = [
        share("Callers admitted: per cent", AUTHENTICATION_SUCCESSES, AUTHENTICATION_FAILURES),
        failed(),
        Content::Graph(Graph::of("Answers: average milliseconds", average(RESPONSE_TIME))),
    ];
    Ok(rows.heading("People").row(HEIGHT, graphs).row(HEIGHT, health).row(HEIGHT, [activity()?]))
}

/// How many of a hundred are good, by the function that writes both.
fn share(title: &str, good: Name, bad: Name) -> Content {
    let both = writers(good).filter(|function| bad.is_written_by(function));
    let lines = both.enumerate().flat_map(|(number, function)| {
        let (good_id, bad_id) = (format!("good{number}"), format!("bad{number}"));
        let part = format!("IF({good_id}+{bad_id}>0,100*{good_id}/({good_id}+{bad_id}))");
        [
            Line::of(written(good, function)).hidden(&good_id),
            Line::of(written(bad, function)).hidden(&bad_id),
            Line::math(part).labelled(function.name),
        ]
    });
    Content::Graph(Graph::of(title, lines))
}

/// How many of a hundred answers say that something went wrong, whoever's fault it is.
fn failed() -> Content {
    let lines = writers(REQUESTS).enumerate().flat_map(|(number, function)| {
        let id = |what: &str| format!("{what}{number}");
        let (all, theirs, ours) = (id("all"), id("client"), id("server"));
        let part = format!("IF({all}>0,100*({theirs}+{ours})/{all})");
        [
            Line::of(written(REQUESTS, function)).hidden(&all),
            Line::of(written(CLIENT_ERRORS, function)).hidden(&theirs),
            Line::of(written(SERVER_ERRORS, function)).hidden(&ours),
            Line::math(part).labelled(function.name),
        ]
    });
    Content::Graph(Graph::of("Answers 4xx and 5xx: per cent", lines))
}

fn average(name: Name) -> impl Iterator<Item = Line> {
    writers(name)
        .map(move |function| Line::of(written(name, function).by(Statistic::Average)).labelled(function.name))
}

/// Whether some endpoint of the function wants a token or a signature that the function itself checks.
fn checks_credentials(function: &Function) -> bool {
    let endpoints = APIS.iter().flat_map(|api| api.endpoints);
    endpoints.filter(|endpoint| endpoint.function.name == function.name).any(|endpoint| match endpoint.auth {
        Auth::Firebase | Auth::Finance | Auth::FirebaseOrToken | Auth::MailgunSignature => true,
        // Keys are the gateway's to check; a wrong unsubscribe token is a bad request like any other.
        Auth::Open | Auth::ApiKey | Auth::UnsubscribeToken => false,
    })
}

/// Requests, users and requests of each by the hour, from the lines of admitted callers: an id of a
/// user makes no metric of its own. The nearest that CloudWatch has to a heat map.
fn activity() -> Result<Content, DeclareError> {
    let mut query = Text::default();
    for function in writers(AUTHENTICATION_SUCCESSES) {
        let group = Address::new(function.stack, "log group", function.name)?;
        query = query.then("SOURCE '").then(Text::named(&group, "name").as_str()).then("' | ");
    }
    let admitted = AUTHENTICATION_SUCCESSES.text();
    let query = query
        .then(&format!("filter ispresent(user) and {admitted} > 0 | "))
        .then(
            "stats count(*) as requests, count_distinct(user) as users, requests / users as requestsPerUser ",
        )
        .then("by bin(1h)");
    Ok(Content::Logs { title: "Activity by the hour".to_owned(), query })
}
