//! Whole-system tests in one binary: laws for every kind, crash and fault simulation, stories, layering.

mod figures;
mod foreign;
mod interruption;
mod laws;
mod layering;
mod orphans;
mod references;
mod simulation;
mod stage;
mod tidy;
