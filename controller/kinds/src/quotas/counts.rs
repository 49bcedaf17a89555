//! How many of a thing there may be in another, and in the account.

use model::Address;

use super::{Ledger, Limits, Rule};
use crate::{
    Resource,
    kinds::{
        alarm::Alarm,
        base_path_mapping::BasePathMapping,
        bucket::Bucket,
        configuration_set::ConfigurationSet,
        contact_list::ContactList,
        dashboard::{Content, Dashboard},
        distribution::{Behavior, Distribution},
        domain_name::DomainName,
        key_group::KeyGroup,
        public_key::PublicKey,
        receipt_rule::{ReceiptRule, Recipients},
        rest_api::RestApi,
        role::Role,
        table::Table,
        topic::Topic,
        usage_plan::UsagePlan,
    },
    specs::Specs,
};

const fn rule(says: &'static str, unit: &'static str) -> Rule {
    Rule { says, unit }
}

pub(super) fn check(specs: &Specs, limits: &Limits, ledger: &mut Ledger) {
    of_mail(specs, ledger);
    of_links(specs, limits, ledger);
    of_domains(specs, ledger);
    of_data(specs, ledger);
    of_watching(specs, ledger);
    of_account(specs, limits, ledger);
}

/// SES developer guide, "Service quotas": topics of a list; destinations of a set; actions and
/// recipients of a rule.
fn of_mail(specs: &Specs, ledger: &mut Ledger) {
    for (address, list) in specs.of::<ContactList>() {
        ledger.count(Some(&address), rule("it has too many topics", "topics"), list.topics.keys(), 20_u32);
    }
    for (address, set) in specs.of::<ConfigurationSet>() {
        let rule = rule("too many hear of its mail", "event destinations");
        ledger.count(Some(&address), rule, set.events.keys(), 10_u32);
    }
    for (address, one) in specs.of::<ReceiptRule>() {
        let actions = (1..).zip(&one.actions).map(|(number, _): (u32, _)| format!("action {number}"));
        ledger.count(Some(&address), rule("it does too much", "actions"), actions, 10_u32);
        if let Recipients::Only(recipients) = &one.recipients {
            ledger.count(Some(&address), rule("it is for too many", "recipients"), recipients, 100_u32);
        }
    }
}

/// CloudFront developer guide, "Quotas": keys, groups, distributions and what is in them.
fn of_links(specs: &Specs, limits: &Limits, ledger: &mut Ledger) {
    let keys = specs.of::<PublicKey>().into_iter().map(|(address, _)| address);
    ledger.count(None, rule("it has too many public keys", "public keys"), keys, limits.public_keys);
    let groups = specs.of::<KeyGroup>();
    for (address, group) in &groups {
        let names = group.keys.iter().map(|key| model::text::for_people(key.text().as_str()));
        ledger.count(Some(address), rule("it has too many public keys", "public keys"), names, 5_u32);
    }
    let groups = groups.into_iter().map(|(address, _)| address);
    ledger.count(None, rule("it has too many key groups", "key groups"), groups, limits.key_groups);
    for (address, one) in specs.of::<Distribution>() {
        let mut trusts = |path: &str, behavior: &Behavior| {
            let names = behavior
                .key_groups
                .iter()
                .map(|group| format!("{} at {path}", model::text::for_people(group.text().as_str())));
            let rule = rule("a behaviour trusts too many key groups", "key groups");
            ledger.count(Some(&address), rule, names, 4_u32);
        };
        trusts("*", &one.default_behavior);
        one.behaviors.iter().for_each(|at| trusts(&at.path, &at.behavior));
        let rule_of = rule("it has too many behaviours", "behaviours");
        ledger.count(Some(&address), rule_of, one.behaviors.iter().map(|at| &at.path), 75_u32);
        ledger.count(Some(&address), rule("it has too many origins", "origins"), one.origins.keys(), 100_u32);
        let domains = one.custom_domain.iter().flat_map(|domain| &domain.aliases);
        ledger.count(Some(&address), rule("it has too many domains", "domains"), domains, 100_u32);
    }
}

