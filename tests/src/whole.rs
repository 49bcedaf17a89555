//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod independent;
mod laws;
mod layering;
mod secrecy;
mod stage;
mod tidy;
