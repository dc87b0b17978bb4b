//! Handlers: kernel objects in, one record out. None knows by which hook it was reached.

pub(crate) mod container;
pub(crate) mod file;
pub(crate) mod net;
pub(crate) mod privilege;
pub(crate) mod process;
