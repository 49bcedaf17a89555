//! What an embedded account has around it instead of the world: Mailgun and the keys of Firebase tokens, on a
//! port of the loopback. For sandboxes only: everybody on this machine gets a token of whomever they name.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`server`] | one port for all of it |
//! | [`mailgun`] | Mailgun's call that takes a message, with its refusals |
//! | [`outbox`] | the messages that were taken, a copy for each recipient |
//! | [`webhook`] | what Mailgun tells of a message, signed |
//! | [`credentials`] | what Mailgun and its customer share: a secret of the account |
//! | [`identity`] | tokens of users who do not exist, and the key to verify them |
//! | [`page`] | the messages of Mailgun and of SES, for people |

pub mod credentials;
pub mod identity;
pub mod mailgun;
pub mod outbox;
pub mod page;
pub mod server;
pub mod webhook;
