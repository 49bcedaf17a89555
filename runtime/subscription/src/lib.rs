//! Who gets which mail: tokens of unsubscribe links, the gate before every send, what every mail says about
//! leaving, and the records of every change.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`recipient`] | an address in the one spelling that everything is looked up by |
//! | [`token`] | seals and opens the tokens of links, bound to recipient, stream and purpose |
//! | [`preferences`] | what a person wants, whatever the order in which it was said |
//! | [`gate`] | who may be sent to, asked of the mirror 100 at a time |
//! | [`notice`] | list headers, links and footers of a mail |
//! | [`registry`] | a change, with its audit record and the contact list |
//! | [`suppression`] | addresses that bounced for good, or complained |
//! | [`audit`], [`list`] | the records of changes; the contact list of SES |
//!
//! The mirror (the contacts table) decides. An opt-out is in it, with its record, before anyone is told that
//! it is done; the gate reads it consistently; so no mail that is started afterwards goes out. What the
//! contact list could not be told stays marked until it was.

pub mod audit;
pub mod gate;
pub mod list;
pub mod notice;
pub mod preferences;
pub mod recipient;
pub mod registry;
mod row;
pub mod suppression;
pub mod token;

pub use audit::{Action, Detection, Event, Source};
pub use gate::{Gate, Verdict};
pub use notice::{Keeper, Links, Notice};
pub use preferences::{Preferences, Wish};
pub use recipient::Recipient;
pub use registry::{Outcome, Registry};
pub use token::{Opened, Opener, Sealer, Token, Unopened};
