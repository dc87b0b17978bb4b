//! Preferred back end: beginnings and ends of kernel functions below the system-call layer.
//!
//! At the end of a function its result comes behind its last argument.

mod network;
