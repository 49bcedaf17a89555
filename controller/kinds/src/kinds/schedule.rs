//! A schedule of EventBridge Scheduler: something that is called at set times. Outputs: `arn`, `name`, `group`.
//!
//! Surprises: `UpdateSchedule` replaces everything, and what is left out falls back to its default, so a target
//! with settings that this kind does not know is refused rather than flattened; a schedule cannot be tagged (its
//! group can), so its description ends in a marker that says whose it is; it moves to another group only by being
//! made anew; the role is checked while the schedule is written, and a role that was just made is refused for a
//! while (`model::call` tells that from a real refusal); a list shows neither description nor expression.

use aws_sdk_scheduler::{
    error::BuildError,
    operation::get_schedule::GetScheduleOutput,
    types::{
        ActionAfterCompletion, DeadLetterConfig, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy,
        ScheduleState, SqsParameters, Target as SdkTarget,
    },
};
use model::{Address, Fault, Fields, Outputs, Ref, Text};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{key::Key, queue::Queue, role::Role, schedule_group::ScheduleGroup};
use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, reads, whole_account},
};

mod marker;
mod when;

use marker::Marker;
pub use when::{Expression, Moment, Timezone, Unit, WhenError};

reads!(aws_sdk_scheduler:
    get_schedule GetScheduleFluentBuilder,
    list_schedules ListSchedulesFluentBuilder,
);

const ABSENT: &[&str] = &["ResourceNotFoundException"];
/// The group of schedules that name none.
const DEFAULT: &str = "default";
/// With the marker.
const DESCRIPTION_MAX: usize = 512;
const NAME_MAX: usize = 64;

/// Something that is called at set times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// By name; `None` is the group `default`.
    pub group: Option<Ref<ScheduleGroup>>,
    pub description: Option<String>,
    /// Whether the description in AWS ends in the marker that says whose the schedule is. Nothing else does, so it
    /// is not declared without.
    pub marked: bool,
    pub when: Expression,
    /// In which the expression is meant.
    pub timezone: Timezone,
    /// The call may be as late as this, in minutes (1 to 1440); `None` is on time.
    pub window_min: Option<u32>,
    pub enabled: bool,
    /// Not before; one-time schedules ignore it.
    pub start: Option<Moment>,
    /// Not after; one-time schedules ignore it.
    pub end: Option<Moment>,
    pub after_last: AfterLast,
    pub target: Target,
    /// With which Scheduler encrypts the schedule, by ARN; `None` is a key of its own.
    pub key: Option<Ref<Key>>,
}

/// What becomes of a schedule that has made its last call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AfterLast {
    Keep,
    /// It deletes itself. The next plan would make it again: only for schedules that are not declared for long.
    Delete,
}

/// What is called, by whom, with what, and what happens when that fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Of a function's alias, a queue, a topic, or an API call (`arn:aws:scheduler:::aws-sdk:…`).
    pub arn: Text,
    /// Trusts `scheduler.amazonaws.com`, and may call the target. By ARN.
    pub role: Ref<Role>,
    /// What the target is given, compared as a tree; `None` is Scheduler's own notification.
    pub input: Option<Value>,
    pub retry: Retry,
    /// Where calls go that failed for good, by ARN; not a strict queue.
    pub dead_letters: Option<Ref<Queue>>,
    /// The group of the message, when the target is a strict queue.
    pub message_group: Option<String>,
}

/// How often and for how long a failed call is made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// 60 to 86400.
    pub age_max_s: u32,
    /// 0 to 185.
    pub attempts_max: u32,
}

impl Retry {
    /// Scheduler's own: for a day.
    pub const DEFAULT: Self = Self { age_max_s: 86_400, attempts_max: 185 };
}

impl Target {
    /// A target with the defaults of Scheduler.
    #[must_use]
    pub fn of(arn: impl Into<Text>, role: Ref<Role>) -> Self {
        let (input, dead_letters, message_group) = (None, None, None);
        Self { arn: arn.into(), role, input, retry: Retry::DEFAULT, dead_letters, message_group }
    }

    fn sdk(&self) -> Result<SdkTarget, BuildError> {
        let count = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
        let retry = RetryPolicy::builder()
            .maximum_event_age_in_seconds(count(self.retry.age_max_s))
            .maximum_retry_attempts(count(self.retry.attempts_max));
        let dead = |queue: &Ref<Queue>| DeadLetterConfig::builder().arn(queue.text().as_str()).build();
        let strict = |group: &String| SqsParameters::builder().message_group_id(group).build();
        SdkTarget::builder()
            .arn(self.arn.as_str())
            .role_arn(self.role.text().as_str())
            .set_input(self.input.as_ref().map(Value::to_string))
            .retry_policy(retry.build())
            .set_dead_letter_config(self.dead_letters.as_ref().map(dead))
            .set_sqs_parameters(self.message_group.as_ref().map(strict))
            .build()
    }

