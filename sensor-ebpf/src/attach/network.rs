//! BTF tracepoints of sockets that both back ends use.

use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};

use crate::{
    handler::net::state,
    kobj::{Raw, sock::Sock},
};

/// `TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)`
#[btf_tracepoint(function = "inet_sock_set_state")]
pub(crate) fn sock_state(ctx: BtfTracePointContext) -> i32 {
    let (sock, old, new): (u64, u32, u32) = (ctx.arg(0), ctx.arg(1), ctx.arg(2));
    if sock != 0 {
        state::changed(Sock(Raw(sock)), old, new);
    }
    0
}
