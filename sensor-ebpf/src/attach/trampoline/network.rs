//! Functions that sockets' families have for connecting, binding and so on: reached through pointers, by
//! system calls and io_uring alike. Addresses are the kernel's copies.

use aya_ebpf::{
    macros::{fentry, fexit},
    programs::{FEntryContext, FExitContext},
};
use sensor_common::call::Call;

use crate::{
    handler::net::{accept, bind, connect, create, datagram, stdio},
    kobj::{
        Memory, Raw,
        sock::{AF_INET6, Given, Sock},
    },
    maps::offset,
};

/// `int inet_stream_connect(struct socket *sock, struct sockaddr *uaddr, int addr_len, int flags)`
#[fexit(function = "inet_stream_connect")]
pub(crate) fn inet_stream_connected(ctx: FExitContext) -> i32 {
    inet_connected(&ctx)
}

/// `int inet_dgram_connect(struct socket *sock, struct sockaddr *uaddr, int addr_len, int flags)`
#[fexit(function = "inet_dgram_connect")]
pub(crate) fn inet_dgram_connected(ctx: FExitContext) -> i32 {
    inet_connected(&ctx)
}

/// `int unix_stream_connect(struct socket *sock, struct sockaddr *uaddr, int addr_len, int flags)`
#[fexit(function = "unix_stream_connect")]
pub(crate) fn unix_stream_connected(ctx: FExitContext) -> i32 {
    unix_connected(&ctx)
}

/// `int unix_dgram_connect(struct socket *sock, struct sockaddr *addr, int alen, int flags)`
#[fexit(function = "unix_dgram_connect")]
pub(crate) fn unix_dgram_connected(ctx: FExitContext) -> i32 {
    unix_connected(&ctx)
}

/// `int inet_bind(struct socket *sock, struct sockaddr *uaddr, int addr_len)`
#[fexit(function = "inet_bind")]
pub(crate) fn inet_bound(ctx: FExitContext) -> i32 {
    if let Some(sock) = socket(&ctx) {
        bind::inet_bound(sock, given(&ctx), ctx.arg(3));
    }
    0
}

/// `int inet6_bind(struct socket *sock, struct sockaddr *uaddr, int addr_len)`
#[fexit(function = "inet6_bind")]
pub(crate) fn inet6_bound(ctx: FExitContext) -> i32 {
    if let Some(sock) = socket(&ctx) {
        bind::inet_bound(sock, given(&ctx), ctx.arg(3));
    }
    0
}

/// `int unix_bind(struct socket *sock, struct sockaddr *uaddr, int addr_len)`
#[fexit(function = "unix_bind")]
pub(crate) fn unix_bound(ctx: FExitContext) -> i32 {
    if let Some(sock) = socket(&ctx) {
        bind::unix_bound(sock, given(&ctx), ctx.arg(3));
    }
    0
}

/// `int inet_listen(struct socket *sock, int backlog)`
#[fexit(function = "inet_listen")]
pub(crate) fn inet_listening(ctx: FExitContext) -> i32 {
    if let Some(sock) = socket(&ctx) {
        bind::inet_listening(sock, ctx.arg(2));
    }
    0
}

/// `int unix_listen(struct socket *sock, int backlog)`
#[fexit(function = "unix_listen")]
pub(crate) fn unix_listening(ctx: FExitContext) -> i32 {
    if let Some(sock) = socket(&ctx) {
        bind::unix_listening(sock, ctx.arg(2));
    }
    0
}

/// `void security_sock_graft(struct sock *sk, struct socket *parent)`: every family's accept gives the
/// new socket to the caller by it.
#[fentry(function = "security_sock_graft")]
pub(crate) fn sock_graft(ctx: FEntryContext) -> i32 {
    let sock: u64 = ctx.arg(0);
    if sock != 0 {
        accept::accepted(Sock(Raw(sock)));
    }
    0
}

