//! Model values to words: pure functions, which print nothing and know neither terminal, clock nor environment.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`page`] | lines that keep to a width, with or without colour |
//! | [`words`], [`value`] | counts, durations, times; values of fields and differences of documents |
//! | [`verdict`] | what a person must know about a plan before its size |
//! | [`rows`] | the steps of a plan as people read them, and the plan in a terminal |
//! | [`markdown`] | plan and drift as comments on a pull request |
//! | [`file`](mod@file) | the plan as JSON, and back |
//! | [`drift`], [`sarif`] | what changed behind our back, for people and for code scanning |
//! | [`built`] | artefacts with digest and size |
//! | [`report`] | the end of an apply, and failures with their hints |
//! | [`release`] | releases, and what one changes on its way |
//! | [`rotate`](mod@rotate) | where a rotation is |
//! | [`serve`](mod@serve) | what happens while a stage is served |
//! | [`history`], [`outputs`], [`graph`] | the journal's runs, ids and URLs, the resource graph |
//!
//! Texts that come from AWS or from a plan file cannot act on the terminal or on a comment: control characters are
//! written as escapes, and what Markdown would read as markup is quoted.

mod built;
mod drift;
mod file;
mod graph;
mod history;
mod markdown;
mod outputs;
mod page;
mod release;
mod report;
mod rotate;
mod rows;
mod sarif;
mod serve;
mod value;
mod verdict;
mod words;

#[cfg(test)]
mod tests;

pub(crate) use built::{built_json, built_text};
pub(crate) use drift::{drift_json, drift_text};
pub(crate) use file::{plan_json, read_plan};
pub(crate) use graph::{graph_dot, graph_svg};
pub(crate) use history::{history_json, history_text};
pub(crate) use markdown::{drift_markdown, plan_markdown};
pub(crate) use outputs::{outputs_json, outputs_text};
pub(crate) use page::Style;
pub(crate) use release::{promotion_json, promotion_text, release_json, release_text};
pub(crate) use report::{failure_text, report_text};
pub(crate) use rotate::{
    KeyRotation, Rotation, key_rotation_json, key_rotation_text, rotation_json, rotation_text, used,
};
pub(crate) use rows::plan_text;
pub(crate) use sarif::drift_sarif;
pub(crate) use serve::{news_text, serving_text};
pub(crate) use words::{count, day, duration, instant};
