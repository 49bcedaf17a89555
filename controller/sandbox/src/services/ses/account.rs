//! What SES keeps for the account as a whole, and addresses that it no longer writes to.

use serde_json::{Value, json};

use super::{bad, done, missing, paging, sets::check_reasons, unlisted};
use crate::services::{Refusal, World, page, text};

/// One document, of this id too; made by the first change.
const SETTINGS: &str = "ses/account";

const SUPPRESSED: &str = "ses/suppressed";

const FEATURE: &[&str] = &["ENABLED", "DISABLED"];

/// The account as it is until something is changed: out of the SES sandbox, as one that is in use.
pub(super) fn settings(world: &World<'_>) -> Value {
    let defaults = || {
        json!({
            "production": true, "sending": true, "reasons": ["BOUNCE", "COMPLAINT"],
            "vdm": { "VdmEnabled": "DISABLED" },
        })
    };
    world.get(SETTINGS, SETTINGS).cloned().unwrap_or_else(defaults)
}

pub(crate) fn change(world: &mut World<'_>, change: impl FnOnce(&mut Value)) {
    let mut kept = settings(world);
    change(&mut kept);
    world.put(SETTINGS, SETTINGS, kept);
}

pub(super) fn get(world: &World<'_>) -> Value {
    let kept = settings(world);
    let (day, rate) = if kept["production"] == true { (50_000.0, 14.0) } else { (200.0, 1.0) };
    let since = world.now_ms.saturating_sub(24 * 3_600_000);
    let sent = world.all(super::SENT).into_values();
    let sent = sent.filter(|mail| mail["at_ms"].as_u64().is_some_and(|at| at >= since)).count();
    json!({
        "DedicatedIpAutoWarmupEnabled": true,
        "EnforcementStatus": "HEALTHY",
        "ProductionAccessEnabled": kept["production"],
        "SendQuota": { "Max24HourSend": day, "MaxSendRate": rate, "SentLast24Hours": sent as f64 },
        "SendingEnabled": kept["sending"],
        "SuppressionAttributes": { "SuppressedReasons": kept["reasons"] },
        "VdmAttributes": kept["vdm"],
    })
}

pub(super) fn put_suppression(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let reasons = input.get("SuppressedReasons").cloned().unwrap_or_else(|| json!([]));
    check_reasons(&reasons)?;
    change(world, |kept| kept["reasons"] = reasons);
    Ok(done())
}

/// Switched off, it forgets what it was told in detail.
pub(super) fn put_vdm(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let given = &input["VdmAttributes"];
    let parts = [
        &given["VdmEnabled"],
        &given["DashboardAttributes"]["EngagementMetrics"],
        &given["GuardianAttributes"]["OptimizedSharedDelivery"],
    ];
    if parts[0].is_null() || parts.iter().any(|part| part.as_str().is_some_and(|of| !FEATURE.contains(&of))) {
        return Err(unlisted("vdmAttributes", FEATURE));
    }
    let vdm = if parts[0] == "ENABLED" {
        let or_off = |part: &Value| part.as_str().unwrap_or("DISABLED").to_owned();
        json!({
            "VdmEnabled": "ENABLED",
            "DashboardAttributes": { "EngagementMetrics": or_off(parts[1]) },
            "GuardianAttributes": { "OptimizedSharedDelivery": or_off(parts[2]) },
        })
    } else {
        json!({ "VdmEnabled": "DISABLED" })
    };
    change(world, |kept| kept["vdm"] = vdm);
    Ok(done())
}

pub(super) fn put_sending(input: &Value, world: &mut World<'_>) -> Value {
    change(world, |kept| kept["sending"] = (input["SendingEnabled"] == true).into());
    done()
}

pub(super) fn suppress(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let address = text(input, "EmailAddress").to_ascii_lowercase();
    if !address.contains('@') {
        return Err(bad(format!("EmailAddress <{address}> is invalid")));
    }
    check_reasons(&json!([input["Reason"]]))?;
    let one = json!({
        "EmailAddress": address, "Reason": input["Reason"], "LastUpdateTime": world.now_s(),
    });
    world.put(SUPPRESSED, &address, one);
    Ok(done())
}

pub(super) fn suppressed(input: &Value, world: &World<'_>) -> Value {
    let all: Vec<Value> = world.all(SUPPRESSED).into_values().cloned().collect();
    let (size, token) = paging(input);
    let (all, next) = page(&all, token, size);
    json!({ "SuppressedDestinationSummaries": all, "NextToken": next })
}

fn on_list<'w>(input: &Value, world: &'w World<'_>) -> Result<(String, &'w Value), Refusal> {
    let address = text(input, "EmailAddress").to_ascii_lowercase();
    let found = world.get(SUPPRESSED, &address);
    let found = found.ok_or_else(|| {
        missing(format!("Email address {address} does not exist on your suppression list."))
    })?;
    Ok((address, found))
}

pub(super) fn get_suppressed(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let (_, found) = on_list(input, world)?;
    Ok(json!({ "SuppressedDestination": found }))
}

pub(super) fn release(input: &Value, world: &mut World<'_>) -> Result<Value, Refusal> {
    let (address, _) = on_list(input, world)?;
    world.remove(SUPPRESSED, &address);
    Ok(done())
}

/// Why SES no longer writes to an address; `None` when it does.
pub(super) fn reason_against(address: &str, world: &World<'_>) -> Option<String> {
    let found = world.get(SUPPRESSED, &address.to_ascii_lowercase())?;
    Some(text(found, "Reason").to_owned())
}
