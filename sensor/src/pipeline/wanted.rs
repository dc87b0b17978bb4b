//! Whether subscribers want an event, as the policy says, and what the kernel is told of files.

use sensor_common::{
    class::Class,
    policy::{FileKey, Verdict},
};

use super::{Output, Pipeline};
use crate::event::{self, network, network::SocketOperation, operation::FileOperation};
use crate::identity::store::Owner;
use crate::policy::{Change, GroupKind};

impl Pipeline {
    /// Whose a control group is.
    pub(super) fn kind(&self, cgroup: u64) -> Option<GroupKind> {
        match self.identity.owner(cgroup) {
            Some(Owner::Container(_)) => Some(GroupKind::Container),
            Some(Owner::Host { .. }) => Some(GroupKind::Host),
            // What has neither process nor control group is nobody's: only who wants the host wants it.
            None if cgroup == 0 => Some(GroupKind::Host),
            None => None,
        }
    }

    /// Whether the policy wants the class of whose event it is. The kernel sends also those of a control group that it
    /// was told nothing of yet, and those that only rules look at.
    pub(super) fn wants_class(&mut self, event: &event::Event<'_>) -> bool {
        let wanted = self.policy.wants(event.class, self.kind(event.cgroup));
        self.counted(event, wanted)
    }

    /// The same of a socket, whose other end may be quiet.
    pub(super) fn wants_socket(&mut self, event: &event::Event<'_>, socket: &SocketOperation<'_>) -> bool {
        let wanted = self.is_wanted(event, socket);
        self.counted(event, wanted)
    }

    pub(super) fn is_wanted(&self, event: &event::Event<'_>, socket: &SocketOperation<'_>) -> bool {
        let is_quiet = network::end(&socket.record.remote)
            .is_some_and(|(address, port)| self.policy.is_quiet(address, port));
        !is_quiet && self.policy.wants(event.class, self.kind(event.cgroup))
    }

    /// Counts what is not told.
    pub(super) fn counted(&mut self, event: &event::Event<'_>, wanted: bool) -> bool {
        if !wanted {
            self.count(event.class, |count| count.quiet += 1);
        }
        wanted
    }

    /// Whether the policy wants an operation on a file. What it thinks of an opened one is for the kernel
    /// too, which need not send it again.
    pub(super) fn wants_file(
        &mut self,
        event: &event::Event<'_>,
        operation: &FileOperation<'_>,
        output: &mut impl Output,
    ) -> bool {
        let (mut path, mut new_path) = std::mem::take(&mut self.paths);
        operation.paths(event.incomplete, &mut path, &mut new_path);
        let of_class = self.policy.wants(event.class, self.kind(event.cgroup));
        let wanted = if event.class == Class::FileOpen {
            self.wants_opened(event, operation, &path, output)
        } else {
            event.class == Class::FileMapExec || self.policy.files.changed(&path, &new_path)
        };
        // For the next one to write in.
        self.paths = (path, new_path);
        self.counted(event, of_class && wanted)
    }

    /// The same of an opened file.
    fn wants_opened(
        &mut self,
        event: &event::Event<'_>,
        operation: &FileOperation<'_>,
        path: &str,
        output: &mut impl Output,
    ) -> bool {
        let record = &operation.record;
        let key = FileKey {
            inode: record.file.inode,
            changed_ns: record.file.changed_ns,
            device: record.file.device,
            written: u32::from(operation.is_written()),
            way: record.way,
        };
        let told = self.told_when_opened(path, operation);
        // What subscribers do not want rules may.
        let verdict = match told {
            Some(Verdict::Quiet) if self.is_watched(event, &key) => None,
            told => told,
        };
        if let Some(verdict) = verdict
            && key.inode != 0
        {
            output.change(Change::File { key, verdict, generation: self.policy.generation });
        }
        told != Some(Verdict::Quiet)
    }

    /// Whether anything could be found in other opens of a file. While it could, each of them comes, and is not asked of
    /// again.
    fn is_watched(&mut self, event: &event::Event<'_>, key: &FileKey) -> bool {
        let generation = self.policy.generation;
        if self.watched.has(key, generation) {
            return true;
        }
        let could = self.could_open(event);
        if could {
            self.watched.add(key, generation);
        }
        could
    }

    /// The settings' verdict on a file that was opened. The kernel keeps one for containers and host.
    fn told_when_opened(&self, path: &str, operation: &FileOperation<'_>) -> Option<Verdict> {
        if self.policy.wants(Class::FileOpen, None) {
            self.policy.files.opened(path, operation.record.file.mode, operation.is_written())
        } else {
            Some(Verdict::Quiet)
        }
    }
}
