//! Preferred back end: beginnings and ends of functions at and below the system-call layer (fentry, fexit).
//! At the end of a function its result comes behind its last argument.

mod network;
mod privilege;