    fn read(target: &SdkTarget) -> Self {
        let retry = target.retry_policy.as_ref();
        let count = |count: Option<i32>| count.and_then(|count| u32::try_from(count).ok());
        let age = retry.and_then(|retry| count(retry.maximum_event_age_in_seconds));
        let attempts = retry.and_then(|retry| count(retry.maximum_retry_attempts));
        let dead = target.dead_letter_config.as_ref().and_then(|dead| dead.arn.clone());
        Self {
            arn: target.arn.as_str().into(),
            role: Ref::live(&target.role_arn),
            // What is no JSON is kept as a text, so that it differs from whatever is declared.
            input: target.input().map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into())),
            retry: Retry {
                age_max_s: age.unwrap_or(Retry::DEFAULT.age_max_s),
                attempts_max: attempts.unwrap_or(Retry::DEFAULT.attempts_max),
            },
            dead_letters: dead.map(Ref::live),
            message_group: target.sqs_parameters.as_ref().and_then(|strict| strict.message_group_id.clone()),
        }
    }
}

/// A setting that putting the schedule again would wipe out.
fn unknown_part(target: &SdkTarget) -> Option<&'static str> {
    [
        (target.ecs_parameters.is_some(), "settings for ECS"),
        (target.event_bridge_parameters.is_some(), "settings for an event bus"),
        (target.kinesis_parameters.is_some(), "settings for Kinesis"),
        (target.sage_maker_pipeline_parameters.is_some(), "settings for SageMaker"),
    ]
    .into_iter()
    .find_map(|(there, what)| there.then_some(what))
}

impl Schedule {
    /// A schedule in the default group, on time, in UTC.
    #[must_use]
    pub fn of(when: Expression, target: Target) -> Self {
        Self {
            group: None,
            description: None,
            marked: true,
            when,
            timezone: Timezone::utc(),
            window_min: None,
            enabled: true,
            start: None,
            end: None,
            after_last: AfterLast::Keep,
            target,
            key: None,
        }
    }

    fn read(at: &Place, shown: &GetScheduleOutput, scope: &Scope) -> Result<Self, Fault> {
        let refuse = |what: &str| {
            Fault::refused(
                &at.address,
                format!("the schedule that is there has {what}, which this tool cannot keep"),
            )
            .hint("delete that schedule by hand, or give this one another name in the environment")
        };
        let target = shown.target.as_ref().ok_or_else(|| refuse("no target"))?;
        if let Some(what) = unknown_part(target) {
            return Err(refuse(what));
        }
        let (group, _) = parts(at.name());
        let (description, marker) = Marker::split(shown.description().unwrap_or_default());
        // Another's marker is a part of the text: it differs, and converging it is refused.
        let marked = marker.as_ref().is_some_and(|marker| *marker == Marker::of(scope, &at.address));
        let description = if marked { description } else { shown.description().unwrap_or_default() };
        let window = shown.flexible_time_window.as_ref().and_then(|window| window.maximum_window_in_minutes);
        Ok(Self {
            group: (group != DEFAULT).then(|| Ref::live(group)),
            description: Some(description.to_owned()).filter(|text| !text.is_empty()),
            marked,
            when: Expression::live(shown.schedule_expression().unwrap_or_default()),
            timezone: Timezone::live(shown.schedule_expression_timezone().unwrap_or("UTC")),
            window_min: window.and_then(|minutes| u32::try_from(minutes).ok()),
            enabled: shown.state != Some(ScheduleState::Disabled),
            start: shown.start_date.as_ref().map(Moment::live),
            end: shown.end_date.as_ref().map(Moment::live),
            after_last: match shown.action_after_completion {
                Some(ActionAfterCompletion::Delete) => AfterLast::Delete,
                _ => AfterLast::Keep,
            },
            target: Target::read(target),
            key: shown.kms_key_arn().map(Ref::live),
        })
    }

