//! Preferred back end: beginnings and ends of kernel functions at and below the system-call layer
//! (fentry, fexit).
//!
//! At the end of a function its result comes behind its last argument.

mod file;
mod network;
mod privilege;
