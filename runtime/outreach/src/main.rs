//! The outreach API: mail through Mailgun, what Mailgun tells of it, and what is known of campaigns and
//! messages.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`caller`] | who calls, and whether they may now |
//! | [`mail`], [`clean`] | a mail as it is asked for: checked, its variables made safe |
//! | [`send`], [`mailgun`] | to whom it goes, and how it is handed to Mailgun |
//! | [`webhook`], [`event`] | what Mailgun tells of a message, applied once |
//! | [`stats`], [`tracking`], [`period`] | numbers of campaigns and lists of events, by day and page |

use std::process::ExitCode;

use contract::function::{
    CampaignStats, OutreachHealth, SendEmail, SendTemplateEmail, TrackingData, Webhook,
};
use support::health;

mod caller;
mod clean;
mod event;
mod mail;
mod mailgun;
mod period;
mod send;
mod stats;
#[cfg(test)]
mod tests;
mod tracking;
#[cfg(test)]
mod trial;
mod webhook;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::run([
        health::entry::<OutreachHealth>(),
        support::api::<SendEmail, _, _>(send::email, |variables| &variables.origins.0),
        support::api::<SendTemplateEmail, _, _>(send::template_email, |variables| &variables.origins.0),
        support::api::<CampaignStats, _, _>(stats::handle, |variables| &variables.origins.0),
        support::api::<TrackingData, _, _>(tracking::handle, |variables| &variables.origins.0),
        // Called by Mailgun's servers only: no origin may.
        support::api::<Webhook, _, _>(webhook::handle, |_| &[]),
    ])
    .await
}
