//! Where the running kernel keeps the fields that the programs read.
//!
//! The agent resolves every offset from the kernel's BTF and writes this structure into the
//! programs' read-only data before it loads them, so that the verifier sees constants and removes
//! what an absent field makes unreachable.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Offset of a field that the running kernel does not have.
pub const ABSENT: u32 = u32::MAX;

macro_rules! layout {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Offsets in bytes, or [`ABSENT`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        #[repr(C)]
        pub struct Layout { $($(#[$doc])* pub $name: u32,)* }

        /// A field of [`Layout`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[expect(non_camel_case_types, reason = "named like the field of `Layout` that it stands for")]
        pub enum Field { $($(#[$doc])* $name,)* }

        impl Field {
            /// Every field, in the order of [`Layout`].
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// Name of the field.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }

        impl Layout {
            /// Nothing known: every field absent.
            pub const UNKNOWN: Self = Self { $($name: ABSENT,)* };

            /// Sets one field.
            pub const fn set(&mut self, field: Field, offset: u32) {
                match field { $(Field::$name => self.$name = offset,)* }
            }

            /// Reads one field.
            #[must_use]
            pub const fn get(&self, field: Field) -> u32 {
                match field { $(Field::$name => self.$name,)* }
            }
        }
    };
}

layout! {
    /// `task_struct.pid`
    task_pid,
    /// `task_struct.tgid`
    task_tgid,
    /// `task_struct.start_boottime`
    task_start_boottime,
    /// `task_struct.group_leader`
    task_group_leader,
    /// `task_struct.real_parent`
    task_real_parent,
    /// `task_struct.cred`
    task_cred,
    /// `task_struct.mm`
    task_mm,
    /// `task_struct.fs`
    task_fs,
    /// `task_struct.files`
    task_files,
    /// `task_struct.nsproxy`
    task_nsproxy,
    /// `task_struct.cgroups`
    task_cgroups,
    /// `task_struct.signal`
    task_signal,
    /// `task_struct.thread_pid`
    task_thread_pid,
    /// `task_struct.comm`
    task_comm,
    /// `task_struct.exit_code`
    task_exit_code,
    /// `task_struct.loginuid`
    task_loginuid,
    /// `task_struct.seccomp.mode`
    task_seccomp_mode,
    /// `signal_struct.live`
    signal_live,
    /// `signal_struct.flags`
    signal_flags,
    /// `signal_struct.group_exit_code`
    signal_group_exit_code,
    /// `signal_struct.tty`
    signal_tty,
    /// `signal_struct.pids[PIDTYPE_SID]`
    signal_session,
    /// `signal_struct.pids[PIDTYPE_PGID]`
    signal_group,
    /// `tty_struct.name`
    tty_name,
    /// `tty_struct.driver`
    tty_driver,
    /// `tty_struct.index`
    tty_index,
    /// `tty_driver.major`
    tty_driver_major,
    /// `tty_driver.minor_start`
    tty_driver_minor,
    /// `pid.level`
    pid_level,
    /// `pid.numbers`
    pid_numbers,
    /// size of `struct upid`
    upid_size,
    /// `upid.nr`
    upid_nr,
    /// `upid.ns`
    upid_ns,
    /// `pid_namespace.ns.inum`
    pid_namespace_inum,
    /// `cred.uid`
    cred_uid,
    /// `cred.gid`
    cred_gid,
    /// `cred.euid`
    cred_euid,
    /// `cred.egid`
    cred_egid,
    /// `cred.cap_inheritable`
    cred_cap_inheritable,
    /// `cred.cap_permitted`
    cred_cap_permitted,
    /// `cred.cap_effective`
    cred_cap_effective,
    /// `cred.cap_bset`
    cred_cap_bset,
    /// `cred.cap_ambient`
    cred_cap_ambient,
    /// `cred.user_ns`
    cred_user_ns,
    /// `user_namespace.ns.inum`
    user_namespace_inum,
    /// `nsproxy.mnt_ns`
    nsproxy_mnt,
    /// `nsproxy.net_ns`
    nsproxy_net,
    /// `nsproxy.ipc_ns`
    nsproxy_ipc,
    /// `nsproxy.uts_ns`
    nsproxy_uts,
    /// `nsproxy.cgroup_ns`
    nsproxy_cgroup,
    /// `nsproxy.time_ns`
    nsproxy_time,
    /// `mnt_namespace.ns.inum`
    mnt_namespace_inum,
    /// `net.ns.inum`
    net_inum,
    /// `ipc_namespace.ns.inum`
    ipc_namespace_inum,
    /// `uts_namespace.ns.inum`
    uts_namespace_inum,
    /// `cgroup_namespace.ns.inum`
    cgroup_namespace_inum,
    /// `time_namespace.ns.inum`
    time_namespace_inum,
    /// `mm_struct.arg_start`
    mm_arg_start,
    /// `mm_struct.arg_end`
    mm_arg_end,
    /// `mm_struct.env_start`
    mm_env_start,
    /// `mm_struct.env_end`
    mm_env_end,
    /// `mm_struct.exe_file`
    mm_exe_file,
    /// `linux_binprm.argc`
    binprm_argc,
    /// `linux_binprm.filename`
    binprm_filename,
    /// `linux_binprm.interp`
    binprm_interp,
    /// `fs_struct.pwd`
    fs_pwd,
    /// `files_struct.fdt`
    files_fdt,
    /// `fdtable.max_fds`
    fdtable_max_fds,
    /// `fdtable.fd`
    fdtable_fd,
    /// `file.f_path`
    file_path,
    /// `file.f_inode`
    file_inode,
    /// `path.mnt`
    path_mnt,
    /// `path.dentry`
    path_dentry,
    /// `dentry.d_parent`
    dentry_parent,
    /// `dentry.d_name.name`
    dentry_name,
    /// `mount.mnt`
    mount_vfs,
    /// `mount.mnt_parent`
    mount_parent,
    /// `mount.mnt_mountpoint`
    mount_mountpoint,
    /// `mount.mnt_id`
    mount_id,
    /// `vfsmount.mnt_root`
    vfsmount_root,
    /// `inode.i_mode`
    inode_mode,
    /// `inode.i_uid`
    inode_uid,
    /// `inode.i_gid`
    inode_gid,
    /// `inode.i_ino`
    inode_number,
    /// `inode.i_nlink`
    inode_links,
    /// `inode.i_rdev`
    inode_rdev,
    /// `inode.i_sb`
    inode_superblock,
    /// `inode.i_ctime`, seconds
    inode_changed_s,
    /// `inode.i_ctime`, nanoseconds
    inode_changed_ns,
    /// `inode.i_mtime`, seconds
    inode_modified_s,
    /// `inode.i_mtime`, nanoseconds
    inode_modified_ns,
    /// size of `struct inode`, behind which overlayfs keeps its upper directory entry
    inode_size,
    /// `super_block.s_dev`
    superblock_device,
    /// `super_block.s_magic`
    superblock_magic,
    /// `css_set.dfl_cgrp`
    cssset_default_cgroup,
    /// `css_set.subsys`
    cssset_subsystems,
    /// `cgroup_subsys_state.cgroup`
    css_cgroup,
    /// value of `pids_cgrp_id`
    pids_subsystem,
    /// value of `memory_cgrp_id`
    memory_subsystem,
    /// `cgroup.kn`
    cgroup_node,
    /// `cgroup.root`
    cgroup_root,
    /// `cgroup_root.hierarchy_id`
    cgroup_root_hierarchy,
    /// `kernfs_node.id`
    kernfs_id,
    /// `kernfs_node.parent`
    kernfs_parent,
    /// `kernfs_node.name`
    kernfs_name,
    /// `sock.__sk_common.skc_cookie`
    sock_cookie,
    /// `sock.sk_lock.owned`
    sock_lock_owned,
    /// `task_struct.flags`
    task_flags,
    /// `task_struct.stack`
    task_stack,
    /// `task_struct.real_cred`
    task_real_cred,
    /// `socket.sk`
    socket_sk,
    /// `socket.file`
    socket_file,
    /// `sock.sk_socket`
    sock_socket,
    /// `sock.__sk_common.skc_family`
    sock_family,
    /// `sock.__sk_common.skc_state`
    sock_state,
    /// `sock.__sk_common.skc_daddr`
    sock_daddr,
    /// `sock.__sk_common.skc_rcv_saddr`
    sock_rcv_saddr,
    /// `sock.__sk_common.skc_dport`
    sock_dport,
    /// `sock.__sk_common.skc_num`
    sock_num,
    /// `inet_sock.inet_sport`
    inet_sport,
    /// `sock.__sk_common.skc_v6_daddr`
    sock_v6_daddr,
    /// `sock.__sk_common.skc_v6_rcv_saddr`
    sock_v6_rcv_saddr,
    /// `sock.__sk_common.skc_net`
    sock_net,
    /// `sock.__sk_common.skc_bound_dev_if`
    sock_device,
    /// `sock.__sk_common.skc_flags`
    sock_flags,
    /// `sock.sk_type`
    sock_type,
    /// `sock.sk_protocol`
    sock_protocol,
    /// `sock.sk_err`
    sock_error,
    /// `sock.sk_max_ack_backlog`
    sock_backlog,
    /// `sock.sk_peer_pid`
    sock_peer_pid,
    /// `tcp_sock.bytes_sent`
    tcp_bytes_sent,
    /// `tcp_sock.bytes_retrans`
    tcp_bytes_retransmitted,
    /// `tcp_sock.bytes_received`
    tcp_bytes_received,
    /// `unix_sock.addr`
    unix_address,
    /// `unix_sock.path`
    unix_path,
    /// `unix_sock.peer`
    unix_peer,
    /// `unix_address.len`
    unix_name_length,
    /// `unix_address.name`
    unix_name,
    /// `msghdr.msg_name`
    message_name,
    /// `msghdr.msg_namelen`
    message_name_length,
    /// `fs_struct.root`
    fs_root,
    /// `task_struct.in_execve`: number of the bit, not of the byte
    task_in_execve_bit,
    /// `task_struct.thread_info.status`
    task_thread_status,
    /// `pt_regs.orig_ax`: number of the system call
    regs_number,
    /// `cred.suid`
    cred_suid,
    /// `cred.sgid`
    cred_sgid,
    /// `cred.fsuid`
    cred_fsuid,
    /// `cred.fsgid`
    cred_fsgid,
    /// `cred.group_info`
    cred_groups,
    /// `kernfs_open_file.file`
    kernfs_open_file,
    /// `fs_context.fs_type`
    fs_context_type,
    /// `file_system_type.name`
    filesystem_name,
    /// `file.f_flags`
    file_flags,
    /// `file.f_mode`
    file_mode,
    /// `file.private_data`
    file_private,
    /// `open_flags.open_flag`
    open_flag,
    /// `open_flags.mode`
    open_mode,
    /// `filename.name`
    filename_name,
    /// `task_struct.thread_info.status`
    thread_status,
    /// `io_kiocb.opcode`
    request_opcode,
    /// `io_kiocb.flags`
    request_flags,
    /// `io_kiocb.cqe.res` (since 5.19)
    request_result,
    /// size of `struct io_cmd_data` (since 6.0: then the tracepoint's first argument is the request)
    request_command_size,
    /// `io_open.dfd`
    uring_open_directory,
    /// `io_open.file_slot`
    uring_open_slot,
    /// `io_open.filename`
    uring_open_path,
    /// `io_open.how.flags`
    uring_open_flags,
    /// `io_rename.old_dfd`; `io_link` has its fields in the same places
    uring_rename_directory,
    /// `io_rename.oldpath`
    uring_rename_path,
    /// `io_rename.new_dfd`
    uring_rename_new_directory,
    /// `io_rename.newpath`
    uring_rename_new_path,
    /// `io_rename.flags`
    uring_rename_flags,
    /// `io_unlink.dfd`
    uring_unlink_directory,
    /// `io_unlink.filename`
    uring_unlink_path,
    /// `io_unlink.flags`
    uring_unlink_flags,
    /// `io_mkdir.dfd`
    uring_mkdir_directory,
    /// `io_mkdir.filename`
    uring_mkdir_path,
    /// `io_mkdir.mode`
    uring_mkdir_mode,
    /// size of `struct io_ftrunc` (since 6.9: then open files are cut by `do_ftruncate`)
    uring_truncate_size,
    /// `dentry.d_inode`
    dentry_inode,
    /// `pt_regs.di` (first argument of a system call) and so on; the six of a 64-bit call
    regs_argument_0,
    /// second argument
    regs_argument_1,
    /// third argument
    regs_argument_2,
    /// fourth argument
    regs_argument_3,
    /// fifth argument
    regs_argument_4,
    /// sixth argument
    regs_argument_5,
    /// `pt_regs.bx` (first argument of a 32-bit call)
    regs_bx,
    /// `pt_regs.cx`
    regs_cx,
    /// `pt_regs.bp` (sixth argument of a 32-bit call)
    regs_bp,
    /// size of `struct pt_regs`
    regs_size,
    /// number of the helper `bpf_get_current_task_btf` (since 5.11)
    helper_current_task_btf,
    /// number of the helper `bpf_task_pt_regs` (since 5.15)
    helper_task_pt_regs,
    /// `pid_namespace.idr.idr_rt.xa_head`: all processes of a pid namespace by number
    pid_namespace_head,
    /// `xa_node.shift`
    xa_node_shift,
    /// `xa_node.slots`
    xa_node_slots,
    /// `pid.tasks`
    pid_tasks,
    /// `task_struct.pid_links`
    task_pid_links,
    /// `inode.i_private`
    inode_private,
    /// `task_struct.cpus_mask`
    task_cpus_mask,
    /// `task_struct.policy`
    task_policy,
    /// `task_struct.static_prio`
    task_static_prio,
    /// `task_struct.rt_priority`
    task_rt_priority,
    /// `bpf_prog.type`
    bpf_prog_type,
    /// `bpf_prog.expected_attach_type`
    bpf_prog_attach_type,
    /// `bpf_prog.aux`
    bpf_prog_aux,
    /// `bpf_prog_aux.name`
    bpf_prog_aux_name,
    /// `bpf_map.map_type`
    bpf_map_type,
    /// `bpf_map.name`
    bpf_map_name,
    /// `bpf_link.prog`
    bpf_link_prog,
    /// `perf_event.attr`
    perf_event_attr,
}

/// What the agent decides before the programs are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Settings {
    /// Id of the control group hierarchy that names containers (0: the v2 tree).
    pub cgroup_hierarchy: u32,
    /// Index of the v1 controller whose hierarchy that is, or [`ABSENT`] for the v2 tree.
    pub cgroup_subsystem: u32,
    /// 1 to send the environment of executed programs.
    pub environment: u32,
    /// 1 to write diagnostics through aya-log.
    pub diagnostics: u32,
    /// Process id of the agent, which does not watch itself; 0 for none.
    pub own: u32,
    /// Unused; zero.
    pub reserved: u32,
    /// Set of the capabilities whose use is told, bit n for number n.
    pub capabilities: u64,
    /// Nobody else knows it: so nobody can choose two texts that the programs take for equal.
    pub secret: u64,
}
