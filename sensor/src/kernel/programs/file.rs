//! Files.

use sensor_common::class::Class;

use super::{BackEnd, Hook::SyscallExit, Program, Service, Way};

/// The services.
pub(super) const SERVICES: &[Service] = &[Service {
    name: "opened files",
    classes: &[Class::FileOpen],
    required: false,
    ways: &[Way {
        back_end: BackEnd::Tracepoint,
        programs: &[Program::new("exit_open", SyscallExit(&["openat", "open", "openat2", "creat"]))],
    }],
}];
