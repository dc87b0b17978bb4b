//! Tests of the rules.

mod allocation;
mod gate;
mod hostile;
mod loading;
mod mock;
mod output;
mod partial;
mod semantics;
mod tables;
mod upstream;
