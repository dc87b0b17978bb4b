//! What goes over sockets.

use sensor_common::class::Class;

use super::{
    BackEnd,
    Hook::{PacketsIn, PacketsOut},
    Program, Service, Way,
};

/// The services.
pub(super) const SERVICES: &[Service] = &[Service {
    name: "first bytes of flows, DNS messages",
    classes: &[Class::NetPayload, Class::NetDns],
    required: false,
    ways: &[Way {
        back_end: BackEnd::Cgroup,
        programs: &[Program::new("packet_out", PacketsOut), Program::new("packet_in", PacketsIn)],
    }],
}];
