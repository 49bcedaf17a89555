//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod adoption;
mod bad_input;
mod by_hand;
mod figures;
mod foreign;
mod independent;
mod interruption;
mod laws;
mod layering;
mod loopback;
mod mail;
mod nightly;
mod orphans;
mod project;
mod references;
mod secrecy;
mod simulation;
mod stage;
mod stories;
mod tidy;
mod trail;
mod triggers;
mod workflows;
