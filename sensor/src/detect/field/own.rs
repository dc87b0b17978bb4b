//! Fields that only Picket has, beyond those of the event itself: what a rule needs to judge by facts instead of names.

use super::{Definition, Takes, Type, Which, fields};

fields! { Own;
    AncestorCommandLine = "picket.ancestor.cmdline", Text, Nothing, true;
        "command lines of the ancestors within the container; on the host, of all",
        "only Picket has it; `proc.acmdline` goes on to the runtime and the node's own programs";
    AncestorExecutable = "picket.ancestor.exepath", Text, Nothing, true;
        "paths of the programs of these ancestors", "only Picket has it";
    AncestorName = "picket.ancestor.name", Text, Nothing, true;
        "names of these ancestors, as proc.name has them", "only Picket has it";
    AttachType = "picket.attach_type", Text, Nothing, false;
        "what a BPF program is attached to, such as BPF_CGROUP_DEVICE", "only Picket has it";
    DnsName = "picket.dns.name", Text, Nothing, true;
        "names that a message of the domain name system asks for, in lower case", "only Picket has it";
    DnsType = "picket.dns.type", Text, Nothing, true;
        "types of records that it asks for, such as TXT", "only Picket has it";
    Detail = "picket.detail", Text, Nothing, false;
        "what the first bytes of a flow say in short: method and path, commands, banner", "only Picket has it";
    EnteredHost = "picket.entered_host", Text, Nothing, true;
        "namespaces of the node that a setns entered: mnt, pid, user, net, ipc, uts, cgroup, time",
        "only Picket has it; the node's own are known by the numbers that kernels give them";
    ExeUnlinked = "picket.exe.unlinked", Bool, Nothing, false;
        "the executed file had no name any more, of exec events", "only Picket has it";
    FileSystem = "picket.file.filesystem", Text, Nothing, false;
        "file system of the file, such as ext4 or overlay; its magic number where that has no name",
        "only Picket has it";
    FileKind = "picket.file.kind", Text, Nothing, false;
        "what the file is, or mknod makes: file, directory, block, character, fifo, socket", "only Picket has it";
    ObjectKind = "picket.kind", Text, Nothing, false;
        "type of a BPF program or map, or of a performance event, such as BPF_PROG_TYPE_KPROBE", "only Picket has it";
    MountType = "picket.mount.type", Text, Nothing, false;
        "type of the file system of a mount, with the old calls and the new ones", "only Picket has it";
    CallName = "picket.name", Text, Nothing, false;
        "name of an extended attribute, of a parameter of fsconfig, of a BPF program", "only Picket has it";
    ParentOutside = "picket.parent.outside", Bool, Nothing, false;
        "the parent is not in the container of the process: the runtime started it", "only Picket has it";
    Protocol = "picket.protocol", Text, Nothing, false;
        "protocol that the first bytes of a flow speak: stratum, tls, http, ssh, redis, …", "only Picket has it";
    ServerName = "picket.server_name", Text, Nothing, false;
        "name of the server that the client asks for (TLS, HTTP, proxies)", "only Picket has it";
    SamePod = "picket.target.same_pod", Bool, Nothing, false;
        "the process that a call is done to is in a container of the same pod", "only Picket has it";
    CallValue = "picket.value", Text, Nothing, false;
        "value of a parameter of fsconfig, options of a mount, what is written to a setting", "only Picket has it";
}
