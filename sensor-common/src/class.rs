//! What a record tells of.

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $number:literal in $family:ident,)*) => {
        /// Classes of records, in the order of their numbers on the wire. The numbers are those of
        /// `picket.v1.Class` as well, which has further ones that only the agent makes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Class { $($(#[$doc])* $name = $number,)* }

        impl Class {
            /// Every class, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// What kind of activity it belongs to.
            #[inline(always)]
            #[must_use]
            pub const fn family(self) -> Family {
                match self { $(Self::$name => Family::$family,)* }
            }
        }
    };
}

classes! {
    /// A process came into being (not: a thread).
    ProcessFork = 1 in Process,
    /// A process began to execute a program.
    ProcessExec = 2 in Process,
    /// The last thread of a process ended.
    ProcessExit = 3 in Process,
    /// A control group was created.
    CgroupCreate = 4 in Container,
    /// A control group was removed.
    CgroupRemove = 5 in Container,
    /// A task was moved to another control group.
    CgroupMove = 6 in Container,
    /// A file was opened, or an attempt was refused.
    FileOpen = 20 in File,
    /// A name was moved, or two were exchanged.
    FileRename = 21 in File,
    /// A further name was given to a file.
    FileLink = 22 in File,
    /// A symbolic link was made.
    FileSymlink = 23 in File,
    /// A name of a file was removed.
    FileUnlink = 24 in File,
    /// A directory was made.
    FileMkdir = 25 in File,
    /// A directory was removed.
    FileRmdir = 26 in File,
    /// Permissions were changed.
    FileMode = 27 in File,
    /// Owner or group was changed.
    FileOwner = 28 in File,
    /// An extended attribute was set or removed.
    FileXattr = 29 in File,
    /// A device, FIFO or socket was made in a file system.
    FileMknod = 30 in File,
    /// A file was cut, by its path or by a descriptor, other than by an open.
    FileTruncate = 31 in File,
    /// A socket of a kind that programs seldom need was made: raw, packet, netfilter.
    NetSocket = 32 in Network,
    /// A connection was attempted, or an attempt came to its end.
    NetConnect = 33 in Network,
    /// A connection was accepted.
    NetAccept = 34 in Network,
    /// A socket was given an address.
    NetBind = 35 in Network,
    /// A socket began to listen.
    NetListen = 36 in Network,
    /// A connection ended.
    NetClose = 37 in Network,
    /// A first datagram went to a peer.
    NetDatagram = 38 in Network,
    /// First bytes of a flow.
    NetPayload = 39 in Network,
    /// A message of the domain name system.
    NetDns = 40 in Network,
    /// A socket became a standard stream of a process: descriptor 0, 1 or 2.
    NetStdio = 41 in Network,
    /// A task's credentials changed other than by executing a program.
    Credentials = 42 in Privilege,
    /// A capability was asked for that containers should not need.
    Capability = 43 in Privilege,
    /// A task left namespaces for new ones.
    Unshare = 44 in Privilege,
    /// A task entered a namespace.
    Setns = 45 in Privilege,
    /// A file system was mounted, moved, changed or unmounted.
    Mount = 46 in Privilege,
    /// The root of a mount namespace was changed.
    PivotRoot = 47 in Privilege,
    /// The root directory of a process was changed.
    Chroot = 48 in Privilege,
    /// A process took control of another.
    Ptrace = 49 in Privilege,
    /// A process read or wrote the memory of another.
    ProcessMemory = 50 in Privilege,
    /// A process took a file descriptor of another.
    PidfdGetfd = 51 in Privilege,
    /// Code was to be loaded into the kernel.
    ModuleLoad = 52 in Privilege,
    /// A call of bpf(2).
    Bpf = 53 in Privilege,
    /// A call of userfaultfd(2).
    Userfaultfd = 54 in Privilege,
    /// A file was opened by its handle.
    OpenByHandle = 55 in Privilege,
    /// A call of keyctl(2), `add_key`(2) or `request_key`(2).
    Keyctl = 56 in Privilege,
    /// A call of `perf_event_open`(2).
    PerfEvent = 57 in Privilege,
    /// A kernel setting or a control file was written.
    ControlWrite = 58 in Privilege,
    /// Data was spliced from a file into a pipe.
    Splice = 59 in Privilege,
    /// Affinity, priority or policy of scheduling was set.
    Scheduling = 60 in Privilege,
    /// A process sent a signal to another.
    Signal = 61 in Privilege,
    /// A file that is not of the process's image was mapped to be executed.
    FileMapExec = 62 in File,
}

/// Kinds of activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// Processes and programs.
    Process,
    /// Control groups.
    Container,
    /// Files.
    File,
    /// Sockets.
    Network,
    /// What needs, gives or shows privileges.
    Privilege,
}

impl Family {
    /// Events of this family are never limited by a flood, and go through the ring that the bulk cannot
    /// fill. Equal ones of privilege may be counted by one of them.
    #[inline(always)]
    #[must_use]
    pub const fn is_vital(self) -> bool {
        matches!(self, Self::Process | Self::Container | Self::Privilege)
    }
}

impl Class {
    /// Slots of a table indexed by [`Class::index`].
    pub const SLOTS: u32 = 64;

    /// Index into per-class tables.
    #[inline(always)]
    #[must_use]
    pub const fn index(self) -> u32 {
        self as u32
    }

    /// Its place in a set of classes.
    #[inline(always)]
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << (self as u64)
    }

    /// The set of every class.
    #[must_use]
    pub fn all_bits() -> u64 {
        Self::ALL.iter().fold(0, |bits, class| bits | class.bit())
    }

    /// The set of a family's classes.
    #[must_use]
    pub fn bits_of(family: Family) -> u64 {
        Self::ALL.iter().filter(|class| class.family() == family).fold(0, |bits, class| bits | class.bit())
    }
}

/// Which of the two programs of a class made a record.
///
/// The kernel does not run a program on a CPU on which the same program is being preempted (its
/// recursion guard), and since 7.0 programs on tracepoints can be. A second program behind each
/// first one takes the events that the first one was not called for. Only fork, exec, exit and
/// control groups that come or go have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u16)]
pub enum Lane {
    /// The program that is called first, or the only one.
    First = 0,
    /// The one that is called after it.
    Second = 1,
}

impl Lane {
    /// Both.
    pub const ALL: [Self; 2] = [Self::First, Self::Second];

    /// Slot of a class in a table that has one for each lane.
    #[inline(always)]
    #[must_use]
    pub const fn slot(self, class: Class) -> u32 {
        class.index() + self as u32 * Class::SLOTS
    }
}

impl TryFrom<u16> for Class {
    type Error = UnknownClass;

    fn try_from(number: u16) -> Result<Self, UnknownClass> {
        Self::ALL.iter().copied().find(|class| *class as u16 == number).ok_or(UnknownClass(number))
    }
}

/// A class number that this version does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownClass(pub u16);

const _: () = assert!((Class::FileMapExec as u32) < Class::SLOTS);
