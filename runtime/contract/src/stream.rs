//! The two streams of mail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A stream of mail that a person can unsubscribe from by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Campaigns and newsletters to artists.
    Outreach,
    /// Monthly financial reports.
    Financial,
}

impl Stream {
    pub const ALL: [Self; 2] = [Self::Outreach, Self::Financial];

    /// The topic of the contact list, and the first segment of the paths that serve it.
    #[must_use]
    pub fn topic(self) -> &'static str {
        match self {
            Self::Outreach => "outreach",
            Self::Financial => "financial",
        }
    }

    /// The stream of a topic.
    #[must_use]
    pub fn of_topic(topic: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.topic() == topic)
    }

    /// What people see on the preference page.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Outreach => "News and campaigns",
            Self::Financial => "Monthly financial reports",
        }
    }

    /// One sentence on what is sent.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Outreach => "Announcements, newsletters and campaigns about your music.",
            Self::Financial => "Your monthly statement with links to the detailed reports.",
        }
    }
}
