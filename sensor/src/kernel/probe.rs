//! What this kernel allows: asked once per capability, told to the user, nothing attached.

use std::path::Path;

use rustix::thread::{CapabilitySet, capabilities};
use sensor_common::layout::{ABSENT, Settings};

use super::{
    attach::Coverage,
    cgroup,
    load::{KernelTypes, Loaded, Options},
    programs::BackEnd,
    witness::Witness,
};

/// How a question was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Works.
    Works,
    /// Works with something missing.
    Limited,
    /// The agent cannot run.
    Fails,
}

/// One answer.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What was asked.
    pub subject: &'static str,
    /// Answer.
    pub outcome: Outcome,
    /// Details, for a person.
    pub text: String,
}

/// Ring buffer that is made for the try.
const TRIAL_RING_BYTES: u32 = 1 << 20;

/// Asks everything, in the order in which a start would need it.
#[must_use]
pub fn all(btf: &Path) -> Vec<Finding> {
    let release = release();
    let mut findings = vec![kernel(&release), privileges(), lockdown()];
    match KernelTypes::read(btf, &release) {
        Ok(types) => {
            findings.push(finding("kernel types", Outcome::Works, format!("read from {}", btf.display())));
            findings.extend(types.missing.iter().map(|missing| {
                let text = format!("the kernel has no {}; lost is {}", missing.looked_for, missing.lost);
                finding("kernel field", Outcome::Limited, text)
            }));
            findings.push(hierarchy(&types));
            findings.extend(programs(&types));
        }
        Err(error) => findings.push(finding("kernel types", Outcome::Fails, error.to_string())),
    }
    findings
}

/// Release of the running kernel.
#[must_use]
pub fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

fn finding(subject: &'static str, outcome: Outcome, text: impl Into<String>) -> Finding {
    Finding { subject, outcome, text: text.into() }
}

/// Ring buffers came with 5.8, which is also the oldest kernel that is not refused here; 5.10 is
/// the oldest that is tested.
fn kernel(release: &str) -> Finding {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let (outcome, note) = match version {
        (major, minor) if (major, minor) >= (5, 10) => (Outcome::Works, ""),
        (5, 8 | 9) => (Outcome::Limited, " (older than 5.10, the oldest that is tested)"),
        _ => (Outcome::Fails, " (too old: 5.8 is needed for ring buffers, 5.10 is recommended)"),
    };
    finding("kernel", outcome, format!("{release}{note}"))
}

fn privileges() -> Finding {
    let effective = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
    let paranoid = std::fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap_or_default();
    granted(effective, paranoid.trim().parse().unwrap_or(0))
}

