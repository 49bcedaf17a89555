//! What looks after the environment while nobody does: the nightly comparison of what is live with what was applied,
//! and the rotation of the key that links are signed with.
//!
//! The one service that uses crates of the controller: it compares with the same stacks, kinds and engine as `dn`
//! does, holding a `Reader`, which cannot write, under a role that may not; and it rotates by the same steps as
//! `dn rotate`, under a role that can do nothing else.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`nightly`] | reads what was applied, looks, keeps the report, tells what is new |
//! | [`report`] | what is kept of a comparison, and whether it is news |
//! | [`rotate`] | makes one step of the rotation, keeps a report, tells when it is late |
//! | [`hold`] | the lock and the journal while it does |
//! | [`lateness`] | what is kept of a rotation, and whether it is news |
//! | [`control`] | the objects of the control bucket that both use |

mod control;
mod hold;
mod lateness;
pub mod nightly;
mod report;
pub mod rotate;
