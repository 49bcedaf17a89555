//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod bad_input;
mod laws;
mod layering;
mod loopback;
mod project;
mod stage;
mod stories;
mod tidy;
