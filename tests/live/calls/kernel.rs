//! Calls that put code into the kernel or ask it for what few programs need.

use picket_tests::expect::{Expect, text};
use picket_tests::lab::Lab;
use serde_json::Value;

use super::{call, check_used, event, run};

pub(super) fn module(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "init-module , finit-module-file @/file , delete-module picket_absent");
    let [init, finit, delete] = done.errors.as_slice() else { panic!("all fail: {:?}", done.errors) };
    let class = "PRIVILEGE_MODULE_LOAD";
    Expect::of(&call(&mut client, class, done.pid, "init_module"))
        .is("call.error", init.as_str())
        .absent("call.source");
    let file = done.folder.join("file");
    let told = call(&mut client, class, done.pid, "finit_module");
    Expect::of(&told).is("call.error", finit.as_str()).is("call.source", file.to_string_lossy().as_ref());
    check_used(&told, &file);
    Expect::of(&call(&mut client, class, done.pid, "delete_module"))
        .is("call.error", delete.as_str())
        .is("call.name", "picket_absent")
        .is("call.unverified", true);
}

pub(super) fn bpf(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "bpf prog , bpf map , bpf get-next , bpf btf , bpf prog");
    assert_eq!(done.errors, ["EINVAL"], "only bytes that are no types are refused");
    let mut told = |request: &str| {
        event(&mut client, "PRIVILEGE_BPF", done.pid, |event| text(event, "call.request") == request)
    };
    for (request, kind) in
        [("BPF_PROG_LOAD", "BPF_PROG_TYPE_SOCKET_FILTER"), ("BPF_MAP_CREATE", "BPF_MAP_TYPE_ARRAY")]
    {
        Expect::of(&told(request))
            .is("call.call", "bpf")
            .is("call.kind", kind)
            .absent("call.error")
            .absent("call.unverified");
    }
    Expect::of(&told("BPF_BTF_LOAD")).is("call.error", "EINVAL");
    let all = client.of_process(done.pid);
    let asked = all.iter().any(|event| text(event, "call.request").contains("NEXT_ID"));
    assert!(!asked, "what only looks is not told");
    lab.fence(&mut client);
    let loaded = |event: &&Value| text(event, "call.request") == "BPF_PROG_LOAD";
    assert_eq!(client.of_process(done.pid).iter().filter(loaded).count(), 2, "each program is told");
}

pub(super) fn userfaultfd(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "userfaultfd user");
    let told = call(&mut client, "PRIVILEGE_USERFAULTFD", done.pid, "userfaultfd");
    let error = done.errors.first().map(String::as_str).unwrap_or_default();
    assert_eq!(text(&told, "call.error"), error);
    Expect::of(&told).lists("call.flags", &["UFFD_USER_MODE_ONLY", "O_CLOEXEC"]);
}

pub(super) fn by_handle(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "open handle rdonly @/file");
    let class = "PRIVILEGE_OPEN_BY_HANDLE";
    if done.errors.is_empty() {
        let file = done.folder.join("file");
        let told = call(&mut client, class, done.pid, "open_by_handle_at");
        Expect::of(&told)
            .is("call.path", file.to_string_lossy().as_ref())
            .absent("call.error")
            .absent("call.unverified");
        check_used(&told, &file);
    }
    let done = run(lab, "handle-garbage @");
    let [error] = done.errors.as_slice() else { panic!("it fails: {:?}", done.errors) };
    let told = call(&mut client, class, done.pid, "open_by_handle_at");
    Expect::of(&told)
        .is("call.error", error.as_str())
        .is("call.source", done.folder.to_string_lossy().as_ref())
        .absent("call.path");
}

pub(super) fn keyctl(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "keyctl add");
    assert_eq!(done.errors, [""; 0]);
    let class = "PRIVILEGE_KEYCTL";
    Expect::of(&call(&mut client, class, done.pid, "keyctl"))
        .is("call.request", "KEYCTL_JOIN_SESSION_KEYRING");
    Expect::of(&call(&mut client, class, done.pid, "add_key"))
        .is("call.name", "user")
        .is("call.value", "picket")
        .is("call.unverified", true);
}

pub(super) fn perf_event(lab: &mut Lab) {
    let mut client = lab.watch();
    let class = "PRIVILEGE_PERF_EVENT";
    let done = run(lab, "perf software , perf faults");
    for value in ["config 0x9, any CPU", "config 0x2, any CPU"] {
        let told = event(&mut client, class, done.pid, |event| text(event, "call.value") == value);
        Expect::of(&told).is("call.kind", "PERF_TYPE_SOFTWARE");
        match done.errors.first() {
            None => Expect::of(&told).absent("call.unverified").absent("call.error"),
            Some(error) => Expect::of(&told).is("call.unverified", true).is("call.error", error.as_str()),
        };
    }
}

pub(super) fn splice(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "splice @/file");
    assert_eq!(done.errors, [""; 0]);
    let file = done.folder.join("file");
    let told = call(&mut client, "PRIVILEGE_SPLICE", done.pid, "splice");
    Expect::of(&told)
        .is("call.source", file.to_string_lossy().as_ref())
        .is("call.result", 1)
        .absent("call.unverified");
    check_used(&told, &file);
}
