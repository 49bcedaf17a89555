//! Alarms and the dashboard (R107-R110), derived from the contract: a new endpoint has its alarms
//! without anyone adding them.

use contract::{
    api::{APIS, Api, Endpoint},
    function::{FUNCTIONS, Function, Trigger},
    metric,
};
use kinds::{
    World,
    bound::DeclareError,
    kinds::{
        alarm::{Alarm, MetricStat},
        dashboard::{Content, Dashboard, Graph, Line, Rows},
        topic::Topic,
    },
};
use model::{Address, Ref, Text};

use crate::{Environment, operations::Operations};

mod keys;
mod links;
mod mail;
mod people;

pub(crate) const STACK: &str = "observability";

/// Rows of the dashboard, in grid units.
const HEIGHT: u32 = 6;

/// What comes in one by one is counted by the hour: that holds enough of it.
const HOUR_S: u32 = 3_600;

/// Declares the stack.
///
/// # Errors
/// When an address is taken.
pub fn declare(
    world: &mut World,
    environment: &Environment,
    operations: &Operations,
) -> Result<(), DeclareError> {
    let told = operations.alarms.arn();
    let mut rows = mail::declare(world, environment, &told, Rows::default())?;
    rows = people::declare(world, environment, &told, rows)?;
    rows = links::declare(world, environment, &told, rows)?;
    rows = keys::declare(world, environment, &told, rows)?;
    for api in APIS {
        rows = rows.heading(api.title);
        for endpoint in api.endpoints {
            of_endpoint(world, environment, api, endpoint, &told)?;
            rows = rows.row(HEIGHT, widgets(environment, api, endpoint)?);
        }
    }
    rows = rows.heading("Functions");
    for function in FUNCTIONS {
        of_function(world, environment, function, &told)?;
    }
    for pair in FUNCTIONS.chunks(2) {
        let graphs: Result<Vec<Content>, DeclareError> = pair.iter().map(calls_of).collect();
        rows = rows.row(HEIGHT, graphs?);
    }
    world.add(STACK, "crm", Dashboard::of(environment.region.as_str(), rows)).map(|_| ())
}

/// Failed and slow calls of a function.
fn of_function(
    world: &mut World,
    environment: &Environment,
    function: &Function,
    told: &Ref<Topic>,
) -> Result<(), DeclareError> {
    let limits = &environment.alarms.thresholds;
    let percent = signed(limits.function_errors_percent);
    let failed = lambda(function, "Errors")?;
    let errors = match function.trigger {
        Trigger::Api => Alarm::rate(failed, lambda(function, "Invocations")?, percent, limits.floor)
            .described(format!("More than {percent} % of the calls of {} fail.", function.name)),
        // Too few calls for a share, and nobody is answered who could complain.
        Trigger::Topic(..) | Trigger::Queue(..) | Trigger::Schedule(_) => {
            Alarm::count(failed, 0).described(format!("A call of {} failed.", function.name))
        }
    }
    .telling(told);
    let [errors_name, throttled_name] = alarms_of(function);
    world.add(STACK, &errors_name, errors)?;
    let throttled = Alarm::count(lambda(function, "Throttles")?, 0)
        .described(format!("Calls of {} are refused: the account's concurrency is used up.", function.name))
        .telling(told);
    world.add(STACK, &throttled_name, throttled).map(|_| ())
}

/// The alarms that tell of one function alone.
pub(crate) fn alarms_of(function: &Function) -> [String; 2] {
    ["errors", "throttled"].map(|what| format!("function-{}-{what}", function.name))
}

