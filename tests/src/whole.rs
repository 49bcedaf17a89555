//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod adoption;
mod bad_input;
mod doors;
mod figures;
mod foreign;
mod hand_over;
mod independent;
mod interruption;
mod laws;
mod layering;
mod loopback;
mod mail;
mod orphans;
mod policies;
mod project;
mod quotas;
mod references;
mod secrecy;
mod seed;
mod simulation;
mod stage;
mod stories;
mod tidy;
mod triggers;
mod watching;
