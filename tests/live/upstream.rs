//! The stable rules of Falco, unchanged: a real process in a real container fires each, and the alert is what Falco's
//! would be, field by field; something that is nearly the same does not.
//!
//! `PICKET_FALCO_RULES` names a folder with the three files of falcosecurity/rules; without it nothing of this runs.

mod alert;
mod book;
mod case;
mod files;
mod network;
mod own;
mod privileges;
mod programs;
mod quiet;
mod searches;
mod stage;
mod terminal;

use std::path::{Path, PathBuf};

use picket_tests::runner::Test;
use picket_tests::skip::SAME_EVERYWHERE;

/// Name of the variable.
const FOLDER: &str = "PICKET_FALCO_RULES";
/// File with the rules that Falco loads if nothing else is said.
const STABLE: &str = "falco_rules.yaml";
/// Where the tests say that the API server is.
const API_SERVER: &str = "10.96.0.1";

const fn test(name: &'static str, run: fn(&mut picket_tests::lab::Lab)) -> Test {
    Test::new(name, run).unless(absent).native_only(SAME_EVERYWHERE).own_agent()
}

pub(crate) const TESTS: &[Test] = &[
    test("upstream::every_stable_rule_has_a_test", every_rule),
    test("upstream::traversal", |lab| files::TRAVERSAL.check(lab)),
    test("upstream::traversal_in_vain", |lab| files::TRAVERSAL_IN_VAIN.check(lab)),
    test("upstream::trusted_reads_late", |lab| files::TRUSTED.check(lab)),
    test("upstream::untrusted_reads", |lab| files::UNTRUSTED.check(lab)),
    test("upstream::clears_log", |lab| files::CLEAR_LOG.check(lab)),
    test("upstream::symlink", |lab| files::SYMLINK.check(lab)),
    test("upstream::hard_link", |lab| files::HARD_LINK.check(lab)),
    test("upstream::untrusted_shell", |lab| programs::SHELL.check(lab)),
    test("upstream::system_user", |lab| programs::SYSTEM_USER.check(lab)),
    test("upstream::terminal_shell", terminal::check),
    test("upstream::netcat", |lab| programs::NETCAT.check(lab)),
    test("upstream::bulk_data", |lab| programs::BULK_DATA.check(lab)),
    test("upstream::debugfs", |lab| programs::DEBUGFS.check(lab)),
    test("upstream::shared_memory", |lab| programs::SHARED_MEMORY.check(lab)),
    test("upstream::dropped", |lab| programs::DROPPED.check(lab)),
    test("upstream::memory_file", |lab| programs::MEMORY_FILE.check(lab)),
    test("upstream::grep_keys", |lab| searches::KEYS.check(lab)),
    test("upstream::find_keys", |lab| searches::KEY_FILES.check(lab)),
    test("upstream::grep_aws", |lab| searches::AWS.check(lab)),
    test("upstream::api_server", |lab| network::API_SERVER.check(lab)),
    test("upstream::packet_socket", |lab| network::PACKET.check(lab)),
    test("upstream::redirect", |lab| network::REDIRECT.check(lab)),
    test("upstream::ssh", |lab| network::SSH.check(lab)),
    // In a VM, too: some machines' kernels take no modules.
    Test::new("upstream::module", |lab| privileges::MODULE.check(lab)).unless(no_modules).own_agent(),
    test("upstream::release_agent", |lab| privileges::RELEASE_AGENT.check(lab)),
    test("upstream::ptrace_attach", |lab| privileges::ATTACH.check(lab)),
    test("upstream::ptrace_traceme", |lab| privileges::TRACE_ME.check(lab)),
    test("upstream::all_rules_are_quiet", quiet::check),
];

/// Everything that a rule is tested by.
const RULES: &[&str] = &[
    files::TRAVERSAL.rule,
    files::TRUSTED.rule,
    files::UNTRUSTED.rule,
    files::CLEAR_LOG.rule,
    files::SYMLINK.rule,
    files::HARD_LINK.rule,
    programs::SHELL.rule,
    programs::SYSTEM_USER.rule,
    terminal::RULE,
    programs::NETCAT.rule,
    programs::BULK_DATA.rule,
    programs::DEBUGFS.rule,
    programs::SHARED_MEMORY.rule,
    programs::DROPPED.rule,
    programs::MEMORY_FILE.rule,
    searches::KEYS.rule,
    searches::AWS.rule,
    network::API_SERVER.rule,
    network::PACKET.rule,
    network::REDIRECT.rule,
    network::SSH.rule,
    privileges::MODULE.rule,
    privileges::RELEASE_AGENT.rule,
    privileges::ATTACH.rule,
    privileges::TRACE_ME.rule,
];

fn folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

fn absent() -> Option<String> {
    // `cargo xtask test` knows the words.
    folder().is_none().then(|| "PICKET_FALCO_RULES is not set".to_owned())
}

/// As [`absent`], or why no call about modules can be seen.
fn no_modules() -> Option<String> {
    let known = Path::new("/proc/modules").exists();
    let reason =
        (!known).then(|| "no back end for PRIVILEGE_MODULE_LOAD: the kernel takes no modules".to_owned());
    absent().or(reason)
}

/// A file of the upstream rules.
fn file(name: &str) -> PathBuf {
    folder().as_deref().unwrap_or_else(|| Path::new("")).join(name)
}

fn every_rule(_: &mut picket_tests::lab::Lab) {
    let mut names: Vec<_> = book::Book::read(&file(STABLE)).names().map(str::to_owned).collect();
    let mut tested: Vec<_> = RULES.iter().map(|name| (*name).to_owned()).collect();
    names.sort_unstable();
    tested.sort_unstable();
    assert_eq!(tested, names, "what is tested, and what the file has");
}
