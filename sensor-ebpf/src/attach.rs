//! Entry points: each reads its arguments, calls one handler and returns.

mod always;
mod cgroup;
mod network;
mod objects;
mod tracepoint;
mod trampoline;