/// DynamoDB developer guide, "Quotas": indexes. S3 user guide: rules.
fn of_data(specs: &Specs, ledger: &mut Ledger) {
    for (address, table) in specs.of::<Table>() {
        let rule = rule("it has too many indexes", "global secondary indexes");
        ledger.count(Some(&address), rule, table.indexes.keys(), 20_u32);
    }
    for (address, bucket) in specs.of::<Bucket>() {
        let rules = bucket.lifecycle.keys();
        ledger.count(Some(&address), rule("it has too many lifecycle rules", "rules"), rules, 1_000_u32);
        let rules = (1..).zip(&bucket.cors).map(|(number, _): (u32, _)| format!("rule {number}"));
        ledger.count(Some(&address), rule("it has too many CORS rules", "rules"), rules, 100_u32);
    }
}

/// CloudWatch user guide, "Quotas": widgets and metrics of a dashboard, actions of an alarm, alarms of
/// a widget.
fn of_watching(specs: &Specs, ledger: &mut Ledger) {
    for (address, alarm) in specs.of::<Alarm>() {
        for actions in [&alarm.alarm_actions, &alarm.ok_actions, &alarm.insufficient_data_actions] {
            let names = actions.iter().map(|one| model::text::for_people(one.as_str()));
            ledger.count(Some(&address), rule("it tells too many", "actions"), names, 5_u32);
        }
    }
    for (address, board) in specs.of::<Dashboard>() {
        let mut metrics = Vec::new();
        for (number, widget) in (1_u32..).zip(&board.widgets) {
            let name = format!("in widget {number}");
            let count = widget.metrics() as u64;
            let says = rule("a widget draws too much", "metrics");
            ledger.check(Some(&address), says, [(count, name.clone())], 500_u32);
            metrics.push((count, name));
            if let Content::Alarms { alarms, .. } = &widget.content {
                let names = alarms.iter().map(|one| model::text::for_people(one.as_str()));
                ledger.count(Some(&address), rule("a widget shows too much", "alarms"), names, 100_u32);
            }
        }
        let names = metrics.iter().map(|(_, name)| name.clone()).collect::<Vec<_>>();
        ledger.count(Some(&address), rule("it shows too much", "widgets"), names, 500_u32);
        ledger.check(Some(&address), rule("it draws too much", "metrics"), metrics, 2_500_u32);
    }
}

/// API Gateway developer guide, "Quotas": base paths of a domain.
fn of_domains(specs: &Specs, ledger: &mut Ledger) {
    let mappings = specs.of::<BasePathMapping>();
    for (address, domain) in specs.of::<DomainName>() {
        let ours = mappings.iter().filter(|(_, one)| one.domain.text().as_str() == domain.name);
        let rule = rule("it leads to too many APIs", "base path mappings");
        ledger.count(Some(&address), rule, ours.map(|(at, _)| at), 200_u32);
    }
}

/// What a stage alone would need of the account; other stages may be in it too.
fn of_account(specs: &Specs, limits: &Limits, ledger: &mut Ledger) {
    for (address, role) in specs.of::<Role>() {
        let rule = rule("it has too many managed policies", "policies");
        ledger.count(Some(&address), rule, &role.managed, 10_u32);
    }
    let mut all = |unit, names: Vec<Address>, limit: u32| {
        ledger.count(None, rule("the stage needs more than the account has", unit), names, limit);
    };
    all("roles", addresses::<Role>(specs), limits.roles);
    all("topics", addresses::<Topic>(specs), limits.topics);
    all("tables", addresses::<Table>(specs), limits.tables);
    all("distributions", addresses::<Distribution>(specs), limits.distributions);
    all("usage plans", addresses::<UsagePlan>(specs), limits.usage_plans);
    all("REST APIs", addresses::<RestApi>(specs), limits.rest_apis);
    all("custom domains", addresses::<DomainName>(specs), limits.domain_names);
    all("buckets", addresses::<Bucket>(specs), limits.buckets);
    all("alarms", addresses::<Alarm>(specs), limits.alarms);
}

fn addresses<R: Resource>(specs: &Specs) -> Vec<Address> {
    specs.of::<R>().into_iter().map(|(address, _)| address).collect()
}
