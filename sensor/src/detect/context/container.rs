//! Values of the container and its pod.

use std::io::Write as _;

use super::{Context, text};
use crate::detect::field::{Argument, container::Name};
use crate::detect::value::Value;
use crate::identity::{
    container::{Container, Pod},
    details::Mount,
    image,
    store::Known,
};

/// What Falco shows outside of containers.
const HOST: &str = "host";
/// What it shows of a mount that there is not.
const NO_MOUNT: &str = "N/A";

impl<'a> Context<'a> {
    /// Value of a field of the container.
    pub(super) fn of_container<'b>(
        &'b self,
        name: Name,
        argument: &Argument,
        buffer: &'b mut Vec<u8>,
    ) -> Option<Value<'b>> {
        let Some(known) = self.known() else {
            let host = matches!(name, Name::Id | Name::FullId | Name::Name | Name::Type);
            return host.then_some(Value::Text(HOST.as_bytes()));
        };
        let container = &known.container;
        match name {
            Name::Id => text_of(container.short_id()),
            Name::FullId => text_of(&container.id),
            Name::Name => text_of(&container.name),
            Name::Type => text_of(container.runtime?.name()),
            Name::Image => text_of(&container.image),
            Name::ImageRepository => text_of(image::split(&container.image).repository),
            Name::ImageTag => text_of(image::split(&container.image).tag),
            Name::ImageDigest => text_of(&container.image_digest),
            Name::Privileged => container.privileged.map(Value::Bool),
            Name::StartTime => container.details.started_ns.map(Value::Number),
            Name::Duration => {
                Some(Value::Number(self.given.wall_ns.saturating_sub(container.details.started_ns?)))
            }
            Name::Mounts => text::put(buffer, |to| mounts(container, to)),
            Name::Mount
            | Name::MountSource
            | Name::MountDest
            | Name::MountMode
            | Name::MountReadWrite
            | Name::MountPropagation => mount(container, name, argument, buffer),
            name => of_pod(known, name, argument, buffer),
        }
    }
}

fn of_pod<'b>(
    known: &'b Known,
    name: Name,
    argument: &Argument,
    buffer: &'b mut Vec<u8>,
) -> Option<Value<'b>> {
    let pod = known.container.pod.as_ref()?;
    match name {
        Name::PodName => text_of(&pod.name),
        Name::NamespaceName => text_of(&pod.namespace),
        Name::PodUid | Name::PodId => text_of(&pod.uid),
        Name::PodFullSandbox => text_of(&pod.sandbox_id),
        Name::PodSandbox => text_of(pod.sandbox_id.get(..12).unwrap_or(&pod.sandbox_id)),
        Name::PodLabel => match argument {
            Argument::Key(key) => text_of(pod.labels.get(key.as_ref())?),
            Argument::None | Argument::Index(_) => None,
        },
        Name::PodLabels if !pod.labels.is_empty() => text::put(buffer, |to| {
            for (number, (key, value)) in pod.labels.iter().enumerate() {
                let between = if number == 0 { "" } else { ", " };
                write!(to, "{between}{key}:{value}").ok()?;
            }
            Some(())
        }),
        Name::HostNetwork => Some(Value::Bool(pod.shares.host_network)),
        Name::HostPid => Some(Value::Bool(pod.shares.host_pid)),
        Name::DeploymentName => owner(pod, "Deployment"),
        Name::ReplicaSetName => owner(pod, "ReplicaSet"),
        Name::ReplicationControllerName => owner(pod, "ReplicationController"),
        _ => None,
    }
}

fn owner<'b>(pod: &'b Pod, kind: &str) -> Option<Value<'b>> {
    text_of(&pod.owners.iter().find(|owner| owner.kind == kind)?.name)
}

fn text_of(text: &str) -> Option<Value<'_>> {
    (!text.is_empty()).then_some(Value::Text(text.as_bytes()))
}

fn mounts(container: &Container, to: &mut Vec<u8>) -> Option<()> {
    for (number, mount) in container.details.mounts.as_ref()?.list().iter().enumerate() {
        if number > 0 {
            to.push(b',');
        }
        write_mount(mount, to)?;
    }
    Some(())
}

fn write_mount(mount: &Mount, to: &mut Vec<u8>) -> Option<()> {
    let Mount { source, destination, mode, writable, propagation } = mount;
    write!(to, "{source}:{destination}:{mode}:{writable}:{propagation}").ok()
}

/// A part of the mount that an argument names: by its number, or by its source, or its source by its destination.
fn mount<'b>(
    container: &'b Container,
    name: Name,
    argument: &Argument,
    buffer: &'b mut Vec<u8>,
) -> Option<Value<'b>> {
    let list = container.details.mounts.as_ref()?.list();
    let found = match argument {
        Argument::Index(number) => list.get(usize::try_from(*number).ok()?),
        Argument::Key(key) => match key.parse::<usize>() {
            Ok(number) => list.get(number),
            Err(_) => list.iter().find(|mount| {
                let path = if name == Name::MountSource { &mount.destination } else { &mount.source };
                is_like(key.as_bytes(), path.as_bytes())
            }),
        },
        Argument::None => None,
    };
    let Some(found) = found else { return Some(Value::Text(NO_MOUNT.as_bytes())) };
    let text = match name {
        Name::MountSource => &found.source,
        Name::MountDest => &found.destination,
        Name::MountMode => &found.mode,
        Name::MountPropagation => &found.propagation,
        Name::MountReadWrite => {
            return Some(Value::Text(if found.writable { b"true" } else { b"false" }));
        }
        _ => return text::put(buffer, |to| write_mount(found, to)),
    };
    Some(Value::Text(text.as_bytes()))
}

/// Whether a text is as a pattern in which `*` stands for any bytes and `?` for one. The last `*` that was met is
/// tried further on when what follows it does not fit, so the time is at most the product of both lengths.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut seen) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(seen) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted == byte => (at, seen) = (at + 1, seen + 1),
            _ => {
                let Some((place, from)) = star else { return false };
                star = Some((place, from + 1));
                (at, seen) = (place + 1, from + 1);
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, like) in [
            ("/proc*", "/proc", true),
            ("/proc*", "/proc/sys", true),
            ("/proc*", "/home", false),
            ("/", "/", true),
            ("/", "/etc", false),
            ("/root*", "/rootfs/x", true),
            ("*a*b", "xxaxxab", true),
            ("*a*b", "xxaxxabc", false),
            ("?", "", false),
            ("/e?c", "/etc", true),
            ("", "", true),
        ] {
            assert_eq!(is_like(pattern.as_bytes(), text.as_bytes()), like, "{pattern} {text}");
        }
    }
}
