//! Preferred back end: ends of functions at and below the system-call layer (fentry, fexit).

mod privilege;
