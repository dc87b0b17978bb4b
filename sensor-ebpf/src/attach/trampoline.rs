//! Preferred back end: beginnings and ends of kernel functions below the system-call layer.

mod file;
