//! The vocabulary of a deployment, and every decision that needs no cloud.
//!
//! Modules in the order in which a run uses them:
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`address`] | `stack/kind/name`, the identity of a resource everywhere |
//! | [`text`] | values that contain what AWS decides about another resource |
//! | [`fields`] | a spec laid out row by row, and the difference of two such layouts |
//! | [`snapshot`] | what is declared, and what was found |
//! | [`receipt`] | what the last apply wrote, kept in a tag: tells drift from change |
//! | [`plan`](mod@plan) | differences to ordered steps, nothing left to decide |
//! | [`lint`](mod@lint) | a plan to what a person must notice |
//! | [`policy`] | IAM documents compared by meaning |
//! | [`drift`](mod@drift) | what changed behind our back |
//! | [`journal`] | what was begun and how it ended, as a hash chain |
//! | [`pace`] | how long steps took, for the estimates of the next plan |
//! | [`call`] | one call to AWS as the engine sees it: lanes, verdicts |
//! | [`fault`] | what the caller may do about a failure |
//!
//! The crate is pure and synchronous: no I/O, no clock, no environment, no randomness.

pub mod address;
pub mod call;
pub mod drift;
pub mod fault;
pub mod fields;
pub mod graph;
pub mod journal;
pub mod lint;
pub mod pace;
pub mod plan;
pub mod policy;
pub mod receipt;
pub mod resource;
pub mod snapshot;
pub mod text;

pub use address::Address;
pub use call::{Call, Gate, Outcome, Verdict};
pub use drift::{Drift, drift};
pub use fault::Fault;
pub use fields::{Change, Fields, Impact};
pub use lint::Note;
pub use pace::Pace;

pub use plan::{Action, Expects, Plan, PlanError, Selection, Step, StepId, Target, plan, plan_at};
pub use resource::{BoxFuture, Data, Estate, Managed, ManagedEstate, MayFind, Watched};
pub use snapshot::{Declared, Found, Holds, Outputs, Snapshot, Source, Tags};
pub use text::{Ref, Text};
