//! The unsubscribe system: links, the preference page, `add-contact`, mail to the unsubscribe address, what
//! SES tells, and the reconciliation of the contact list.

use std::process::ExitCode;

use contract::{
    function::{AddContact, FinancialUnsubscribe, MailEvents, Mailto, OutreachUnsubscribe, Reconcile},
    stream::Stream,
};

mod add_contact;
mod detection;
mod form;
mod inbound;
mod link;
mod mail_events;
mod mailto;
mod page;
mod reconcile;
mod strict;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod trial;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    support::run([
        support::api::<OutreachUnsubscribe, _, _>(
            |request, call| link::handle(Stream::Outreach, request, call),
            |variables| &variables.origins.0,
        ),
        support::api::<FinancialUnsubscribe, _, _>(
            |request, call| link::handle(Stream::Financial, request, call),
            |variables| &variables.origins.0,
        ),
        support::api::<AddContact, _, _>(add_contact::handle, |variables| &variables.origins.0),
        support::event::<Mailto, _, _, _, _>(mailto::handle),
        support::event::<MailEvents, _, _, _, _>(mail_events::handle),
        support::event::<Reconcile, _, _, _, _>(reconcile::handle),
    ])
    .await
}
