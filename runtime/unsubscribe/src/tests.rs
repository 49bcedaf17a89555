//! Whole handlers against the embedded account.

mod add_contact;
mod gate;
mod links;
mod mail_events;
mod mailto;
mod races;
mod random;
mod reconcile;
mod records;
