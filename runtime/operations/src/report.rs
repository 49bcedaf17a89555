//! What is kept of a comparison, and whether it is news.

use model::{Drift, Fault};
use serde::{Deserialize, Serialize};

/// Lines of a message; the report in the bucket has all of them.
const LINES_MAX: usize = 40;

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// Everything is as it was applied.
    Clean,
    Drifted,
    /// Something could not be read, so nothing can be said of it.
    Unreadable,
}

/// The part of a report that the next one is compared with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) state: State,
    /// The same for as long as the same is wrong.
    pub(crate) fingerprint: String,
    /// When it was first found, in milliseconds since 1970.
    pub(crate) since_ms: u64,
}

/// What is kept in the control bucket.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    version: u32,
    pub(crate) stage: String,
    at_ms: u64,
    #[serde(flatten)]
    pub(crate) finding: Finding,
    /// The report of `dn drift --json`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) drift: Option<Drift>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

impl Report {
    pub(crate) fn new(stage: &str, at_ms: u64, seen: Result<Drift, Vec<String>>) -> Self {
        let (drift, faults) = match seen {
            Ok(drift) => (Some(drift), Vec::new()),
            Err(faults) => (None, faults),
        };
        let (state, fingerprint) = match &drift {
            Some(drift) if drift.is_empty() => (State::Clean, String::new()),
            Some(drift) => (State::Drifted, drift.fingerprint()),
            None => (State::Unreadable, faults.join("\n")),
        };
        let finding = Finding { state, fingerprint, since_ms: at_ms };
        Self { version: 1, stage: stage.to_owned(), at_ms, finding, drift, faults }
    }

    /// The same after the one before it: what was wrong then and still is, is so since then.
    pub(crate) fn after(mut self, before: Option<&Finding>) -> Self {
        if let Some(before) = before.filter(|before| !self.finding.differs(Some(before))) {
            self.finding.since_ms = before.since_ms;
        }
        self
    }

    /// Subject and text of a message.
    pub(crate) fn message(&self) -> (String, String) {
        let what = match self.finding.state {
            State::Clean => "everything is as it was applied again",
            State::Drifted => "somebody changed what was applied",
            State::Unreadable => "what is live cannot be compared",
        };
        let subject = format!("{}: {what}", self.stage);
        let mut lines = self.lines();
        if lines.len() > LINES_MAX {
            let more = lines.len() - LINES_MAX;
            lines.truncate(LINES_MAX);
            lines.push(format!("and {more} more"));
        }
        let next = match self.finding.state {
            State::Clean => String::new(),
            _ => format!("\n\nLook closer with `dn drift {}`.", self.stage),
        };
        let body = [vec![format!("{subject}.")], lines].concat().join("\n");
        // A subject is at most 100 characters of ASCII (SNS, `Publish`).
        (subject.chars().filter(char::is_ascii).take(100).collect(), body + &next)
    }

    fn lines(&self) -> Vec<String> {
        let Some(drift) = &self.drift else { return self.faults.clone() };
        let changed = drift.drifted.iter().flat_map(|one| {
            let fields: Vec<&str> = one.changes.iter().map(|change| change.field.as_str()).collect();
            let by = by(drift, &one.address);
            let head = format!("changed: {} ({}){by}", one.address, fields.join(", "));
            std::iter::once(head).chain(one.explained.iter().map(|line| format!("  {line}")))
        });
        let missing = drift.missing.iter().map(|at| format!("missing: {at}{}", by(drift, at)));
        let unmanaged = drift.unmanaged.iter().map(|what| format!("not declared: {what}"));
        changed.chain(missing).chain(unmanaged).collect()
    }

    /// How much is wrong.
    pub(crate) fn size(&self) -> usize {
        self.drift
            .as_ref()
            .map_or(0, |drift| drift.drifted.len() + drift.missing.len() + drift.unmanaged.len())
    }
}

