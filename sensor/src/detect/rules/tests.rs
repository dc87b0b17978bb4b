//! Tests of the rules.

mod mock;
mod semantics;
mod upstream;
