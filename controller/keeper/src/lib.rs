//! What `dn` and the functions of operations do alike to a stage that is at work: its lock and journal in the control
//! bucket, and a step of the rotation of the key that links are signed with.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`control`] | lock and journal as objects of the control bucket |
//! | [`signing_key`] | looks, decides, looks again under the lock, and makes the one step |

pub mod control;
pub mod signing_key;
