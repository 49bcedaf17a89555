//! What the deployed code and the stacks agree on, declared once.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`api`] | every REST API and endpoint: path, auth, throttle, shapes, function |
//! | [`function`] | every function: what starts it, its size, its variables |
//! | [`variable`] | variables as typed structs; one that names a resource grants what its type says |
//! | [`setting`], [`resource`], [`table`] | what a variable may stand for |
//! | [`metric`] | the metrics that functions write |
//! | [`needs`] | what an artefact needs of its environment, as a file in it |
//! | [`openapi`] | the published document of an API |
//! | [`health`], [`outreach`], [`reply`], [`subscription`] | shapes that cross the wire |
//! | [`operations`] | what the functions of operations and the tool agree on |
//! | [`signing`] | links to reports: how long they live, and the document of the key that signs them |
//! | [`stream`] | the two streams of mail, whose names are the topics that people unsubscribe from |
//!
//! Nothing here is heavier than serde and its schemas: every function and every stack compiles it.

pub mod api;
pub mod function;
pub mod health;
pub mod metric;
pub mod needs;
pub mod openapi;
pub mod operations;
pub mod outreach;
pub mod reply;
pub mod resource;
pub mod setting;
pub mod signing;
pub mod stream;
pub mod subscription;
pub mod table;
pub mod variable;
