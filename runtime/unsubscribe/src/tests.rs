//! Whole handlers against the embedded account.

mod gate;
mod links;
mod mail_events;
mod mailto;
mod races;
mod reconcile;
