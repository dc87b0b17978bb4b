//! Calls aimed at another process.

use picket_tests::expect::{Expect, field, number, text};
use picket_tests::lab::{Lab, marker};
use picket_tests::{truth, workload};
use serde_json::Value;

use super::{call, check_child, event, run};

/// No process has this number.
const NOBODY: u32 = 4_194_303;

pub(super) fn ptrace(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, &format!("ptrace attach , ptrace seize , ptrace traceme , ptrace attach {NOBODY}"));
    assert_eq!(done.errors, ["ESRCH"], "only the last one fails");
    let class = "PRIVILEGE_PTRACE";
    for request in ["PTRACE_ATTACH", "PTRACE_SEIZE"] {
        let told = event(&mut client, class, done.pid, |event| text(event, "call.request") == request);
        check_child(&told);
        Expect::of(&told)
            .is("call.call", "ptrace")
            .is("call.targetNamespaces.pid", truth::namespace(std::process::id(), "pid"))
            .is("call.targetNamespaces.user", truth::namespace(std::process::id(), "user"));
    }
    let traced = client.wait_for("PTRACE_TRACEME by a child", |event| {
        text(event, "call.request") == "PTRACE_TRACEME"
            && number(event, "process.parent.pid") == Some(done.pid.into())
    });
    Expect::of(&traced).is("call.target.pid", done.pid).absent("call.error");
    let failed = event(&mut client, class, done.pid, |event| text(event, "call.error") == "ESRCH");
    Expect::of(&failed)
        .is("call.request", "PTRACE_ATTACH")
        .is("call.target.pid", NOBODY)
        .absent("call.target.executable")
        .absent("call.targetNamespaces.pid");
    let of_class = |event: &Value| text(event, "class") == class;
    let own = client.of_process(done.pid).into_iter().filter(of_class).count();
    assert_eq!(own, 3, "PTRACE_DETACH is not told");
}

pub(super) fn memory(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "process-vm read , process-vm write");
    assert_eq!(done.errors, [""; 0]);
    for name in ["process_vm_readv", "process_vm_writev"] {
        let told = call(&mut client, "PRIVILEGE_PROCESS_MEMORY", done.pid, name);
        check_child(&told);
        Expect::of(&told).is("call.result", 8);
    }
}

pub(super) fn descriptor(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "pidfd-getfd , syscall 438 99 1 0");
    let class = "PRIVILEGE_PIDFD_GETFD";
    if done.errors.first().is_some_and(|error| error == "EBADF") {
        let told = event(&mut client, class, done.pid, |event| field(event, "call.error").is_none());
        check_child(&told);
        Expect::of(&told).lists("call.arguments", &["1"]).is("call.call", "pidfd_getfd");
    }
    let failed = event(&mut client, class, done.pid, |event| text(event, "call.error") == "EBADF");
    Expect::of(&failed).absent("call.target.pid").lists("call.arguments", &["1"]);
}

pub(super) fn signal(lab: &mut Lab) {
    let mut client = lab.watch();
    let script = "kill usr1 , tgkill term , pidfd-kill stop , sigqueue cont";
    let thread = format!("syscall {} {NOBODY} {NOBODY} 15 0", libc::SYS_rt_tgsigqueueinfo);
    let done = run(lab, &format!("{script} , kill 9 {NOBODY} , kill 0 , {thread}"));
    assert_eq!(done.errors, ["ESRCH", "EFAULT"]);
    let class = "PRIVILEGE_SIGNAL";
    for (name, request) in [
        ("kill", "SIGUSR1"),
        ("tgkill", "SIGTERM"),
        ("pidfd_send_signal", "SIGSTOP"),
        ("rt_sigqueueinfo", "SIGCONT"),
    ] {
        // The children are killed in the end.
        let told = event(&mut client, class, done.pid, |event| {
            text(event, "call.call") == name && text(event, "call.request") == request
        });
        check_child(&told);
    }
    let failed = event(&mut client, class, done.pid, |event| text(event, "call.error") == "ESRCH");
    Expect::of(&failed).is("call.request", "SIGKILL").is("call.target.pid", NOBODY);
    Expect::of(&call(&mut client, class, done.pid, "rt_tgsigqueueinfo"))
        .is("call.error", "EFAULT")
        .is("call.request", "SIGTERM")
        .is("call.target.pid", NOBODY);
    lab.fence(&mut client);
    let asked = client.all(|event| {
        text(event, "class") == class
            && number(event, "process.pid") == Some(done.pid.into())
            && !["SIGUSR1", "SIGTERM", "SIGSTOP", "SIGCONT", "SIGKILL"].contains(&text(event, "call.request"))
    });
    assert!(asked.is_empty(), "signal 0 only asks: {asked:?}");
}

