//! Tests of the rules.

mod mock;
mod upstream;
