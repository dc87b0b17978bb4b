//! Sockets.
//!
//! The states of TCP are told by one BTF tracepoint whatever the back end: it belongs to both ways.

use sensor_common::class::Class;

use super::{
    BackEnd,
    Hook::{BtfTracepoint, Fentry, Fexit, SyscallExit},
    Program, Service, Way,
};

const STATES: Program = Program::new("sock_state", BtfTracepoint(&["inet_sock_set_state"]));

/// The services.
pub(super) const SERVICES: &[Service] = &[
    Service {
        name: "connections",
        classes: &[Class::NetConnect, Class::NetClose],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    STATES,
                    Program::new("inet_stream_connected", Fexit(&["inet_stream_connect"])),
                    Program::new("inet_dgram_connected", Fexit(&["inet_dgram_connect"])),
                    Program::new("unix_stream_connected", Fexit(&["unix_stream_connect"])),
                    Program::new("unix_dgram_connected", Fexit(&["unix_dgram_connect"])),
                ],
            },
            Way {
                back_end: BackEnd::Tracepoint,
                programs: &[STATES, Program::new("exit_connect", SyscallExit(&["connect"]))],
            },
        ],
    },
    Service {
        name: "accepted connections",
        classes: &[Class::NetAccept],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[Program::new("sock_graft", Fentry(&["security_sock_graft"]))],
            },
            Way {
                back_end: BackEnd::Tracepoint,
                programs: &[Program::new("exit_accept", SyscallExit(&["accept4", "accept"]))],
            },
        ],
    },
    Service {
        name: "bound sockets",
        classes: &[Class::NetBind],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::new("inet_bound", Fexit(&["inet_bind"])),
                    Program::new("unix_bound", Fexit(&["unix_bind"])),
                    Program::optional("inet6_bound", Fexit(&["inet6_bind"])),
                ],
            },
            Way {
                back_end: BackEnd::Tracepoint,
                programs: &[Program::new("exit_bind", SyscallExit(&["bind"]))],
            },
        ],
    },
    Service {
        name: "listening sockets",
        classes: &[Class::NetListen],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::new("inet_listening", Fexit(&["inet_listen"])),
                    Program::new("unix_listening", Fexit(&["unix_listen"])),
                ],
            },
            Way {
                back_end: BackEnd::Tracepoint,
                programs: &[Program::new("exit_listen", SyscallExit(&["listen"]))],
            },
        ],
    },
    Service {
        name: "unusual sockets",
        classes: &[Class::NetSocket],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[Program::new("sock_created", Fexit(&["__sock_create"]))],
            },
            Way {
                back_end: BackEnd::Tracepoint,
                programs: &[Program::new("exit_socket", SyscallExit(&["socket"]))],
            },
        ],
    },
    Service {
        name: "sockets as standard streams",
        classes: &[Class::NetStdio],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::optional("call_dup2", Fexit(&["__x64_sys_dup2"])),
                    Program::optional("call32_dup2", Fexit(&["__ia32_sys_dup2"])),
                    Program::new("call_dup3", Fexit(&["__x64_sys_dup3"])),
                    Program::optional("call32_dup3", Fexit(&["__ia32_sys_dup3"])),
                    Program::new("call_dup", Fexit(&["__x64_sys_dup"])),
                    Program::optional("call32_dup", Fexit(&["__ia32_sys_dup"])),
                    Program::optional("descriptor_copied", Fexit(&["f_dupfd"])),
                ],
            },
            Way {
                // A hot call is among them. By the kernel's own statistics, which are part of it, the program takes
                // 55 ns where the result is no standard stream, 110 ns for `fcntl(F_SETFD)`, whose result is 0, and
                // 195 ns for another file than a socket (6.18).
                back_end: BackEnd::Tracepoint,
                programs: &[Program::new("exit_dup", SyscallExit(&["dup3", "dup2", "dup", "fcntl"]))],
            },
        ],
    },
    Service {
        name: "datagrams",
        classes: &[Class::NetDatagram],
        required: false,
        ways: &[
            Way {
                back_end: BackEnd::Trampoline,
                programs: &[
                    Program::new("udp_sent", Fexit(&["udp_sendmsg"])),
                    Program::optional("udp6_sent", Fexit(&["udpv6_sendmsg"])),
                ],
            },
            Way {
                back_end: BackEnd::Tracepoint,
                programs: &[Program::new("exit_send", SyscallExit(&["sendto", "sendmsg", "sendmmsg"]))],
            },
        ],
    },
];
