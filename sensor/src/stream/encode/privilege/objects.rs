//! Credentials, capabilities, namespaces, mounts, roots and control files.

use sensor_common::{
    call::Call,
    class::Class,
    record::{
        privilege::{CallRecord, Facts, FurtherIds},
        process::{Capabilities, Ids, Namespaces},
    },
};

use super::super::{Context, Subject, file, namespaces};
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
            Class::Unshare => {
                message.flags = mount::names(record.arguments[0], mount::CLONE);
                message.namespaces = Some(namespaces(&record.namespaces));
            }
            Class::Setns => {
                message.flags = mount::names(record.arguments[1], mount::CLONE);
                message.namespaces = Some(namespaces(&record.namespaces));
                message.file = (record.file.inode != 0).then(|| file::identity(&record.file, &[]));
            }
            Class::Mount => mounted(call, message),
            Class::PivotRoot | Class::Chroot => {
                message.path = place(call.new_path, call.new_path_text, call.base);
                message.source = place(call.path, call.path_text, call.base);
                message.namespaces = of_mounts(&record.namespaces);
            }
            _ => {}
        }
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

/// A kernel setting, told by its name, or a control file, told by its path.
fn written(call: &PrivilegedCall<'_>, message: &mut proto::PrivilegedCall) {
    message.path = match call.path {
        Some(path) => path.to_text(End::Root),
        None => format!("/proc/sys/{}", lossy(call.name)),
    };
    // The kernel splits what it was given at spaces, in place.
    let value: Vec<u8> =
        call.value.iter().map(|byte| if *byte == 0 { b' ' } else { *byte }).collect();
    message.value = lossy(&value).trim_end().to_owned();
    let record = &call.record;
    message.file = (record.file.inode != 0).then(|| file::identity(&record.file, &[]));
}

fn mounted(call: &PrivilegedCall<'_>, message: &mut proto::PrivilegedCall) {
    let record = &call.record;
    let [first, second, third, _, fifth, _] = record.arguments;
    message.namespaces = of_mounts(&record.namespaces);
    message.source = place(call.path, call.path_text, None);
    message.path = place(call.new_path, call.new_path_text, call.base);
    message.value = lossy(call.value).trim_end_matches('\0').to_owned();
    let name = lossy(call.name).into_owned();
    match Call::from_number(record.call) {
        Some(Call::Mount) => {
            message.flags =
                mount::names(mount::without_magic(record.arguments[3]), mount::MOUNT);
            message.filesystem = name;
        }
        Some(Call::Umount2) => message.flags = mount::names(second, mount::UNMOUNT),
        Some(Call::Fsopen) => {
            message.flags = mount::names(second, mount::FSOPEN);
            message.filesystem = name;
        }
        Some(Call::Fsconfig) => {
            message.request = mount::fsconfig(second);
            message.name = name;
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

/// The one that counts for credentials.
fn user_only(user: u32) -> Option<proto::Namespaces> {
    (user != 0).then(|| proto::Namespaces { user, ..proto::Namespaces::default() })
}

/// Those that count for mounts.
fn of_mounts(all: &Namespaces) -> Option<proto::Namespaces> {
    Some(proto::Namespaces { mnt: all.mnt, user: all.user, ..proto::Namespaces::default() })
}
