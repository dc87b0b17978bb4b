//! Functions that open and change files.

use aya_ebpf::{
    EbpfContext,
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use sensor_common::{class::Class, layout::ABSENT};

use crate::{
    handler::file::{
        asked::Name,
        call::decode_device,
        change::{self, Pending},
        map,
        open::{self, Asked},
    },
    kobj::{Memory, Raw},
    maps::offset,
};

/// `__FMODE_EXEC` of `include/linux/fs.h`: opened to be executed, which is an event of its own. Programs
/// cannot ask for it.
const TO_EXECUTE: u32 = 0x20;

/// `struct file *do_filp_open(int dfd, struct filename *pathname, const struct open_flags *op)`; since 7.2
/// `do_file_open`
#[fexit(function = "do_filp_open")]
pub(crate) fn exit_file_open(ctx: FExitContext) -> i32 {
    let options = Raw(ctx.arg::<u64>(2));
    let flags = options.number::<u32>(offset!(open_flag));
    if flags & TO_EXECUTE != 0 {
        return 0;
    }
    let file = number(&ctx, 3);
    let path = Raw(ctx.arg::<u64>(1));
    let text = || path.number(offset!(filename_name));
    let mode = || u32::from(options.number::<u16>(offset!(open_mode)));
    match error(file) {
        0 => open::by_object(Raw(file), flags, || Asked { text: text(), copied: true, mode: mode() }),
        error => {
            let name = Name { text: text(), directory: ctx.arg::<i32>(0), copied: true };
            open::refused(error, flags, name, mode());
        }
    }
    0
}

/// `struct file *file_open_root(const struct path *root, const char *filename, int flags, umode_t mode)`
#[fexit(function = "file_open_root")]
pub(crate) fn exit_root_open(ctx: FExitContext) -> i32 {
    if offset!(helper_task_pt_regs) == ABSENT {
        return 0;
    }
    let file = number(&ctx, 4);
    if error(file) == 0 {
        open::by_object(Raw(file), 0, || Asked::UNKNOWN);
    }
    0
}

/// Before 5.14: `struct file *file_open_root(struct dentry *dentry, struct vfsmount *mnt, const char *filename,
/// int flags, umode_t mode)`
#[fexit(function = "file_open_root")]
pub(crate) fn exit_root_open_old(ctx: FExitContext) -> i32 {
    if offset!(helper_task_pt_regs) != ABSENT {
        return 0;
    }
    let file = number(&ctx, 5);
    if error(file) == 0 {
        open::by_object(Raw(file), 0, || Asked::UNKNOWN);
    }
    0
}

/// `int security_mmap_file(struct file *file, unsigned long prot, unsigned long flags)`
#[fexit(function = "security_mmap_file")]
pub(crate) fn file_mapped(ctx: FExitContext) -> i32 {
    if map::is_executable(ctx.arg(1)) && ctx.arg::<i32>(3) == 0 {
        let file = number(&ctx, 0);
        if file != 0 {
            map::by_object(Raw(file));
        }
    }
    0
}

/// `int security_path_rename(const struct path *old_dir, struct dentry *old_dentry, const struct path *new_dir,
/// struct dentry *new_dentry, unsigned int flags)`
#[fentry(function = "security_path_rename")]
pub(crate) fn check_rename(ctx: FEntryContext) -> i32 {
    let mut pending = pending(&ctx, Class::FileRename);
    pending.other_mount = Raw(ctx.arg::<u64>(2)).number(offset!(path_mnt));
    pending.other = ctx.arg(3);
    pending.flags = ctx.arg(4);
    pending.note();
    0
}

/// `int security_path_link(struct dentry *old_dentry, const struct path *new_dir, struct dentry *new_dentry)`
#[fentry(function = "security_path_link")]
pub(crate) fn check_link(ctx: FEntryContext) -> i32 {
    let mut pending = Pending::new(Class::FileLink, Raw(ctx.arg::<u64>(1)), ctx.arg(2));
    pending.other = ctx.arg(0);
    pending.note();
    0
}

/// `int security_path_symlink(const struct path *dir, struct dentry *dentry, const char *old_name)`
#[fentry(function = "security_path_symlink")]
pub(crate) fn check_symlink(ctx: FEntryContext) -> i32 {
    let mut pending = pending(&ctx, Class::FileSymlink);
    pending.text = ctx.arg(2);
    pending.note();
    0
}

/// `int security_path_unlink(const struct path *dir, struct dentry *dentry)`
#[fentry(function = "security_path_unlink")]
pub(crate) fn check_unlink(ctx: FEntryContext) -> i32 {
    pending(&ctx, Class::FileUnlink).note();
    0
}

/// `int security_path_rmdir(const struct path *dir, struct dentry *dentry)`
#[fentry(function = "security_path_rmdir")]
pub(crate) fn check_rmdir(ctx: FEntryContext) -> i32 {
    pending(&ctx, Class::FileRmdir).note();
    0
}

/// `int security_path_mkdir(const struct path *dir, struct dentry *dentry, umode_t mode)`
#[fentry(function = "security_path_mkdir")]
pub(crate) fn check_mkdir(ctx: FEntryContext) -> i32 {
    let mut pending = pending(&ctx, Class::FileMkdir);
    pending.mode = ctx.arg::<u32>(2) & 0xffff;
    pending.note();
    0
}

/// `int security_path_mknod(const struct path *dir, struct dentry *dentry, umode_t mode, unsigned int dev)`
#[fentry(function = "security_path_mknod")]
pub(crate) fn check_mknod(ctx: FEntryContext) -> i32 {
    let mode = ctx.arg::<u32>(2) & 0xffff;
    if change::is_open(mode) {
        return 0;
    }
    let mut pending = pending(&ctx, Class::FileMknod);
    pending.mode = mode;
    pending.device = decode_device(ctx.arg(3));
    pending.note();
    0
}

/// `void d_delete(struct dentry *dentry)`
#[fentry(function = "d_delete")]
pub(crate) fn entry_removed(ctx: FEntryContext) -> i32 {
    change::removed(Raw(ctx.arg::<u64>(0)));
    0
}

/// `vfs_mkdir`, whose arguments and result differ between kernels
#[fexit(function = "vfs_mkdir")]
pub(crate) fn made_directory(_ctx: FExitContext) -> i32 {
    change::created(Class::FileMkdir);
    0
}

/// `vfs_symlink`, as above
#[fexit(function = "vfs_symlink")]
pub(crate) fn made_symlink(_ctx: FExitContext) -> i32 {
    change::created(Class::FileSymlink);
    0
}

/// `vfs_link`, as above
#[fexit(function = "vfs_link")]
pub(crate) fn made_link(_ctx: FExitContext) -> i32 {
    change::created(Class::FileLink);
    0
}

/// `vfs_mknod`, as above
#[fexit(function = "vfs_mknod")]
pub(crate) fn made_node(_ctx: FExitContext) -> i32 {
    change::created(Class::FileMknod);
    0
}

/// `vfs_create`, as above: of opens only those of file systems within others come here
#[fexit(function = "vfs_create")]
pub(crate) fn made_file(_ctx: FExitContext) -> i32 {
    change::created(Class::FileMknod);
    0
}

/// `void d_move(struct dentry *dentry, struct dentry *target)`
#[fentry(function = "d_move")]
pub(crate) fn entry_moved(ctx: FEntryContext) -> i32 {
    change::moved(Raw(ctx.arg::<u64>(0)), Raw(ctx.arg::<u64>(1)));
    0
}

/// `void d_exchange(struct dentry *dentry1, struct dentry *dentry2)`
#[fentry(function = "d_exchange")]
pub(crate) fn entry_exchanged(ctx: FEntryContext) -> i32 {
    change::moved(Raw(ctx.arg::<u64>(0)), Raw(ctx.arg::<u64>(1)));
    0
}

/// `int chmod_common(const struct path *path, umode_t mode)`
#[fexit(function = "chmod_common")]
pub(crate) fn exit_chmod(ctx: FExitContext) -> i32 {
    let mode = ctx.arg::<u32>(1) & 0xffff;
    let owner = (u32::MAX, u32::MAX);
    change::attributes(Class::FileMode, Raw(ctx.arg::<u64>(0)), ctx.arg::<i32>(2), mode, owner);
    0
}

/// `int chown_common(const struct path *path, uid_t user, gid_t group)`
#[fexit(function = "chown_common")]
pub(crate) fn exit_chown(ctx: FExitContext) -> i32 {
    let owner = (ctx.arg::<u32>(1), ctx.arg::<u32>(2));
    change::attributes(Class::FileOwner, Raw(ctx.arg::<u64>(0)), ctx.arg::<i32>(3), 0, owner);
    0
}

/// `int vfs_truncate(const struct path *path, loff_t length)`
#[fexit(function = "vfs_truncate")]
pub(crate) fn exit_truncate(ctx: FExitContext) -> i32 {
    let owner = (u32::MAX, u32::MAX);
    change::attributes(Class::FileTruncate, Raw(ctx.arg::<u64>(0)), ctx.arg::<i32>(2), 0, owner);
    0
}

/// `int do_ftruncate(struct file *file, loff_t length, int small)`; before 6.9 only
/// `int do_sys_ftruncate(unsigned int fd, loff_t length, int small)`
#[fexit(function = "do_ftruncate")]
pub(crate) fn exit_ftruncate(ctx: FExitContext) -> i32 {
    let error = ctx.arg::<i32>(3);
    if offset!(uring_truncate_size) == ABSENT {
        // Of a number of 32 bits, old kernels leave the upper half of the word as it was.
        change::truncated_by(ctx.arg::<u32>(0), error);
    } else {
        change::truncated(Raw(number(&ctx, 0)), error);
    }
    0
}

/// An entry of a directory whose path is the first argument, and itself the second.
#[inline(always)]
fn pending(ctx: &FEntryContext, class: Class) -> Pending {
    Pending::new(class, Raw(ctx.arg::<u64>(0)), ctx.arg(1))
}

/// An argument, or the result behind the arguments, as a number even where it is a pointer: the verifier allows no
/// arithmetic with the pointer itself.
#[inline(always)]
fn number(ctx: &FExitContext, at: u32) -> u64 {
    Raw(ctx.as_ptr() as u64).number(at * 8)
}

/// The negative error number that a pointer stands for (`IS_ERR`), or 0.
#[inline(always)]
const fn error(pointer: u64) -> i32 {
    if pointer >= -4095i64 as u64 { pointer as i32 } else { 0 }
}
