//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod adoption;
mod bad_input;
mod independent;
mod laws;
mod layering;
mod loopback;
mod project;
mod secrecy;
mod stage;
mod stories;
mod tidy;