/// What these capabilities are enough for, where `kernel.perf_event_paranoid` is `paranoid`.
fn granted(effective: CapabilitySet, paranoid: i32) -> Finding {
    let missing = |needed: &[(&'static str, CapabilitySet)]| {
        let lacks = |(_, capability): &&(&str, CapabilitySet)| !effective.contains(*capability);
        needed.iter().filter(lacks).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
    };
    // `CAP_SYS_ADMIN` stands for these two.
    let loading = match effective.contains(CapabilitySet::SYS_ADMIN) {
        true => String::new(),
        false => missing(&[("CAP_BPF", CapabilitySet::BPF), ("CAP_PERFMON", CapabilitySet::PERFMON)]),
    };
    let reading = missing(&[
        ("CAP_SYS_PTRACE", CapabilitySet::SYS_PTRACE),
        ("CAP_DAC_READ_SEARCH", CapabilitySet::DAC_READ_SEARCH),
    ]);
    let lacking = [loading, reading].into_iter().filter(|names| !names.is_empty()).collect::<Vec<_>>();
    if !lacking.is_empty() {
        let text = format!("missing {}: run as root, or grant them", lacking.join(", "));
        return finding("privileges", Outcome::Fails, text);
    }
    let mut optional = missing(&[
        ("CAP_NET_ADMIN (packets and kernel settings may not be told)", CapabilitySet::NET_ADMIN),
        ("CAP_NET_RAW (the canary cannot try raw sockets)", CapabilitySet::NET_RAW),
    ]);
    // Upstream kernels treat it as 2, and ask for CAP_PERFMON.
    if paranoid > 2 && !effective.contains(CapabilitySet::SYS_ADMIN) {
        let comma = if optional.is_empty() { "" } else { ", " };
        optional.push_str(comma);
        optional.push_str(
            "CAP_SYS_ADMIN (kernels of Debian and Ubuntu refuse tracepoints of system calls while \
             kernel.perf_event_paranoid is above 2)",
        );
    }
    if optional.is_empty() {
        finding("privileges", Outcome::Works, "every capability that is needed")
    } else {
        finding("privileges", Outcome::Limited, format!("without {optional}"))
    }
}

/// `lockdown=confidentiality` forbids reading kernel memory from programs.
fn lockdown() -> Finding {
    let text = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    let mode = text.split(['[', ']']).nth(1).unwrap_or("none or unknown").to_owned();
    if mode == "confidentiality" {
        let text =
            "confidentiality: the kernel lets no program read its memory; boot with lockdown=integrity";
        return finding("lockdown", Outcome::Fails, text);
    }
    finding("lockdown", Outcome::Works, mode)
}

fn hierarchy(types: &KernelTypes) -> Finding {
    let controllers = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
    match cgroup::choose("auto", &controllers, &types.layout) {
        Ok(chosen) => {
            let text = format!("containers are named by the {} hierarchy", chosen.name);
            finding("control groups", Outcome::Works, text)
        }
        Err(error) => finding("control groups", Outcome::Fails, error.to_string()),
    }
}

/// Has the verifier look at every program of every way.
fn programs(types: &KernelTypes) -> Vec<Finding> {
    let settings = Settings {
        cgroup_hierarchy: 0,
        cgroup_subsystem: ABSENT,
        environment: 1,
        diagnostics: 0,
        own: 0,
        reserved: 0,
        capabilities: 0,
        secret: 0,
    };
    let options = Options {
        settings,
        ring_bytes: TRIAL_RING_BYTES,
        bulk_ring_bytes: TRIAL_RING_BYTES,
        cgroups: "/sys/fs/cgroup".into(),
    };
    let ways = match Loaded::new(types, options, Witness::none()) {
        Ok(mut loaded) => loaded.try_all(types),
        Err(error) => return vec![finding("kernel programs", Outcome::Fails, error.to_string())],
    };
    let told = |way: &Coverage| {
        let back_end = way.back_end.map_or("none", BackEnd::name);
        let (outcome, said) = match way.reasons.as_slice() {
            [] => (Outcome::Works, "accepted, not attached".to_owned()),
            reasons if way.required => (Outcome::Fails, reasons.join("; ")),
            reasons => (Outcome::Limited, reasons.join("; ")),
        };
        finding(way.service, outcome, format!("by {back_end}: {said}"))
    };
    ways.iter().map(told).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(kernel("5.10.0-35-cloud-amd64").outcome, Outcome::Works);
        assert_eq!(kernel("6.1.0").outcome, Outcome::Works);
        assert_eq!(kernel("5.9.16").outcome, Outcome::Limited);
        assert_eq!(kernel("5.4.0-200-generic").outcome, Outcome::Fails);
        assert_eq!(kernel("4.18.0-553.el8").outcome, Outcome::Fails);
        assert_eq!(kernel("garbage").outcome, Outcome::Fails);
    }

    #[test]
    fn privileges_are_told_by_what_is_missing() {
        let reading = CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH;
        let network = CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW;
        let new = CapabilitySet::BPF | CapabilitySet::PERFMON;
        assert_eq!(granted(CapabilitySet::all(), 4).outcome, Outcome::Works);
        assert_eq!(granted(new | reading | network, 2).outcome, Outcome::Works);
        assert_eq!(granted(CapabilitySet::SYS_ADMIN | reading | network, 4).outcome, Outcome::Works);
        let found = granted(new | reading | network, 3);
        assert!(
            found.outcome == Outcome::Limited && found.text.contains("perf_event_paranoid"),
            "{}",
            found.text
        );
        let without = |capabilities: CapabilitySet| {
            let found = granted(CapabilitySet::all().difference(capabilities), 2);
            (found.outcome, found.text)
        };
        let (outcome, text) = without(CapabilitySet::SYS_PTRACE);
        assert!(outcome == Outcome::Fails && text.contains("CAP_SYS_PTRACE"), "{text}");
        let (outcome, text) = without(CapabilitySet::SYS_ADMIN | CapabilitySet::PERFMON);
        assert!(outcome == Outcome::Fails && text.contains("CAP_PERFMON"), "{text}");
        let (outcome, text) = without(CapabilitySet::NET_ADMIN);
        assert!(outcome == Outcome::Limited && text.contains("CAP_NET_ADMIN"), "{text}");
        assert_eq!(without(CapabilitySet::BPF).0, Outcome::Works, "root has more");
    }

    #[test]
    fn missing_types_are_told_with_the_remedy() {
        let findings = all(Path::new("/nonexistent/btf"));
        let types = findings.iter().find(|finding| finding.subject == "kernel types").unwrap();
        assert_eq!(types.outcome, Outcome::Fails);
        assert!(types.text.contains("/nonexistent/btf") && types.text.contains("CONFIG_DEBUG_INFO_BTF"));
    }
}
