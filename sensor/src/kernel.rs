//! Stage 0: the kernel boundary. Loads and attaches the programs, reads their rings and ledger.

pub mod attach;
pub mod btf;
pub mod calls;
pub mod cgroup;
pub mod hooks;
pub mod ledger;
pub mod load;
pub mod offsets;
pub mod policy;
pub mod probe;
pub mod programs;
pub mod ring;
pub mod tracefs;
pub mod witness;
