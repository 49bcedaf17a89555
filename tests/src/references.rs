//! A step about what refers to a resource that needs no step: the run must find out what AWS calls it.

use kinds::{
    World,
    kinds::{
        key::Key,
        table::{Attribute, Encryption, Table},
    },
};
use model::{Selection, policy::Policy};

use crate::stage::{Stage, environment};

/// A key, whose ARN AWS invents, and perhaps a table that it encrypts.
fn world(with_table: bool) -> World {
    let mut world = World::default();
    let key = Key::symmetric(Policy::new([Key::owner("000000000000")]));
    let key = world.add("more", "rows", key).expect("an address");
    if with_table {
        let table = Table::on_demand(Attribute::text("id"));
        world
            .add("more", "rows", Table { encryption: Encryption::Key(key.arn()), ..table })
            .expect("an address");
    }
    world
}

#[tokio::test(start_paused = true)]
async fn what_is_there_already_can_be_referred_to() {
    let stage = Stage::empty(&environment()).declaring(world(false));
    assert!(stage.apply().await.is_complete());
    let stage = stage.declaring(world(true));
    let plan = stage.plan(&Selection::default()).await;
    assert_eq!(plan.steps.len(), 1);
    let report = stage.execute(&plan, &engine::Stop::default()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(stage.plan(&Selection::default()).await.steps, []);
}
