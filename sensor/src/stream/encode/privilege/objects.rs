//! Credentials, capabilities, namespaces, mounts, roots and control files.

use sensor_common::{
    call::Call,
    class::Class,
    header::TaskRef,
    record::{
        privilege::{CallRecord, Facts, FurtherIds},
        process::{Capabilities, Ids, Namespaces},
    },
};

use super::super::{Context, Subject, file, namespaces, unknown};
use crate::event::{
    call::PrivilegedCall,
    capability, mount,
    path::{Components, End},
    text::lossy,
};
use crate::proto;

impl Context {
    /// Fills in what the classes of this file tell.
    pub(super) fn objects(
        &self,
        class: Class,
        call: &PrivilegedCall<'_>,
        subject: Subject<'_>,
        message: &mut proto::PrivilegedCall,
    ) {
        let record = &call.record;
        match class {
            Class::Credentials => self.changed_credentials(record, subject, message),
            Class::Capability => {
                message.capability = capability::name(record.number);
                message.credentials = Some(self.credentials(record.ids, record.capabilities));
                message.namespaces = user_only(record.namespaces.user);
                message.target_namespaces = user_only(record.target_namespaces.user);
            }
            Class::ControlWrite => written(call, message),
            // What is there of a new process: it is in other namespaces than the one that made it.
            Class::Unshare if record.facts & Facts::TARGET != 0 => {
                message.namespaces = Some(namespaces(&record.namespaces));
                message.target_namespaces = Some(namespaces(&record.target_namespaces));
                message.flags = different(&record.namespaces, &record.target_namespaces);
                message.target = Some(self.targeted(record.target, subject));
            }
            Class::Unshare => {
                message.flags = mount::names(record.arguments[0], mount::CLONE);
                message.namespaces = Some(namespaces(&record.namespaces));
            }
            Class::Setns => {
                message.flags = mount::names(record.arguments[1], mount::CLONE);
                message.namespaces = Some(namespaces(&record.namespaces));
                message.file = (record.file.inode != 0).then(|| file::identity(&record.file, &[]));
                if record.facts & Facts::TARGET != 0 {
                    message.target = Some(self.targeted(record.target, subject));
                }
            }
            Class::Mount => mounted(call, message),
            Class::PivotRoot | Class::Chroot => {
                message.path = place(call.new_path, call.new_path_text, call.base);
                message.source = place(call.path, call.path_text, call.base);
                message.file = (record.file.inode != 0).then(|| file::identity(&record.file, &[]));
                message.namespaces = of_mounts(&record.namespaces);
            }
            _ => {}
        }
    }

    /// The process that a call is aimed at.
    fn targeted(&self, task: TaskRef, subject: Subject<'_>) -> proto::Process {
        subject.other.map_or_else(|| unknown(task), |process| self.process(process))
    }

    fn changed_credentials(
        &self,
        record: &CallRecord,
        subject: Subject<'_>,
        message: &mut proto::PrivilegedCall,
    ) {
        let of = |ids: Ids, further: FurtherIds, sets: Capabilities| proto::Credentials {
            suid: (further.suid != ids.euid).then_some(further.suid),
            sgid: (further.sgid != ids.egid).then_some(further.sgid),
            fsuid: (further.fsuid != ids.euid).then_some(further.fsuid),
            fsgid: (further.fsgid != ids.egid).then_some(further.fsgid),
            ..self.credentials(ids, sets)
        };
        message.credentials = Some(of(record.ids, record.further, record.capabilities));
        message.namespaces = user_only(record.namespaces.user);
        if record.result < 0 {
            message.value = refused(record);
        }
        if record.facts & Facts::BEFORE != 0 {
            message.credentials_before =
                Some(of(record.ids_before, record.further_before, record.capabilities_before));
            message.user_namespace_before =
                Some(record.number).filter(|before| *before != record.namespaces.user);
        } else if let Some(ids) = subject.ids_before {
            message.credentials_before = Some(proto::Credentials {
                uid: Some(ids.uid),
                gid: Some(ids.gid),
                euid: (ids.euid != ids.uid).then_some(ids.euid),
                egid: (ids.egid != ids.gid).then_some(ids.egid),
                ..proto::Credentials::default()
            });
        }
    }
}

