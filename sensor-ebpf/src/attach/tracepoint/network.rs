//! Ended calls on sockets.

use aya_ebpf::{macros::tracepoint, programs::TracePointContext};
use sensor_common::call::Call;

use super::{ended, entry};
use crate::{
    handler::net::{accept, bind, connect, create, datagram, stdio},
    kobj::{
        current::Current,
        file,
        sock::{Given, Sock},
        syscall::Syscall,
        task::Task,
    },
    maps::offset,
};

/// `sys_exit_connect`: (fd, address, length)
#[tracepoint]
pub(crate) fn exit_connect(ctx: TracePointContext) -> u32 {
    let (_, result) = ended(&ctx);
    if let Some(current) = Current::task() {
        let [fd, address, length] = three(current);
        if let Some(sock) = behind(current, fd as u32) {
            connect::any(sock, Given::user(address, length & u64::from(u32::MAX)), result as i32);
        }
    }
    0
}

/// `sys_exit_bind`: (fd, address, length)
#[tracepoint]
pub(crate) fn exit_bind(ctx: TracePointContext) -> u32 {
    let (_, result) = ended(&ctx);
    if let Some(current) = Current::task() {
        let [fd, address, length] = three(current);
        if let Some(sock) = behind(current, fd as u32) {
            bind::bound(sock, Given::user(address, length & u64::from(u32::MAX)), result as i32);
        }
    }
    0
}

/// `sys_exit_listen`: (fd, backlog)
#[tracepoint]
pub(crate) fn exit_listen(ctx: TracePointContext) -> u32 {
    let (_, result) = ended(&ctx);
    if let Some(current) = Current::task() {
        let fd = Syscall::of(current).register(offset!(regs_argument_0));
        if let Some(sock) = behind(current, fd as u32) {
            bind::listening(sock, result as i32);
        }
    }
    0
}

/// `sys_exit_accept`, `accept4`: a descriptor, or a negative error number.
#[tracepoint]
pub(crate) fn exit_accept(ctx: TracePointContext) -> u32 {
    let (_, result) = ended(&ctx);
    if let Ok(fd) = u32::try_from(result)
        && let Some(current) = Current::task()
        && let Some(sock) = behind(current, fd)
    {
        accept::accepted(sock);
    }
    0
}

/// `sys_exit_socket`: (family, type, protocol)
#[tracepoint]
pub(crate) fn exit_socket(ctx: TracePointContext) -> u32 {
    let (_, result) = ended(&ctx);
    if let Some(current) = Current::task() {
        let [family, kind, protocol] = three(current);
        create::created(family as u32, kind as u32, protocol as u32, result as i32);
    }
    0
}

/// `sys_exit_sendto`: (fd, bytes, length, flags, address, length); `sendmsg`, `sendmmsg`: (fd, message or
/// messages, …), of which the first is told.
#[tracepoint]
pub(crate) fn exit_send(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    let Some(entry) = entry(number) else { return 0 };
    let Some(current) = Current::task() else { return 0 };
    let call = Syscall::of(current);
    let to = if entry.call == Call::Sendto as u32 {
        let (at, length) = (call.register(offset!(regs_argument_4)), call.register(offset!(regs_argument_5)));
        Given::user(at, length & u64::from(u32::MAX))
    } else {
        let message = Given::user(call.register(offset!(regs_argument_1)), 16);
        message.of_message()
    };
    if to.at == 0 {
        return 0;
    }
    let fd = call.register(offset!(regs_argument_0));
    if let Some(sock) = behind(current, fd as u32)
        && datagram::is_told(sock)
    {
        datagram::sent(sock, to, result);
    }
    0
}

/// `sys_exit_dup`, `dup2`, `dup3`, `fcntl`: a descriptor, or a negative error number.
#[tracepoint]
pub(crate) fn exit_dup(ctx: TracePointContext) -> u32 {
    let (number, result) = ended(&ctx);
    if let Some(descriptor) = stdio::standard(result)
        && let Some(entry) = entry(number)
    {
        stdio::duplicated(entry.call, descriptor);
    }
    0
}

/// The socket behind a descriptor of the task.
#[inline(always)]
fn behind(current: Task<Current>, fd: u32) -> Option<Sock> {
    Sock::of_file(file::behind(current.0, fd)?)
}

/// The first three arguments of the call.
#[inline(always)]
fn three(current: Task<Current>) -> [u64; 3] {
    let call = Syscall::of(current);
    [
        call.register(offset!(regs_argument_0)),
        call.register(offset!(regs_argument_1)),
        call.register(offset!(regs_argument_2)),
    ]
}
