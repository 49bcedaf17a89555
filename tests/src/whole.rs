//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod laws;
mod layering;
mod project;
mod stage;
mod stories;
mod tidy;