/// The ids that a refused call asked for: `euid 0`. Nothing of groups and capabilities, which are in the caller's memory.
fn refused(record: &CallRecord) -> String {
    const USER: [&str; 3] = ["uid", "euid", "suid"];
    const GROUP: [&str; 3] = ["gid", "egid", "sgid"];
    let (names, count) = match Call::from_number(record.call) {
        Some(Call::Setuid) => (USER, 1),
        Some(Call::Setreuid) => (USER, 2),
        Some(Call::Setresuid) => (USER, 3),
        Some(Call::Setgid) => (GROUP, 1),
        Some(Call::Setregid) => (GROUP, 2),
        Some(Call::Setresgid) => (GROUP, 3),
        _ => return String::new(),
    };
    let asked = names.iter().zip(record.arguments).take(count);
    // -1 leaves an id as it is.
    let asked =
        asked.map(|(name, id)| (name, id & u64::from(u32::MAX))).filter(|(_, id)| *id != u64::from(u32::MAX));
    asked.map(|(name, id)| format!("{name} {id}")).collect::<Vec<_>>().join(", ")
}

/// A kernel setting, told by its name, or a control file, told by its path.
fn written(call: &PrivilegedCall<'_>, message: &mut proto::PrivilegedCall) {
    message.path = match call.path {
        Some(path) => path.to_text(End::Root),
        None => format!("/proc/sys/{}", lossy(call.name)),
    };
    // The kernel splits what it was given at spaces, in place.
    let value: Vec<u8> = call.value.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    message.value = lossy(&value).trim_end().to_owned();
    let record = &call.record;
    message.file = (record.file.inode != 0).then(|| file::identity(&record.file, &[]));
}

fn mounted(call: &PrivilegedCall<'_>, message: &mut proto::PrivilegedCall) {
    let record = &call.record;
    let [first, second, third, fourth, fifth, _] = record.arguments;
    message.namespaces = of_mounts(&record.namespaces);
    message.source = place(call.path, call.path_text, None);
    message.path = place(call.new_path, call.new_path_text, call.base);
    message.value = lossy(call.value).trim_end_matches('\0').to_owned();
    message.filesystem = lossy(call.filesystem).into_owned();
    message.file = (record.file.inode != 0).then(|| file::identity(&record.file, &[]));
    match Call::from_number(record.call) {
        Some(Call::Mount) => {
            message.flags = mount::names(mount::without_magic(fourth), mount::MOUNT);
        }
        Some(Call::Umount2) => message.flags = mount::names(second, mount::UNMOUNT),
        Some(Call::Fsopen) => message.flags = mount::names(second, mount::FSOPEN),
        Some(Call::Fsconfig) => {
            message.request = mount::fsconfig(second);
            message.name = lossy(call.name).into_owned();
        }
        Some(Call::Fsmount) => {
            message.flags = mount::names(second, mount::FSMOUNT);
            message.flags.extend(mount::names(third, mount::ATTRIBUTES));
        }
        Some(Call::Fspick) => message.flags = mount::names(third, mount::FSPICK),
        Some(Call::MoveMount) => message.flags = mount::names(fifth, mount::MOVE_MOUNT),
        Some(Call::OpenTree | Call::OpenTreeAttr | Call::MountSetattr) => {
            message.flags = mount::names(third, mount::TREE);
        }
        _ => message.arguments = vec![first, second, third],
    }
}

/// A path as the kernel resolved it, or else the text, made absolute.
fn place(resolved: Option<Components<'_>>, text: &[u8], base: Option<Components<'_>>) -> String {
    match (resolved, base) {
        (Some(path), _) => path.to_text(End::Root),
        (None, Some(base)) if !text.starts_with(b"/") => {
            let base = base.to_text(End::Root);
            format!("{}/{}", base.trim_end_matches('/'), lossy(text))
        }
        (None, _) => lossy(text).into_owned(),
    }
}

/// The namespaces in which two tasks differ, as the flags with which they are made.
fn different(one: &Namespaces, other: &Namespaces) -> Vec<String> {
    let pairs = [
        (one.mnt, other.mnt, "CLONE_NEWNS"),
        (one.pid, other.pid, "CLONE_NEWPID"),
        (one.net, other.net, "CLONE_NEWNET"),
        (one.ipc, other.ipc, "CLONE_NEWIPC"),
        (one.uts, other.uts, "CLONE_NEWUTS"),
        (one.cgroup, other.cgroup, "CLONE_NEWCGROUP"),
        (one.user, other.user, "CLONE_NEWUSER"),
        (one.time, other.time, "CLONE_NEWTIME"),
    ];
    pairs.iter().filter(|(one, other, _)| one != other).map(|(.., name)| (*name).to_owned()).collect()
}

/// The one that counts for credentials.
fn user_only(user: u32) -> Option<proto::Namespaces> {
    (user != 0).then(|| proto::Namespaces { user, ..proto::Namespaces::default() })
}

/// Those that count for mounts.
fn of_mounts(all: &Namespaces) -> Option<proto::Namespaces> {
    Some(proto::Namespaces { mnt: all.mnt, user: all.user, ..proto::Namespaces::default() })
}
