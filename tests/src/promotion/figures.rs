//! What a promotion of new code to a running stage costs: `cargo test --workspace --test whole -- promotion::figures
//! --nocapture`.

use std::{collections::BTreeMap, fmt, time::Duration};

use contract::function::Service;
use sandbox::Weather;
use tokio::time::Instant;

use super::{applied, code, in_account, live_in, promote, released, served, store};
use crate::stage::Stage;

#[derive(Debug, Default)]
struct Promoting {
    functions: usize,
    /// Calls to the account that is read, and to the one that is changed.
    read: usize,
    changed: usize,
    /// Of these, by operation, those that change something.
    writes: BTreeMap<String, usize>,
    /// Calls one after the other on the longest way, were there no rates.
    rounds: u128,
    /// At 40 ms a call, AWS's rates, and functions that take a second or two to be ready.
    time: Duration,
}

/// Both accounts from now on.
fn weather(stages: [&Stage; 2], weather: &Weather) {
    for stage in stages {
        stage.account.set_weather(weather.clone());
        stage.account.forget_served();
    }
}

async fn promoting() -> Promoting {
    /// So long that no lane is ever full.
    const ROUND: Duration = Duration::from_secs(3_600);
    let environment = in_account("222222222222");
    let dev = released(&in_account("111111111111"), &code(" 2")).await;
    let staging = applied(&environment, &code(" 1")).await;
    let again = staging.on(staging.account.fork(), staging.journal.cut(0));
    weather([&dev, &staging], &Weather { latency: ROUND, ..Weather::default() });
    let begun = Instant::now();
    promote(&dev, &environment, &staging).await.expect("a promotion");
    let rounds = begun.elapsed().as_millis() / ROUND.as_millis();
    let calls = staging.account.served();
    let mut writes = BTreeMap::new();
    for call in calls.iter().filter(|call| call.writes) {
        *writes.entry(format!("{}:{}", call.service, call.operation)).or_default() += 1;
    }
    let (read, changed) = (dev.account.served().len(), calls.len());
    tokio::time::sleep(ROUND).await;
    weather([&dev, &again], &Weather::realistic());
    let begun = Instant::now();
    promote(&dev, &environment, &again).await.expect("a promotion");
    let time = begun.elapsed();
    assert_eq!(served(&again.account), served(&dev.account));
    assert!(
        store::holds(&super::control(&again), &live_in(&dev).await.expect("one")).await.expect("an answer")
    );
    Promoting { functions: served(&dev.account).len(), read, changed, writes, rounds, time }
}

impl fmt::Display for Promoting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "promoting new code of {} functions to a running stage, nothing built:", self.functions)?;
        writeln!(f, "  {} calls to the source, {} to the target", self.read, self.changed)?;
        for (call, number) in &self.writes {
            writeln!(f, "    {number:>3} {call}")?;
        }
        writeln!(f, "  {} rounds, {:.1?} at 40 ms a call and AWS's rates", self.rounds, self.time)
    }
}

#[tokio::test(start_paused = true)]
async fn a_promotion_is_a_few_rounds() {
    let figures = promoting().await;
    print!("{figures}");
    let objects = Service::all().count() + 1;
    assert_eq!(figures.writes.get("s3:PutObject"), Some(&objects), "artefacts and the manifest: {figures}");
    assert_eq!(figures.writes.get("lambda:UpdateFunctionCode"), Some(&figures.functions), "{figures}");
    assert!(figures.rounds <= 30, "{figures}");
    assert!(figures.time <= Duration::from_secs(60), "{figures}");
}
