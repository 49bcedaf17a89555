//! Examples of schedule groups.

use std::time::Duration;

use aws_sdk_scheduler::{
    Client,
    types::{FlexibleTimeWindow, FlexibleTimeWindowMode, Target},
};
use kinds::kinds::{role::Role, schedule_group::ScheduleGroup};
use model::{Data, MayFind};
use sandbox::Weather;

use super::{Example, apply, fresh, hold, look, subject, world_of, writer};

pub(crate) fn examples() -> [Example<ScheduleGroup>; 1] {
    [Example {
        name: "plain",
        declare: |world| {
            // Whoever runs the schedules in it.
            world.add("laws", "runs", Role::of_service("scheduler.amazonaws.com")).expect("an address");
            ScheduleGroup::default()
        },
        mutations: &[],
    }]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_schedule_group() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_with_schedules_is_not_deleted_and_comes_back_after_it_was() {
    let account = fresh();
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("a birth");
    let scheduler = Client::new(&account.sdk_config());
    let window = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().expect("a window");
    let target = Target::builder().arn("arn:aws:sqs:us-east-1:000000000000:q");
    let target = target.role_arn("arn:aws:iam::000000000000:role/dn-test-runs").build().expect("a target");
    let ask = scheduler.create_schedule().group_name("dn-test-subject").name("by-hand");
    let ask = ask.schedule_expression("rate(1 day)").flexible_time_window(window).target(target);
    ask.send().await.expect("a schedule by hand");

    let delete =
        async || subject(&world.manage(&writer(&account))).delete(MayFind::Anything, Data::Lose).await;
    let fault = delete().await.expect_err("it would take a schedule along");
    assert!(fault.to_string().contains("its last schedules"), "{fault}");
    let gone = scheduler.delete_schedule().group_name("dn-test-subject").name("by-hand");
    gone.send().await.expect("still there");

    account.set_weather(Weather { propagation: Duration::from_secs(20), ..Weather::default() });
    delete().await.expect("an empty group");
    assert!(look(&world, &account).await.1.is_none());
    apply(&world, &account).await.expect("a second birth");
    assert!(look(&world, &account).await.1.is_some());
}
