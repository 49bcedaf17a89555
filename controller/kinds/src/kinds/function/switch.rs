//! The safe switch: a version is asked whether it works, and then callers are moved to it, at once or by steps.
//!
//! Until the last step the version that was served before is the alias's main one, so that one call brings everybody
//! back. Each version is a whole, code and configuration: no caller meets one with the other's. AWS keeps none of what
//! is declared here, so none of it is compared.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use aws_sdk_lambda::{primitives::Blob, types as sdk};
use model::{Address, Fault};
use serde::{Deserialize, Serialize};

use super::{
    Alias, Function, LIVE,
    release::{move_alias, stale},
};
use crate::{Place, Writer, aws::Waiting, kinds::alarm};

/// How callers come to a new version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Switch {
    /// An event that the version must answer without an error before anybody is moved to it. Who applies needs
    /// `lambda:InvokeFunction`. `None` asks nothing.
    pub check: Option<String>,
    /// `None` moves everybody at once.
    pub canary: Option<Canary>,
}

/// Callers come by steps, and alarms are watched meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// How many of a hundred calls come with each step: 1 to 100.
    pub percent: u32,
    /// How long each step is watched, the last one too.
    pub minutes: u32,
    /// What brings everybody back when it begins to ring. Alarms that ring before the first step tell nothing of the
    /// new version, and are not listened to.
    pub alarms: Vec<Address>,
}

/// CloudWatch looks at metrics once a minute; twice as often misses nothing.
const EVERY_S: u32 = 30;

/// Why callers are brought back.
enum Breach {
    Rings(Vec<String>),
    /// Nobody knows how the new version does.
    Unwatched(Fault),
}

impl Function {
    /// Brings callers to `version`, from whatever a run that was cut off has left.
    pub(super) async fn switch(
        &self,
        at: &Place,
        alias: Option<&Alias>,
        version: &str,
        aws: &Writer,
    ) -> Result<(), Fault> {
        if alias.is_some_and(|alias| alias.version == version && alias.weights.is_empty()) {
            return Ok(());
        }
        self.ask(at, version, aws).await?;
        match (alias, &self.switch.canary) {
            (Some(alias), Some(canary)) if alias.version != version && alias.version != "$LATEST" => {
                canary.by_steps(at, alias, version, aws).await
            }
            _ => move_alias(at, alias, version, aws).await.map(drop),
        }
    }

    /// Asks the version itself, which nobody is served by.
    async fn ask(&self, at: &Place, version: &str, aws: &Writer) -> Result<(), Fault> {
        // A function that is switched off answers nobody.
        let Some(event) = self.switch.check.as_ref().filter(|_| self.reserved_concurrency != Some(0)) else {
            return Ok(());
        };
        let answer = aws
            .write(at, "lambda", "Invoke", || {
                let ask = aws.lambda().invoke().function_name(at.name()).qualifier(version);
                ask.payload(Blob::new(event.as_bytes())).send()
            })
            .await?;
        let Some(kind) = answer.function_error() else { return Ok(()) };
        // The message may quote what nobody should read; the type of the error is enough to find it in the log.
        let told = answer.payload().and_then(|told| serde_json::from_slice(told.as_ref()).ok());
        let told: serde_json::Value = told.unwrap_or_default();
        let what = told["errorType"].as_str().unwrap_or(kind);
        let text = format!("version {version} fails its health check ({what}): {LIVE} was not moved");
        let hint = format!("its log group {} says why; callers are served as before", self.log_group.text());
        Err(Fault::refused(&at.address, text).hint(hint))
    }
}

impl Canary {
    async fn by_steps(&self, at: &Place, alias: &Alias, version: &str, aws: &Writer) -> Result<(), Fault> {
        let names: Vec<String> = self.alarms.iter().map(|alarm| aws.scope().name(alarm)).collect();
        let before = alarm::ringing(&at.address, &names, aws).await?;
        let names: Vec<String> = names.into_iter().filter(|name| !before.contains(name)).collect();
        let old = alias.version.clone();
        let mut seen = alias.clone();
        let mut percent = 0;
        while percent < 100 {
            percent = (percent + self.percent.max(1)).min(100);
            seen = match percent {
                100 => move_alias(at, Some(&seen), version, aws).await?.unwrap_or(seen),
                _ => split(at, &seen, version, percent, aws).await?,
            };
            let Some(breach) = self.watch(at, &names, aws).await else { continue };
            move_alias(at, Some(&seen), &old, aws).await?;
            return Err(moved_back(at, &breach, version, percent, &old));
        }
        Ok(())
    }

    /// Watches for one step; `None` when everything stayed quiet.
    async fn watch(&self, at: &Place, names: &[String], aws: &Writer) -> Option<Breach> {
        let (looks, all) = (AtomicU32::new(0), self.minutes * 60 / EVERY_S);
        let every = Duration::from_secs(EVERY_S.into());
        let at_most = every * (all + 1);
        let waiting = Waiting { what: "the alarms to stay quiet", first: every, longest: every, at_most };
        let watched = aws.until(at, waiting, || async {
            let ringing = alarm::ringing(&at.address, names, aws).await?;
            let over = looks.fetch_add(1, Ordering::Relaxed) >= all;
            Ok((over || !ringing.is_empty()).then_some(ringing))
        });
        match watched.await {
            Ok(ringing) if ringing.is_empty() => None,
            Ok(ringing) => Some(Breach::Rings(ringing.into_iter().collect())),
            Err(fault) => Some(Breach::Unwatched(fault)),
        }
    }
}

fn moved_back(at: &Place, breach: &Breach, version: &str, percent: u32, old: &str) -> Fault {
    let why = match breach {
        Breach::Rings(names) => format!("{} rang", names.join(", ")),
        Breach::Unwatched(fault) => format!("its alarms could not be watched ({fault})"),
    };
    let text = format!(
        "{why} while version {version} had {percent} % of the calls: {LIVE} was moved back to version {old}"
    );
    Fault::refused(&at.address, text)
        .hint("everybody is served as before; put the code right and apply again")
}

/// Lets a version have a part of the calls. The alias as it is then.
async fn split(at: &Place, seen: &Alias, version: &str, percent: u32, aws: &Writer) -> Result<Alias, Fault> {
    let weights = sdk::AliasRoutingConfiguration::builder()
        .additional_version_weights(version, f64::from(percent) / 100.0)
        .build();
    let answer = aws
        .write(at, "lambda", "UpdateAlias", || {
            let ask = aws.lambda().update_alias().function_name(at.name()).name(LIVE);
            ask.function_version(&seen.version)
                .routing_config(weights.clone())
                .set_revision_id(seen.revision.clone())
                .send()
        })
        .await
        .map_err(|error| stale(at, error))?;
    let weights = BTreeMap::from([(version.to_owned(), format!("{percent} %"))]);
    Ok(Alias { version: seen.version.clone(), revision: answer.revision_id, weights })
}
