//! Calls a second and at once. What limits a call is the least of its key's plan, its method, its
//! stage and the account (aws-semantics 10; API Gateway developer guide, "Throttle requests to your
//! REST APIs"), so a plan that promises more than its stage has is a promise that is not kept.

use model::{Address, text};

use super::{Ledger, Limits, Rule};
use crate::{
    kinds::{
        function::Function,
        rest_api::{RestApi, Throttle},
        usage_plan::{PlanStage, UsagePlan},
    },
    specs::Specs,
};

/// What is left for functions that set nothing aside (Lambda developer guide, "Reserved concurrency").
const UNRESERVED_MIN: u32 = 100;

/// A rate or a burst: both are added up, each by itself.
struct Measure {
    of: fn(&Throttle) -> f64,
    unit: &'static str,
    account: fn(&Limits) -> u32,
}

const MEASURES: [Measure; 2] = [
    Measure { of: |one| one.rate.value(), unit: "calls a second", account: |limits| limits.gateway_rate },
    Measure { of: |one| f64::from(one.burst), unit: "calls at once", account: |limits| limits.gateway_burst },
];

pub(super) fn check(specs: &Specs, limits: &Limits, ledger: &mut Ledger) {
    let apis: Vec<(Address, RestApi)> = specs.of();
    let plans: Vec<(Address, UsagePlan)> = specs.of();
    for measure in &MEASURES {
        for (address, api) in &apis {
            let opened: Vec<Opened<'_>> =
                plans.iter().filter_map(|plan| opened(plan, address, api)).collect();
            of_stage(measure, address, api, &opened, limits, ledger);
            of_methods(measure, address, api, &opened, ledger);
        }
        of_account(measure, &apis, limits, ledger);
    }
    of_functions(specs, limits, ledger);
}

/// A plan that lets keys call a stage.
struct Opened<'a> {
    address: &'a Address,
    plan: &'a UsagePlan,
    stage: &'a PlanStage,
}

impl Opened<'_> {
    /// What all keys of the plan together may do: each has the whole throttle for itself.
    fn promise(&self, throttle: &Throttle, measure: &Measure) -> (u64, String) {
        let each = (measure.of)(throttle);
        let keys = self.plan.keys.len();
        let all = each * f64::from(u32::try_from(keys).unwrap_or(u32::MAX));
        let word = if keys == 1 { "key" } else { "keys" };
        (whole(all), format!("{} ({keys} {word} of {each})", self.address))
    }
}

fn opened<'a>((address, plan): &'a (Address, UsagePlan), at: &Address, api: &RestApi) -> Option<Opened<'a>> {
    let is_it = |stage: &&PlanStage| {
        let names = text::references(stage.api.text().as_str()).any(|to| to.address == *at);
        names && stage.stage.as_str() == api.stage.name
    };
    plan.stages.iter().find(is_it).map(|stage| Opened { address, plan, stage })
}

fn of_stage(
    measure: &Measure,
    address: &Address,
    api: &RestApi,
    opened: &[Opened<'_>],
    limits: &Limits,
    ledger: &mut Ledger,
) {
    let account = (measure.account)(limits);
    let stage = api.stage.settings.as_ref().map(|settings| whole((measure.of)(&settings.throttle)));
    let promises = opened
        .iter()
        .filter_map(|one| one.plan.throttle.as_ref().map(|throttle| one.promise(throttle, measure)));
    let says = "the keys of its usage plans may do more than the stage lets through";
    ledger.check(
        Some(address),
        Rule { says, unit: measure.unit },
        promises,
        stage.unwrap_or_else(|| account.into()),
    );
    let says = "the stage lets more through than the account has";
    let own = stage.map(|stage| (stage, format!("stage {}", api.stage.name)));
    ledger.check(Some(address), Rule { says, unit: measure.unit }, own, account);
}

/// What plans promise for a method, against what the stage lets through to it.
fn of_methods(
    measure: &Measure,
    address: &Address,
    api: &RestApi,
    opened: &[Opened<'_>],
    ledger: &mut Ledger,
) {
    for (method, settings) in &api.stage.methods {
        let promised = |one: &Opened<'_>| {
            let (amount, who) = one.promise(one.stage.throttles.get(method)?, measure);
            Some((amount, format!("{who} for {method}")))
        };
        let says = "the keys of its usage plans may do more than the method lets through";
        let limit = whole((measure.of)(&settings.throttle));
        ledger.check(
            Some(address),
            Rule { says, unit: measure.unit },
            opened.iter().filter_map(promised),
            limit,
        );
    }
}

/// Every method has a bucket of its own, and the account fills them all. Preflights have what the
/// others leave.
fn of_account(measure: &Measure, apis: &[(Address, RestApi)], limits: &Limits, ledger: &mut Ledger) {
    let methods = apis.iter().flat_map(|(address, api)| {
        let of = move |(method, settings): (&String, &_)| {
            let settings: &crate::kinds::rest_api::MethodSettings = settings;
            (whole((measure.of)(&settings.throttle)), format!("{} {method}", address.name()))
        };
        api.stage.methods.iter().map(of)
    });
    let says = "the methods of all APIs let more through than the account has";
    ledger.check(None, Rule { says, unit: measure.unit }, methods, (measure.account)(limits));
}

/// What functions set aside for themselves.
fn of_functions(specs: &Specs, limits: &Limits, ledger: &mut Ledger) {
    let functions: Vec<(Address, Function)> = specs.of();
    let aside = functions
        .iter()
        .filter_map(|(address, one)| Some((u64::from(one.reserved_concurrency?), address.to_string())));
    let says = "functions set aside more than the account has beside the 100 for all others";
    let rule = Rule { says, unit: "calls at the same time" };
    ledger.check(None, rule, aside, limits.concurrency.saturating_sub(UNRESERVED_MIN));
}

/// A part of a call counts as one.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "limits are small and positive")]
fn whole(amount: f64) -> u64 {
    amount.max(0.0).ceil() as u64
}
