//! Answers from outside the kernel's records: all waiting and all file I/O of identity is here.

pub mod account;
pub mod adviser;
pub mod bundle;
pub mod cgroupfs;
pub mod cri;
pub mod delay;
pub mod kubernetes;
pub mod lapses;
pub mod meter;
pub mod procfs;
pub mod resolver;
pub mod users;
