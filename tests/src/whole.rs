//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod adoption;
mod laws;
mod layering;
mod secrecy;
mod stage;
mod tidy;
