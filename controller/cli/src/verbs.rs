//! One file a verb.

pub(crate) mod apply;
pub(crate) mod build;
pub(crate) mod destroy;
pub(crate) mod doctor;
pub(crate) mod drift;
pub(crate) mod graph;
pub(crate) mod history;
mod hold;
pub(crate) mod noted;
pub(crate) mod openapi;
pub(crate) mod outputs;
pub(crate) mod person;
pub(crate) mod plan;
pub(crate) mod promote;
pub(crate) mod release;
pub(crate) mod rollback;
pub(crate) mod rotate;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod secret;
pub(crate) mod serve;
pub(crate) mod unlock;

pub(crate) use promote::Told;
