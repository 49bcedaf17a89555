//! What the functions of operations and the tool agree on.

use crate::{
    resource::{AlarmTopic, ControlBucket, RotatedKey, RotationBucket},
    variable::variables,
};

/// The object of the control bucket in which an apply leaves what it declared.
pub const DECLARED: &str = "drift/declared.json";

/// The object of the control bucket that holds the last report on drift; versions of it are the earlier ones.
pub const REPORT: &str = "drift/report.json";

/// The object of the control bucket that holds the last report on the rotation of the signing key.
pub const ROTATION_REPORT: &str = "rotation/report.json";

/// The object of the control bucket that keeps two from changing the stage at once.
pub const LOCK: &str = "lock.json";

/// What the objects of the control bucket begin with that are the journal.
pub const JOURNAL: &str = "journal/";

/// The stack and name of the control bucket.
pub const CONTROL: (&str, &str) = ("operations", "control");

/// The stack and name of the topic that people are told by.
pub const ALARMS: (&str, &str) = ("operations", "alarms");

variables! {
    /// What the nightly comparison needs.
    pub struct DriftVariables {
        control: ControlBucket = "CONTROL_BUCKET",
        alarms: AlarmTopic = "ALARM_TOPIC_ARN",
    }
}

variables! {
    /// What the scheduled rotation of the signing key needs.
    pub struct RotateVariables {
        control: RotationBucket = "CONTROL_BUCKET",
        alarms: AlarmTopic = "ALARM_TOPIC_ARN",
        key: RotatedKey = "SIGNING_KEY_SECRET",
    }
}
