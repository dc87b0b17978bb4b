//! Entry points: each reads its arguments, calls one handler and returns.

mod always;
mod network;
mod tracepoint;
mod trampoline;