pub(super) fn scheduling(lab: &mut Lab) {
    let mut client = lab.watch();
    let parameters = format!("syscall {} {NOBODY} 0", libc::SYS_sched_setparam);
    let done = run(lab, &format!("affinity 0 , priority 5 , {parameters}"));
    assert_eq!(done.errors, ["EINVAL"], "only the call without parameters fails");
    let class = "PRIVILEGE_SCHEDULING";
    let told = call(&mut client, class, done.pid, "sched_setaffinity");
    check_child(&told);
    Expect::of(&told).is("call.value", "cpus 0");
    let told = call(&mut client, class, done.pid, "setpriority");
    check_child(&told);
    Expect::of(&told).is("call.value", "nice 5");
    Expect::of(&call(&mut client, class, done.pid, "sched_setparam"))
        .is("call.error", "EINVAL")
        .is("call.target.pid", NOBODY);
}

/// What is done to the agent, whose own calls are not told, is told as what is done to any process.
pub(super) fn aimed_at_the_agent(lab: &mut Lab) {
    let mut client = lab.watch();
    let agent = lab.agent().pid();
    let read = libc::SYS_process_vm_readv;
    let script = format!(
        "kill cont {agent} , syscall {read} {agent} 0 0 0 0 0 , ptrace seize {agent} , pidfd-getfd {agent} , \
         syscall {} {agent} 0 0",
        libc::SYS_sched_setparam
    );
    let done = run(lab, &script);
    for name in ["kill", "process_vm_readv", "ptrace", "pidfd_getfd", "sched_setparam"] {
        let told = client.wait_for(name, |event| {
            number(event, "process.pid") == Some(done.pid.into()) && text(event, "call.call") == name
        });
        Expect::of(&told).is("call.target.pid", agent).such("call.target.executable", "the agent", |path| {
            path.as_str().is_some_and(|path| path.ends_with("picket"))
        });
    }
}

/// A pidfd's number says nothing: the same one stood for two processes.
pub(super) fn repeated(lab: &mut Lab) {
    let mut client = lab.watch();
    let done = run(lab, "pidfd-kill stop , pidfd-kill stop");
    assert_eq!(done.errors, [""; 0]);
    lab.fence(&mut client);
    let targets: Vec<_> = client
        .all(|event| {
            text(event, "class") == "PRIVILEGE_SIGNAL"
                && text(event, "call.call") == "pidfd_send_signal"
                && number(event, "process.pid") == Some(done.pid.into())
        })
        .iter()
        .map(|event| number(event, "call.target.pid"))
        .collect();
    assert!(matches!(targets.as_slice(), [Some(one), Some(other)] if one != other), "{targets:?}");
}

/// Pids of the container's own namespace are resolved to the kernel's, and the target has its container.
pub(super) fn container(lab: &mut Lab) {
    let mut client = lab.watch();
    let marker = marker("target");
    let script = format!(
        "{} --may-fail ptrace attach , kill usr1 , bpf prog , init-module; /bin/true {marker}",
        workload::IN_CONTAINER
    );
    let container = lab.container(&["/bin/sh", "-c", &script]);
    container.run_ok();
    let exec = client.exec(&marker);
    let namespace = number(&exec, "exec.namespaces.pid").expect("the container has one");
    let from = |class: &'static str, request: &'static str| {
        let id = container.id().to_owned();
        move |event: &Value| {
            text(event, "class") == class
                && text(event, "container.id") == id
                && text(event, "call.request") == request
        }
    };
    for (class, request) in [("PRIVILEGE_PTRACE", "PTRACE_ATTACH"), ("PRIVILEGE_SIGNAL", "SIGUSR1")] {
        let told = client.wait_for(request, from(class, request));
        Expect::of(&told)
            .is("call.targetContainer.id", container.id())
            .is("call.targetNamespaces.pid", namespace)
            .such("call.target.containerPid", "a small number", |pid| {
                pid.as_u64().is_some_and(|pid| pid < 1000)
            })
            .is("call.target.executable", workload::IN_CONTAINER);
    }
    let refused = client.wait_for("bpf", from("PRIVILEGE_BPF", "BPF_PROG_LOAD"));
    Expect::of(&refused)
        .is("call.error", "EPERM")
        .is("call.kind", "BPF_PROG_TYPE_SOCKET_FILTER")
        .is("call.unverified", true);
}

/// 32-bit calls have arguments in other registers. Tracepoints of system calls do not see them.
pub(super) fn by_32_bits(lab: &mut Lab) {
    if lab.agent().back_end("PRIVILEGE_PTRACE") != "trampoline" {
        return;
    }
    let mut client = lab.watch();
    // ptrace is 26, kill is 37.
    let done = run(lab, &format!("syscall32 26 16 {NOBODY} , syscall32 37 {NOBODY} 9"));
    if done.errors == ["ENOSYS", "ENOSYS"] {
        return;
    }
    for (class, request) in [("PRIVILEGE_PTRACE", "PTRACE_ATTACH"), ("PRIVILEGE_SIGNAL", "SIGKILL")] {
        let told = event(&mut client, class, done.pid, |_| true);
        Expect::of(&told)
            .is("call.compat", true)
            .is("call.request", request)
            .is("call.error", "ESRCH")
            .is("call.target.pid", NOBODY);
    }
}
