//! The runs that are disturbed, and what disturbs them. Each pair is a test of its own, so that all cores work.

use std::time::Duration;

use kinds::World;
use model::{Address, Holds, Selection};
use sandbox::{Account, Clock, Weather, What};

use super::{Scene, Tally, worlds};
use crate::stage::{Memory, Stage};

fn stage(world: World, environment: &stacks::Environment) -> Stage {
    let account = Account::in_memory("000000000000", "us-east-1", Clock::simulated());
    Stage::new(environment, account, Memory::default()).declaring(world)
}

async fn made(world: World, environment: &stacks::Environment) -> Stage {
    let stage = stage(world, environment);
    let report = stage.apply().await;
    assert!(report.is_complete(), "{report:?}");
    stage
}

async fn from_nothing() -> Scene {
    let stage = stage(worlds::before(), &worlds::first());
    Scene::recorded("from nothing", stage, Selection::default(), Weather::default()).await
}

async fn before_the_update() -> (Stage, Selection) {
    let made = made(worlds::before(), &worlds::first()).await;
    let next = Stage::new(&worlds::second(), made.account.clone(), made.journal.clone());
    let renamed: Address = worlds::RENAMED.parse().expect("an address");
    let selection = Selection { destroy_data: [renamed].into(), ..Selection::default() };
    (next.declaring(worlds::after()), selection)
}

async fn update() -> Scene {
    let (stage, selection) = before_the_update().await;
    Scene::recorded("update", stage, selection, Weather::default()).await
}

async fn before_the_end() -> (Stage, Selection) {
    all_destroyed(made(worlds::before(), &worlds::first()).await).await
}

/// Everything goes, data too.
async fn all_destroyed(made: Stage) -> (Stage, Selection) {
    let seen = made.observe().await.expect("an observation");
    let full = seen.snapshot.found.iter().filter(|(_, found)| found.holds != Holds::Nothing);
    let destroy_data = full.map(|(address, _)| address.clone()).collect();
    (made, Selection { destroy: true, destroy_data, ..Selection::default() })
}

async fn destroy() -> Scene {
    let (stage, selection) = before_the_end().await;
    Scene::recorded("destroy", stage, selection, Weather::default()).await
}

async fn code_from_nothing() -> Scene {
    let stage = stage(worlds::code_before(), &worlds::first());
    Scene::recorded("code from nothing", stage, Selection::default(), Weather::default()).await
}

async fn code_update() -> Scene {
    let made = made(worlds::code_before(), &worlds::first()).await;
    let next = Stage::new(&worlds::code_second(), made.account.clone(), made.journal.clone());
    let next = next.declaring(worlds::code_after());
    Scene::recorded("update of code", next, Selection::default(), Weather::default()).await
}

async fn code_destroy() -> Scene {
    let (stage, selection) = all_destroyed(made(worlds::code_before(), &worlds::first()).await).await;
    Scene::recorded("destroy code", stage, selection, Weather::default()).await
}

fn tell(scene: &Scene, what: &str, tally: &Tally) {
    println!("{} ({} steps, {} calls), {what}: {tally:?}", scene.name, scene.plan.steps.len(), scene.calls());
}

macro_rules! disturb {
    ($($scene:ident)+) => {$(
        mod $scene {
            use super::*;

            #[tokio::test(start_paused = true)]
            async fn and_a_call_fails() {
                let scene = super::$scene().await;
                tell(&scene, "fails", &scene.with_trouble_at_every_call(What::fails).await);
            }

            #[tokio::test(start_paused = true)]
            async fn and_the_account_is_not_reached() {
                let scene = super::$scene().await;
                tell(&scene, "unreachable", &scene.with_trouble_at_every_call(|| What::Unreachable).await);
            }

            #[tokio::test(start_paused = true)]
            async fn and_an_answer_is_lost() {
                let scene = super::$scene().await;
                tell(&scene, "lost", &scene.with_trouble_at_every_call(|| What::LoseAnswer).await);
            }

            #[tokio::test(start_paused = true)]
            async fn and_calls_are_throttled() {
                let scene = super::$scene().await;
                tell(&scene, "throttled", &scene.with_trouble_at_every_call(|| What::throttled(3)).await);
            }

            #[tokio::test(start_paused = true)]
            async fn and_the_process_dies() {
                let scene = super::$scene().await;
                tell(&scene, "dies", &scene.with_a_death_at_every_call().await);
                scene.dies_as_restored(11).await;
            }
        }
    )+};
}

disturb! { from_nothing update destroy code_from_nothing code_update code_destroy }

/// States take time, and what was just made is not found at once: the next process meets what is half made.
fn slow() -> Weather {
    Weather { latency: Duration::ZERO, rates: false, ..Weather::realistic() }
}

mod in_slow_weather {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn from_nothing_and_the_process_dies() {
        let stage = stage(worlds::before(), &worlds::first());
        let scene = Scene::recorded("from nothing, slowly", stage, Selection::default(), slow()).await;
        tell(&scene, "dies", &scene.with_a_death_at_every_call().await);
    }

    #[tokio::test(start_paused = true)]
    async fn update_and_the_process_dies() {
        let (stage, selection) = before_the_update().await;
        let scene = Scene::recorded("update, slowly", stage, selection, slow()).await;
        tell(&scene, "dies", &scene.with_a_death_at_every_call().await);
    }

    #[tokio::test(start_paused = true)]
    async fn destroy_and_the_process_dies() {
        let (stage, selection) = before_the_end().await;
        let scene = Scene::recorded("destroy, slowly", stage, selection, slow()).await;
        tell(&scene, "dies", &scene.with_a_death_at_every_call().await);
    }
}
