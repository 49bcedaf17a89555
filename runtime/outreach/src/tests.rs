//! Whole handlers, on the embedded account.

mod random;
mod reading;
mod sending;
mod webhook;