impl Finding {
    /// Whether people have not been told of this. That nothing is wrong is news only after something was.
    pub(crate) fn differs(&self, before: Option<&Self>) -> bool {
        match before {
            None => self.state != State::Clean,
            Some(before) => (before.state, &before.fingerprint) != (self.state, &self.fingerprint),
        }
    }
}

/// Who changed it last, where AWS tells.
fn by(drift: &Drift, address: &model::Address) -> String {
    let doing = drift.last_changes.get(address);
    doing.map_or_else(String::new, |doing| format!(", last changed by {} ({})", doing.who, doing.call))
}

/// A fault as a report tells it.
pub(crate) fn fault(fault: &Fault) -> String {
    fault.to_string()
}

#[cfg(test)]
mod tests {
    use model::{
        Impact,
        drift::{Coverage, Drifted},
    };
    use serde_json::json;

    use super::*;
    use crate::control;

    fn drift(fields: &[&str]) -> Drift {
        let address: model::Address = "reports/bucket/reports".parse().unwrap();
        let change = |field: &&str| model::Change {
            field: (*field).to_owned(),
            live: json!(1),
            want: json!(2),
            impact: Impact::InPlace,
        };
        let drifted = (!fields.is_empty()).then(|| Drifted {
            address: address.clone(),
            kind: "bucket".to_owned(),
            changes: fields.iter().map(change).collect(),
            explained: vec!["policy: wider than declared: * may s3:GetObject".to_owned()],
            causes: Vec::new(),
        });
        Drift {
            version: 1,
            stage: "dev".to_owned(),
            drifted: drifted.into_iter().collect(),
            unmanaged: Vec::new(),
            missing: Vec::new(),
            accepted: Vec::new(),
            excluded: Default::default(),
            coverage: Coverage::default(),
            sources: Default::default(),
            last_changes: Default::default(),
            field_changes: Default::default(),
        }
    }

    /// A night after the one before: whether it is news, and what is kept.
    fn night(before: Option<&Finding>, at_ms: u64, seen: Result<Drift, Vec<String>>) -> (bool, Finding) {
        let report = Report::new("dev", at_ms, seen);
        let news = report.finding.differs(before);
        let kept = serde_json::to_vec(&report.after(before)).unwrap();
        (news, control::finding(&kept).unwrap())
    }

    #[test]
    fn only_a_change_of_state_is_news() {
        let denied = || Err(vec!["s3:GetBucketPolicy: AccessDenied".to_owned()]);
        let (news, clean) = night(None, 1, Ok(drift(&[])));
        assert!(!news, "the first night of a clean stage");
        let (news, first) = night(Some(&clean), 2, Ok(drift(&["policy"])));
        assert!(news);
        let (news, still) = night(Some(&first), 3, Ok(drift(&["policy"])));
        assert!(!news, "it stays");
        assert_eq!(still.since_ms, 2);
        let (news, more) = night(Some(&still), 4, Ok(drift(&["policy", "cors"])));
        assert!(news, "something else is wrong too");
        let (news, blind) = night(Some(&more), 5, denied());
        assert!(news);
        let (news, _) = night(Some(&blind), 6, denied());
        assert!(!news);
        let (news, gone) = night(Some(&blind), 7, Ok(drift(&[])));
        assert!(news, "it is gone");
        let (news, _) = night(Some(&gone), 8, Ok(drift(&[])));
        assert!(!news);
        assert!(night(None, 9, denied()).0, "the first night finds something");
        assert_eq!(control::finding::<Finding>(b"{}"), None);
    }

    #[test]
    fn a_message_names_what_is_wrong_and_stays_short() {
        let (subject, text) = Report::new("dev", 1, Ok(drift(&["policy"]))).message();
        assert_eq!(subject, "dev: somebody changed what was applied");
        assert!(text.contains("changed: reports/bucket/reports (policy)\n  policy: wider than"), "{text}");
        assert!(text.ends_with("`dn drift dev`."), "{text}");
        let faults = (0..99).map(|n| format!("fault {n}")).collect();
        let (_, text) = Report::new("dev", 1, Err(faults)).message();
        assert!(text.contains("fault 39\nand 59 more"), "{text}");
    }
}
