//! A group of EventBridge Scheduler's schedules. Outputs: `arn`, `name`.
//!
//! Surprises: deleting a group deletes every schedule in it, and it stays, as DELETING, until that is done; a
//! group is what Scheduler can tag, its schedules are not.

use aws_sdk_scheduler::types::{ScheduleGroupState, Tag};
use model::{Fault, Fields, Outputs, Tags};
use serde::{Deserialize, Serialize};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting, reads, tag_changes},
};

reads!(aws_sdk_scheduler:
    get_schedule_group GetScheduleGroupFluentBuilder,
    list_tags_for_resource ListTagsForResourceFluentBuilder,
);

const ABSENT: &[&str] = &["ResourceNotFoundException"];

/// Schedules that belong together. It has a name and tags, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ScheduleGroup {}

impl Resource for ScheduleGroup {
    const KIND: &'static str = "schedule group";

    fn known(scope: &Scope, physical: &str) -> Outputs {
        Outputs::from([
            ("arn".to_owned(), scope.arn("scheduler", &format!("schedule-group/{physical}"))),
            ("name".to_owned(), physical.to_owned()),
        ])
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        arn.strip_prefix("arn:aws:scheduler:")?
            .split_once(":schedule-group/")
            .map(|(_, name)| name.to_owned())
    }

    fn list(&self, _: &mut Fields) {
        let Self {} = self;
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        let answer = aws
            .read(&at.address, "scheduler", "GetScheduleGroup", || {
                aws.scheduler().get_schedule_group().name(at.name()).send()
            })
            .await
            .absent_on(ABSENT)?;
        let there = answer.filter(|group| group.state != Some(ScheduleGroupState::Deleting));
        if there.is_none() {
            return Ok(None);
        }
        let outputs = Self::known(aws.scope(), at.name());
        let tags = aws.tags_of(at, &outputs["arn"], tags_of(at, &outputs["arn"], aws)).await?;
        Ok(Some(Live::new(Self {}, outputs, Some(tags))))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let outputs = Self::known(aws.scope(), at.name());
        let Some(live) = live else {
            // One of the same name may still be on its way out.
            gone(at, aws).await?;
            let tags = sdk_tags(at, &at.tags)?;
            aws.write(at, "scheduler", "CreateScheduleGroup", || {
                aws.scheduler().create_schedule_group().name(at.name()).set_tags(Some(tags.clone())).send()
            })
            .await?;
            return Ok(outputs);
        };
        let (set, unset) = tag_changes(live.tags.as_ref().unwrap_or(&Tags::new()), &at.tags);
        let arn = &outputs["arn"];
        if !unset.is_empty() {
            aws.write(at, "scheduler", "UntagResource", || {
                aws.scheduler().untag_resource().resource_arn(arn).set_tag_keys(Some(unset.clone())).send()
            })
            .await?;
        }
        if !set.is_empty() {
            let set = sdk_tags(at, &set)?;
            aws.write(at, "scheduler", "TagResource", || {
                aws.scheduler().tag_resource().resource_arn(arn).set_tags(Some(set.clone())).send()
            })
            .await?;
        }
        Ok(outputs)
    }

    /// The schedules of a plan go before their group. What somebody else put into it must not go along.
    async fn delete(at: &Place, _: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        aws.until(
            at,
            Waiting::up_to(30, "its last schedules to go: they would be deleted with it"),
            || async { Ok(names_in(at, aws).await?.is_empty().then_some(())) },
        )
        .await?;
        aws.write(at, "scheduler", "DeleteScheduleGroup", || {
            aws.scheduler().delete_schedule_group().name(at.name()).send()
        })
        .await
        .absent_on(ABSENT)?;
        gone(at, aws).await
    }
}

async fn gone(at: &Place, aws: &Writer) -> Result<(), Fault> {
    aws.until(at, Waiting::up_to(300, "the deleted schedule group to go"), || async {
        let answer = aws
            .read(&at.address, "scheduler", "GetScheduleGroup", || {
                aws.scheduler().get_schedule_group().name(at.name()).send()
            })
            .await
            .absent_on(ABSENT)?;
        Ok(answer.is_none_or(|group| group.state != Some(ScheduleGroupState::Deleting)).then_some(()))
    })
    .await
}

/// Deleted schedules are listed for a moment.
async fn names_in(at: &Place, aws: &Reader) -> Result<Vec<String>, Fault> {
    let answer = aws
        .read(&at.address, "scheduler", "ListSchedules", || {
            aws.scheduler().list_schedules().group_name(at.name()).max_results(10).send()
        })
        .await
        .absent_on(ABSENT)?;
    let listed = answer.map(|answer| answer.schedules).unwrap_or_default();
    Ok(listed.into_iter().filter_map(|one| one.name).collect())
}

fn sdk_tags(at: &Place, tags: &Tags) -> Result<Vec<Tag>, Fault> {
    let one = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<_>, _> = tags.iter().map(one).collect();
    tags.map_err(|error| Fault::refused(&at.address, error.to_string()))
}

async fn tags_of(at: &Place, arn: &str, aws: &Reader) -> Result<Tags, Fault> {
    let answer = aws
        .read(&at.address, "scheduler", "ListTagsForResource", || {
            aws.scheduler().list_tags_for_resource().resource_arn(arn).send()
        })
        .await
        .absent_on(ABSENT)?;
    let tags = answer.and_then(|answer| answer.tags).unwrap_or_default();
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