/// Failed and slow answers of an endpoint, and refusals.
fn of_endpoint(
    world: &mut World,
    environment: &Environment,
    api: &Api,
    endpoint: &Endpoint,
    told: &Ref<Topic>,
) -> Result<(), DeclareError> {
    let limits = &environment.alarms.thresholds;
    let metric = |name: &str| gateway(environment, api, endpoint, name);
    let name = |what: &str| format!("{}-{}-{what}", api.name, dashed(endpoint.id));
    let route = format!("{} {}", endpoint.method.name(), endpoint.path);
    let percent = signed(limits.endpoint_errors_percent);
    let failing = Alarm::rate(metric("5XXError")?, metric("Count")?, percent, limits.floor)
        .described(format!("More than {percent} % of the answers of {route} are 5xx."))
        .telling(told);
    world.add(STACK, &name("errors"), failing)?;
    let latency = signed(limits.latency_p95_ms);
    let slow = Alarm::percentile(metric("Latency")?, 95, latency)
        .described(format!("One in twenty answers of {route} takes longer than {latency} ms."))
        .telling(told)
        .within(2, 3);
    world.add(STACK, &name("slow"), slow).map(|_| ())
}

/// `send-email` of `sendEmail`, as addresses are written.
fn dashed(id: &str) -> String {
    let dashed = |one: char| {
        let dash = one.is_ascii_uppercase().then_some('-');
        dash.into_iter().chain([one.to_ascii_lowercase()])
    };
    id.chars().flat_map(dashed).collect()
}

fn signed(threshold: u32) -> i32 {
    i32::try_from(threshold).unwrap_or(i32::MAX)
}

/// A metric that a function writes itself.
fn written(name: metric::Name, function: &Function) -> MetricStat {
    MetricStat::sum(metric::NAMESPACE, name.text()).of(metric::FUNCTION, function.name)
}

/// The functions that write a metric.
fn writers(name: metric::Name) -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter().filter(move |function| name.is_written_by(function))
}

/// What functions write, each as a line of its own.
fn lines(name: metric::Name) -> impl Iterator<Item = Line> {
    writers(name).map(move |function| Line::of(written(name, function)).labelled(function.name))
}

fn lambda(function: &Function, name: &str) -> Result<MetricStat, DeclareError> {
    let at = Address::new(function.stack, "function", function.name)?;
    Ok(MetricStat::sum("AWS/Lambda", name).of("FunctionName", Text::named(&at, "name")))
}

fn gateway(
    environment: &Environment,
    api: &Api,
    endpoint: &Endpoint,
    name: &str,
) -> Result<MetricStat, DeclareError> {
    let at = Address::new(api.stack, "rest api", api.name)?;
    Ok(MetricStat::sum("AWS/ApiGateway", name)
        .of("ApiName", Text::named(&at, "name"))
        .of("Method", endpoint.method.name())
        .of("Resource", endpoint.path)
        .of("Stage", environment.web.path_of(api.name)))
}

/// How often, how well and how fast an endpoint is answered.
fn widgets(environment: &Environment, api: &Api, endpoint: &Endpoint) -> Result<[Content; 2], DeclareError> {
    let metric = |name: &str| gateway(environment, api, endpoint, name);
    let route = format!("{} {}", endpoint.method.name(), endpoint.path);
    let answers = [
        Line::of(metric("Count")?).labelled("requests"),
        Line::of(metric("4XXError")?).labelled("4xx"),
        Line::of(metric("5XXError")?).labelled("5xx"),
    ];
    let times = [50, 95, 99].map(|per_cent| {
        metric("Latency")
            .map(|latency| Line::of(latency.percentile(per_cent)).labelled(&format!("p{per_cent}")))
    });
    let times: Result<Vec<Line>, DeclareError> = times.into_iter().collect();
    Ok([
        Content::Graph(Graph::of(&route, answers)),
        Content::Graph(Graph::of(&format!("{route}: milliseconds"), times?)),
    ])
}

fn calls_of(function: &Function) -> Result<Content, DeclareError> {
    let lines = [
        Line::of(lambda(function, "Invocations")?).labelled("calls"),
        Line::of(lambda(function, "Errors")?).labelled("errors"),
        Line::of(lambda(function, "Throttles")?).labelled("throttled"),
    ];
    Ok(Content::Graph(Graph::of(function.name, lines)))
}