/// `int __sock_create(struct net *net, int family, int type, int protocol, struct socket **res, int kern)`
#[fexit(function = "__sock_create")]
pub(crate) fn sock_created(ctx: FExitContext) -> i32 {
    let by_kernel: i32 = ctx.arg(5);
    if by_kernel == 0 {
        create::created(ctx.arg(1), ctx.arg(2), ctx.arg(3), ctx.arg(6));
    }
    0
}

/// `int udp_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)`
#[fexit(function = "udp_sendmsg")]
pub(crate) fn udp_sent(ctx: FExitContext) -> i32 {
    if let Some((sock, to)) = datagram(&ctx) {
        let result: i32 = ctx.arg(3);
        datagram::sent(sock, to, result.into());
    }
    0
}

/// `int udpv6_sendmsg(struct sock *sk, struct msghdr *msg, size_t len)`; what goes to IPv4 is sent by
/// [`udp_sent`]'s function, called from this one.
#[fexit(function = "udpv6_sendmsg")]
pub(crate) fn udp6_sent(ctx: FExitContext) -> i32 {
    if let Some((sock, to)) = datagram(&ctx)
        && to.family() == AF_INET6
        && !to.is_mapped()
    {
        let result: i32 = ctx.arg(3);
        datagram::sent(sock, to, result.into());
    }
    0
}

/// Programs at the end of calls that copy a descriptor: `__x64_sys_NAME(const struct pt_regs *)` and its 32-bit
/// sibling.
macro_rules! copies {
    ($($name:ident $compat:ident $call:ident;)*) => {$(
        #[fexit]
        pub(crate) fn $name(ctx: FExitContext) -> i32 {
            copied(Call::$call, ctx.arg(1))
        }

        #[fexit]
        pub(crate) fn $compat(ctx: FExitContext) -> i32 {
            copied(Call::$call, ctx.arg(1))
        }
    )*};
}

copies! {
    call_dup call32_dup Dup;
    call_dup2 call32_dup2 Dup2;
    call_dup3 call32_dup3 Dup3;
}

/// `int f_dupfd(unsigned int from, struct file *file, unsigned flags)`: of `fcntl` what copies a descriptor.
#[fexit(function = "f_dupfd")]
pub(crate) fn descriptor_copied(ctx: FExitContext) -> i32 {
    copied(Call::Fcntl, ctx.arg::<i32>(3).into())
}

#[inline(always)]
fn copied(call: Call, result: i64) -> i32 {
    if let Some(descriptor) = stdio::standard(result) {
        stdio::duplicated(call as u32, descriptor);
    }
    0
}

#[inline(always)]
fn inet_connected(ctx: &FExitContext) -> i32 {
    if let Some(sock) = socket(ctx) {
        connect::inet(sock, given(ctx), ctx.arg(4));
    }
    0
}

#[inline(always)]
fn unix_connected(ctx: &FExitContext) -> i32 {
    if let Some(sock) = socket(ctx) {
        connect::unix(sock, given(ctx), ctx.arg(4));
    }
    0
}

/// The first argument, a `struct socket`.
#[inline(always)]
fn socket(ctx: &FExitContext) -> Option<Sock> {
    Sock::of_socket(Raw(ctx.arg(0)))
}

/// The second and third argument, an address and its length.
#[inline(always)]
fn given(ctx: &FExitContext) -> Given {
    let length: u32 = ctx.arg(2);
    Given::kernel(ctx.arg(1), length.into())
}

/// Socket of the first argument, and the address in the `struct msghdr` of the second.
#[inline(always)]
fn datagram(ctx: &FExitContext) -> Option<(Sock, Given)> {
    let message = Raw(ctx.arg(1));
    let name = message.follow(offset!(message_name))?;
    let length = message.number::<u32>(offset!(message_name_length));
    Some((Sock(Raw(ctx.arg(0))), Given::kernel(name.0, length.into())))
}
