//! What is kept of a rotation, and whether it is news.

use rotation::Health;
use serde::{Deserialize, Serialize};
use support::time;

/// How the rotation goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    Well,
    Overdue,
    Stuck,
}

/// The part of a report that the next one is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) state: State,
    /// What is late: the same for as long as the same is.
    what: String,
    /// Seconds since 1970 from which on it could have been done.
    since_s: Option<i64>,
}

/// What is kept in the control bucket.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    version: u32,
    stage: String,
    at_ms: i64,
    #[serde(flatten)]
    pub(crate) finding: Finding,
    /// Where the rotation is, in a word.
    pub(crate) rotation: &'static str,
}

impl Report {
    pub(crate) fn new(stage: &str, at_ms: i64, health: Health, rotation: &'static str) -> Self {
        let finding = match health {
            Health::Well => Finding { state: State::Well, what: String::new(), since_s: None },
            Health::Overdue { since_s } => {
                let what = "no rotation has begun".to_owned();
                Finding { state: State::Overdue, what, since_s: Some(since_s) }
            }
            Health::Stuck { since_s, what } => Finding { state: State::Stuck, what, since_s: Some(since_s) },
        };
        Self { version: 1, stage: stage.to_owned(), at_ms, finding, rotation }
    }

    /// Subject and text of a message.
    pub(crate) fn message(&self) -> (String, String) {
        let Self { stage, finding, .. } = self;
        let how = match finding.state {
            State::Well => "goes on as it should again",
            State::Overdue => "is overdue",
            State::Stuck => "is stuck",
        };
        let subject = format!("{stage}: the rotation of the signing key {how}");
        let since = finding.since_s.map_or_else(String::new, |since_s| {
            format!("\n{}, which could have been done since {}", finding.what, time::iso(since_s * 1000))
        });
        let next = match finding.state {
            State::Well => String::new(),
            State::Overdue => format!("\n\nBegin one with `dn rotate {stage} signing-key`."),
            State::Stuck => format!("\n\nLook closer with `dn rotate {stage} signing-key --status`."),
        };
        // A subject is at most 100 characters of ASCII (SNS, `Publish`).
        (subject.chars().filter(char::is_ascii).take(100).collect(), format!("{subject}.{since}{next}"))
    }
}

impl Finding {
    /// Whether people have not been told of this. That all is well is news only after something was not.
    pub(crate) fn differs(&self, before: Option<&Self>) -> bool {
        match before {
            None => self.state != State::Well,
            Some(before) => (before.state, &before.what) != (self.state, &self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control;

    fn run(before: Option<&Finding>, health: Health) -> (bool, Finding) {
        let report = Report::new("dev", 5, health, "draining");
        let news = report.finding.differs(before);
        (news, control::finding(&serde_json::to_vec(&report).unwrap()).unwrap())
    }

    #[test]
    fn lateness_is_told_once_and_when_it_is_over() {
        let stuck = |what: &str| Health::Stuck { since_s: 1, what: what.to_owned() };
        let (news, well) = run(None, Health::Well);
        assert!(!news);
        let (news, late) = run(Some(&well), stuck("a"));
        assert!(news);
        let (news, late) = run(Some(&late), stuck("a"));
        assert!(!news, "it stays");
        let (news, other) = run(Some(&late), stuck("b"));
        assert!(news, "something else is late");
        let (news, overdue) = run(Some(&other), Health::Overdue { since_s: 2 });
        assert!(news);
        let (news, well) = run(Some(&overdue), Health::Well);
        assert!(news, "it is over");
        assert!(!run(Some(&well), Health::Well).0);
        assert_eq!(control::finding::<Finding>(b"{}"), None);
    }

    #[test]
    fn a_message_says_what_since_when_and_what_to_do() {
        let (subject, text) = Report::new("dev", 5, Health::Overdue { since_s: 86_400 }, "due").message();
        assert_eq!(subject, "dev: the rotation of the signing key is overdue");
        assert!(text.contains("since 1970-01-02T00:00:00.000Z") && text.contains("`dn rotate dev"), "{text}");
    }
}