    fn described(&self, at: &Place, scope: &Scope) -> Result<Option<String>, Fault> {
        let mut text = self.description.clone().unwrap_or_default();
        if self.marked {
            text = Marker::of(scope, &at.address).after(&text);
        }
        if text.chars().count() > DESCRIPTION_MAX {
            let message =
                format!("its description is longer than {DESCRIPTION_MAX} characters with its marker");
            return Err(Fault::refused(&at.address, message).hint("shorten the description"));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn sdk_window(&self) -> Result<FlexibleTimeWindow, BuildError> {
        let minutes = self.window_min.map(|minutes| i32::try_from(minutes).unwrap_or(i32::MAX));
        let mode = minutes.map_or(FlexibleTimeWindowMode::Off, |_| FlexibleTimeWindowMode::Flexible);
        FlexibleTimeWindow::builder().mode(mode).set_maximum_window_in_minutes(minutes).build()
    }
}

/// Group and name of a physical name; names hold no slash.
fn parts(physical: &str) -> (&str, &str) {
    physical.rsplit_once('/').unwrap_or((DEFAULT, physical))
}

impl Resource for Schedule {
    const KIND: &'static str = "schedule";
    const TAGGED: bool = false;

    fn physical(scope: &Scope, address: &Address) -> String {
        format!("{DEFAULT}/{}", scope.name(address))
    }

    fn physical_of(&self, scope: &Scope, address: &Address) -> String {
        let group = self.group.as_ref().map_or(DEFAULT, |group| group.text().as_str());
        format!("{group}/{}", scope.name(address))
    }

    fn known(scope: &Scope, physical: &str) -> Outputs {
        let (group, name) = parts(physical);
        let mut known = Outputs::from([("name".to_owned(), name.to_owned())]);
        if model::text::references(group).next().is_none() {
            known.insert("arn".to_owned(), scope.arn("scheduler", &format!("schedule/{group}/{name}")));
            known.insert("group".to_owned(), group.to_owned());
        }
        known
    }

    fn physical_of_arn(_: &str) -> Option<String> {
        None
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            group,
            description,
            marked,
            when,
            timezone,
            window_min,
            enabled,
            start,
            end,
            after_last,
            target,
            key,
        } = self;
        let Target { arn, role, input, retry, dead_letters, message_group } = target;
        to.fixed("group", group);
        to.field("description", description);
        to.field("marked", marked);
        to.field("when", when);
        to.field("timezone", timezone);
        to.field("window_min", window_min);
        to.field("enabled", enabled);
        to.field("start", start);
        to.field("end", end);
        to.field("after_last", after_last);
        to.field("target", arn);
        to.field("role", role);
        to.field("input", input);
        to.field("retry", retry);
        to.field("dead_letters", dead_letters);
        to.field("message_group", message_group);
        to.field("key", key);
    }

    /// Those with the stage's prefix, in any group, whose marker names an address of this stage.
    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        let marked = inventory(aws).await?.into_iter();
        let ours =
            |(physical, marker): (String, Option<Marker>)| Some((marker?.ours(aws.scope())?, physical));
        Ok(marked.filter_map(ours).filter(|(address, _)| address.kind() == Self::KIND).collect())
    }

