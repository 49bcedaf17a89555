//! Make AWS match what is declared. The engine never learns what a table is.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`observe`](mod@observe) | AWS to a snapshot: everything at once, one list call for many |
//! | [`model::plan`](mod@model::plan) | a snapshot to ordered steps (pure, in `model`) |
//! | [`execute`](mod@execute) | steps to effects and a journal, as parallel as edges and lanes allow |
//! | [`gate`] | what stands between a kind and AWS: lanes, retries, the journal |
//! | [`lanes`] | one token bucket for each rate that AWS publishes |
//! | [`recorder`] | the journal, written before and after everything that changes something |
//! | [`segments`] | the journal in the control bucket: shipped, fetched, verified |
//! | [`settle`](mod@settle) | a pause after a run that was cut off, until AWS shows what it made |
//! | [`lock`] | one apply at a time: owner, age, and a way to break it |
//! | [`clock`], [`progress`], [`stop`] | time, news and interruption, as inputs |

pub mod clock;
pub mod execute;
pub mod gate;
pub mod lanes;
pub mod lock;
pub mod observe;
pub mod progress;
pub mod recorder;
pub mod segments;
pub mod settle;
pub mod stop;

pub use clock::{Clock, Wall};
pub use execute::{Execution, Report};
pub use gate::PacedGate;
pub use lanes::Lanes;
pub use lock::{Held, LockNote, LockStore};
pub use observe::{Observation, observe};
pub use progress::{Progress, Silent};
pub use recorder::{Ledger, Recorder};
pub use segments::{Fetched, Segments, SegmentsMut};
pub use settle::settle;
pub use stop::Stop;
