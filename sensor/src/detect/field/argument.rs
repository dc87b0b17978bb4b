//! Arguments of events, `evt.arg.NAME` as text and `evt.rawarg.NAME` as they were.

use super::{Definition, Takes, Type, Which};

macro_rules! arguments {
    ($($variant:ident = $name:literal, $raw:ident; $from:literal;)*) => {
        /// An argument by its name.
        #[expect(clippy::enum_variant_names, reason = "they are Falco's")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Name { $($variant,)* }

        impl Name {
            /// Its name.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }

        pub(super) const ENTRIES: &[(Definition, Which)] = &[$(
            (
                Definition {
                    name: concat!("evt.arg.", $name),
                    kind: Type::Text,
                    takes: Takes::Nothing,
                    many: false,
                    from: $from,
                    differs: "",
                },
                Which::Argument(Name::$variant),
            ),
            (
                Definition {
                    name: concat!("evt.rawarg.", $name),
                    kind: Type::$raw,
                    takes: Takes::Nothing,
                    many: false,
                    from: concat!("as evt.arg.", $name, ", not made readable"),
                    differs: "",
                },
                Which::RawArgument(Name::$variant),
            ),
        )*];
    };
}

arguments! {
    Addr = "addr", Number; "address that ptrace was given, or the other end that connect was";
    Args = "args", Text; "arguments after the first of a program that begins";
    Backlog = "backlog", Number; "waiting connections that listen allows";
    Cap = "cap", Number; "capability that was asked for";
    CapEffective = "cap_effective", Number; "effective capabilities after a change";
    CapInheritable = "cap_inheritable", Number; "inheritable capabilities after a change";
    CapPermitted = "cap_permitted", Number; "permitted capabilities after a change";
    Cgroup = "cgroup", Text; "control group of a program that begins";
    Cmd = "cmd", Number; "command of bpf and fsconfig, such as BPF_PROG_LOAD";
    Comm = "comm", Text; "command name of a program that begins";
    Cwd = "cwd", Text; "working directory of a program that begins";
    Data = "data", Bytes; "bytes that were sent, received or written; what ptrace was given";
    Dev = "dev", Text; "source of a mount";
    Dir = "dir", Text; "place of a mount";
    Dirfd = "dirfd", Number; "where a relative path begins, with its path";
    Domain = "domain", Number; "family of a socket, such as AF_PACKET";
    Egid = "egid", Number; "effective group id that was set";
    Env = "env", Text; "environment of a program that begins";
    Euid = "euid", Number; "effective user id that was set";
    Exe = "exe", Text; "first argument of a program that begins";
    Fd = "fd", Number; "descriptor, with the type and name of what is behind it";
    Filename = "filename", Text; "file of chmod, or the one that is executed";
    Flags = "flags", Number; "flags, by their names joined by |";
    Gid = "gid", Number; "group id that was set";
    Img = "img", Bytes; "first bytes of a kernel module";
    Length = "length", Number; "bytes of a kernel module, or length to which a file is cut";
    Linkdirfd = "linkdirfd", Number; "where a relative linkpath begins";
    Linkpath = "linkpath", Text; "name of a symbolic link, from the root";
    Loginuid = "loginuid", Number; "login user id of a program that begins";
    Mode = "mode", Number; "permissions, S_IXUSR and so on joined by |";
    Name = "name", Text; "path of an open or an unlink, from the root";
    Newdirfd = "newdirfd", Number; "where a relative newpath begins";
    Newfd = "newfd", Number; "descriptor that dup was asked for";
    Newpath = "newpath", Text; "new name of a rename or link, from the root";
    Nstype = "nstype", Number; "kind of a namespace that was entered";
    Olddirfd = "olddirfd", Number; "where a relative oldpath begins";
    Oldfd = "oldfd", Number; "descriptor that was doubled";
    Oldpath = "oldpath", Text; "name that is renamed or linked to, from the root";
    Path = "path", Text; "path of a call, from the root";
    Pathname = "pathname", Text; "path of a call, from the root";
    Pgid = "pgid", Number; "process group of a program that begins";
    Pid = "pid", Number; "process that a call is done to, or that begins";
    Proto = "proto", Number; "protocol of a socket";
    Ptid = "ptid", Number; "parent of a program that begins";
    Request = "request", Number; "request of ptrace, such as PTRACE_ATTACH";
    Res = "res", Number; "result: 0 or above, or the name of the error";
    Rgid = "rgid", Number; "real group id that was set";
    Ruid = "ruid", Number; "real user id that was set";
    Sgid = "sgid", Number; "saved group id that was set";
    Sig = "sig", Number; "signal that was sent, or that ended a process";
    Size = "size", Number; "bytes that were sent or received";
    Special = "special", Text; "source of a mount";
    Status = "status", Number; "status with which a process ended";
    Suid = "suid", Number; "saved user id that was set";
    Target = "target", Text; "what a symbolic link points to, as it was asked for";
    Tid = "tid", Number; "thread that a call is done to, or that begins";
    Tty = "tty", Number; "terminal of a program that begins";
    Tuple = "tuple", Text; "both ends of a socket, client->server";
    Type = "type", Number; "type of a socket, or of a mount's file system";
    Uargs = "uargs", Text; "parameters of a kernel module";
    Uid = "uid", Number; "user id that was set: its name, where that is known";
    Vtid = "vtid", Number; "thread in its own pid namespace";
}