    /// Those with the stage's prefix that nobody marked.
    async fn unmanaged(aws: &Reader) -> Result<Vec<String>, Fault> {
        let marked = inventory(aws).await?.into_iter();
        Ok(marked.filter(|(_, marker)| marker.is_none()).map(|(physical, _)| physical).collect())
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        if model::text::references(at.name()).next().is_some() {
            // Its group is not there yet.
            return Ok(None);
        }
        let answer = look(&at.address, at.name(), aws).await?;
        let Some(shown) = answer.as_ref() else { return Ok(None) };
        let actual = Self::read(at, shown, aws.scope())?;
        let mut live = Live::new(actual, Self::known(aws.scope(), at.name()), None);
        let (_, marker) = Marker::split(shown.description().unwrap_or_default());
        live.findings.extend(marker.and_then(|marker| marker.foreign(aws.scope())));
        Ok(Some(live))
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let outputs = Self::known(aws.scope(), at.name());
        let (_, name) = parts(at.name());
        if name.len() > NAME_MAX {
            let message = format!("the name {name} is longer than {NAME_MAX} characters");
            return Err(
                Fault::refused(&at.address, message).hint("give it a shorter name in the environment")
            );
        }
        match live {
            None => self.create(at, aws).await?,
            Some(live) if live.actual != *self => {
                refuse_foreign(at, &live)?;
                self.update(at, aws).await?;
            }
            Some(_) => {}
        }
        Ok(outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        refuse_foreign(at, &live)?;
        let (group, name) = parts(at.name());
        aws.write(at, "scheduler", "DeleteSchedule", || {
            aws.scheduler().delete_schedule().group_name(group).name(name).send()
        })
        .await
        .absent_on(ABSENT)?;
        Ok(())
    }
}

fn refuse_foreign(at: &Place, live: &Live<Schedule>) -> Result<(), Fault> {
    match live.findings.first() {
        None => Ok(()),
        Some(owner) => Err(Fault::refused(&at.address, owner)
            .hint("give this schedule another name in the environment, or release that one there")),
    }
}

/// The two writes take the same members, and are different types.
macro_rules! filled {
    ($ask:expr, $spec:expr, $at:expr, $scope:expr) => {{
        let (spec, at): (&Schedule, &Place) = ($spec, $at);
        let (group, name) = parts(at.name());
        let broken = |error: BuildError| Fault::refused(&at.address, error.to_string());
        let state = if spec.enabled { ScheduleState::Enabled } else { ScheduleState::Disabled };
        let after = match spec.after_last {
            AfterLast::Keep => ActionAfterCompletion::None,
            AfterLast::Delete => ActionAfterCompletion::Delete,
        };
        $ask.group_name(group)
            .name(name)
            .set_description(spec.described(at, $scope)?)
            .schedule_expression(spec.when.as_str())
            .schedule_expression_timezone(spec.timezone.as_str())
            .flexible_time_window(spec.sdk_window().map_err(broken)?)
            .state(state)
            .set_start_date(spec.start.as_ref().and_then(Moment::time))
            .set_end_date(spec.end.as_ref().and_then(Moment::time))
            .action_after_completion(after)
            .target(spec.target.sdk().map_err(broken)?)
            .set_kms_key_arn(spec.key.as_ref().map(|key| key.text().to_string()))
    }};
}

impl Schedule {
    async fn create(&self, at: &Place, aws: &Writer) -> Result<(), Fault> {
        let ask = filled!(aws.scheduler().create_schedule(), self, at, aws.scope());
        aws.write(at, "scheduler", "CreateSchedule", || ask.clone().send()).await?;
        Ok(())
    }

    async fn update(&self, at: &Place, aws: &Writer) -> Result<(), Fault> {
        let ask = filled!(aws.scheduler().update_schedule(), self, at, aws.scope());
        aws.write(at, "scheduler", "UpdateSchedule", || ask.clone().send()).await?;
        Ok(())
    }
}

/// One call a schedule, shared by whoever asks for it in one run of looking.
async fn look(
    at: &Address,
    physical: &str,
    aws: &Reader,
) -> Result<std::sync::Arc<Option<GetScheduleOutput>>, Fault> {
    let (group, name) = parts(physical);
    aws.once(&format!("scheduler:GetSchedule {physical}"), async {
        aws.read(at, "scheduler", "GetSchedule", || {
            aws.scheduler().get_schedule().group_name(group).name(name).send()
        })
        .await
        .absent_on(ABSENT)
    })
    .await
}

/// Physical names and markers of all schedules with the stage's prefix.
async fn inventory(aws: &Reader) -> Result<Vec<(String, Option<Marker>)>, Fault> {
    let at = whole_account("schedules");
    let listed = aws.once("scheduler:ListSchedules", list(&at, aws)).await?;
    let looks = listed.iter().map(|physical| look(&at, physical, aws));
    let shown = futures::future::try_join_all(looks).await?;
    let marker = |shown: &Option<GetScheduleOutput>| {
        shown.as_ref().and_then(|shown| Marker::split(shown.description().unwrap_or_default()).1)
    };
    let there = listed.iter().zip(shown).filter(|(_, shown)| shown.is_some());
    Ok(there.map(|(physical, shown)| (physical.clone(), marker(&shown))).collect())
}

async fn list(at: &Address, aws: &Reader) -> Result<Vec<String>, Fault> {
    let (mut all, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = aws
            .read(at, "scheduler", "ListSchedules", || {
                let ask = aws.scheduler().list_schedules().name_prefix(aws.scope().prefix());
                ask.max_results(100).set_next_token(token.clone()).send()
            })
            .await?;
        let physical = |one: &aws_sdk_scheduler::types::ScheduleSummary| {
            format!("{}/{}", one.group_name().unwrap_or(DEFAULT), one.name().unwrap_or_default())
        };
        all.extend(page.schedules.iter().map(physical));
        token = page.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            return Ok(all);
        }
    }
}
