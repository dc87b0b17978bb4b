//! What must hold of the chart's renderings, whatever the values.

use anyhow::{Context, Result, ensure};

use super::helm::Helm;

/// Versions of Kubernetes between which the chart renders differently, the oldest supported one first.
const KUBERNETES: [&str; 3] = ["1.20.2", "1.30.0", "1.33.1"];

/// Values as users combine them.
const VALUES: [&[&str]; 9] = [
    &[],
    &["namespace.create=true"],
    &[
        "identity.kubernetes.enabled=true",
        "identity.kubernetes.peers=true",
        "networkPolicy.from=[{\"podSelector\":{}}]",
    ],
    &[
        "tls.enabled=true",
        "tls.secretName=picket-tls",
        "metrics.enabled=true",
        "metrics.podMonitor.enabled=true",
        "metrics.dashboard.enabled=true",
    ],
    &[
        "hostNetwork=true",
        "networkPolicy.enabled=false",
        "securityContext.extraCapabilities=[\"SYS_ADMIN\"]",
        "securityContext.seccompProfile={\"type\":\"RuntimeDefault\"}",
        "host.runtimeFolders=[\"/run/containerd\",\"/var/lib/docker/containers\"]",
        "host.proc=/picket/proc",
    ],
    &[
        "config={\"limits\":{\"burst\":1000000},\"events\":{\"host\":[\"process\"]},\"kernel\":{\"diagnostics\":true}}",
        "image.digest=sha256:0123456789012345678901234567890123456789012345678901234567890123",
        "priorityClassName=",
        "host.bpf=",
        "serviceAccount.create=false",
        "serviceAccount.name=other",
    ],
    &["rules.extra={\"own.yaml\":\"- list: a\\n  items: [b]\\n\"}"],
    &["rules.shipped=false"],
    &[
        "rules.exceptions=\"[[exception]]\\nfinding = [\\\"x\\\"]\\nreason = \\\"r\\\"\\n\"",
        "host.stateFolder=",
    ],
];

/// Wrong values, and the name by which each must be refused.
const WRONG: [(&str, &str); 10] = [
    ("imagee.tag=1", "imagee"),
    ("image.digest=sha256:1", "/image/digest"),
    ("tls.enabled=true", "/tls/secretName"),
    ("metrics.port=0", "/metrics/port"),
    ("securityContext.capabilities=[\"CAP_BPF\"]", "/securityContext/capabilities"),
    ("securityContext.seccompProfile.type=Off", "/securityContext/seccompProfile/type"),
    ("host.cgroup=sys/fs/cgroup", "/host/cgroup"),
    ("config.limits.burst={\"a\":1}", "/config/limits/burst"),
    ("rules.extra={\"own\":\"\"}", "does not match pattern"),
    ("probes.liveness.periodSeconds=0", "/probes/liveness/periodSeconds"),
];

/// What no rendering may hold.
const FORBIDDEN: [&str; 6] = [
    "privileged: true",
    "allowPrivilegeEscalation: true",
    "readOnlyRootFilesystem: false",
    "verbs: [\"*\"]",
    "cluster-admin",
    "hostIPC: true",
];

/// What every DaemonSet must hold.
const REQUIRED: [&str; 7] = [
    "privileged: false",
    "allowPrivilegeEscalation: false",
    "readOnlyRootFilesystem: true",
    "drop: [ALL]",
    "hostPID: true",
    "checksum/config: ",
    "maxUnavailable: 10%",
];

pub(super) fn lint(helm: &Helm) -> Result<()> {
    VALUES.iter().try_for_each(|values| helm.lint(values).map(drop))
}

pub(super) fn renderings(helm: &Helm) -> Result<()> {
    for (kubernetes, values) in
        KUBERNETES.iter().flat_map(|version| VALUES.iter().map(move |set| (version, set)))
    {
        let text = helm.template(kubernetes, values)?;
        rendering(&text).with_context(|| format!("with {values:?} for Kubernetes {kubernetes}"))?;
        let old = kubernetes.starts_with("1.20");
        ensure!(text.contains("appArmorProfile:") != old, "AppArmor is a field since 1.30: {kubernetes}");
    }
    let default = helm.template(KUBERNETES[0], &[])?;
    ensure!(!default.contains("kind: ClusterRole"), "without the API server no rights are asked for");
    ensure!(default.contains("automountServiceAccountToken: false"), "and no token is given");
    ensure!(default.contains("mountPath: /sys/fs/bpf\n"), "what a killed agent pinned outlives it");
    let without = helm.template(KUBERNETES[0], VALUES[5])?;
    ensure!(!without.contains("/sys/fs/bpf"), "without a folder nothing is mounted:\n{without}");
    let excepting = helm.template(KUBERNETES[0], VALUES[8])?;
    ensure!(
        excepting.contains("  exceptions.toml: |\n    \n    [[exception]]")
            || excepting.contains("  exceptions.toml: |\n    [[exception]]"),
        "exceptions are given:\n{excepting}"
    );
    ensure!(excepting.contains("normal = \"off\""), "without a folder nothing is learned:\n{excepting}");
    let asking = helm.template(KUBERNETES[0], VALUES[2])?;
    ensure!(
        asking.contains("    kubernetes = \"on\"\n    peers = true\n"),
        "the agent is told to ask:\n{asking}"
    );
    let settings = helm.template(KUBERNETES[0], VALUES[5])?;
    for line in
        ["    burst = 1000000\n", "    host = [\"process\"]\n", "    diagnostics = true\n", "/picket@sha256:"]
    {
        ensure!(settings.contains(line), "`{}` is missing:\n{settings}", line.trim());
    }
    of_rules(helm)
}

/// Rules of the image are in force unless they are refused, and those of the user's behind them.
fn of_rules(helm: &Helm) -> Result<()> {
    let default = helm.template(KUBERNETES[0], &[])?;
    ensure!(!default.contains("paths = "), "the agent's own default is where the image has them:\n{default}");
    ensure!(default.contains("subPath: picket.toml"), "the settings must not hide them:\n{default}");
    let extra = helm.template(KUBERNETES[0], VALUES[6])?;
    for part in [
        "    paths = [\"/etc/picket/rules\",\"/etc/picket-rules\"]\n",
        "mountPath: /etc/picket-rules\n",
        "  own.yaml: |\n    - list: a\n      items: [b]\n",
    ] {
        ensure!(extra.contains(part), "`{}` is missing:\n{extra}", part.trim());
    }
    let none = helm.template(KUBERNETES[0], VALUES[7])?;
    ensure!(none.contains("    paths = []\n"), "no rules at all:\n{none}");
    Ok(())
}

fn rendering(text: &str) -> Result<()> {
    if let Some(found) = FORBIDDEN.iter().find(|forbidden| text.contains(**forbidden)) {
        anyhow::bail!("holds `{found}`");
    }
    let daemonset = text
        .split("\n---\n")
        .find(|document| document.contains("\nkind: DaemonSet\n"))
        .context("has no DaemonSet")?;
    if let Some(missing) = REQUIRED.iter().find(|required| !daemonset.contains(**required)) {
        anyhow::bail!("the DaemonSet lacks `{missing}`");
    }
    // Only the folders of the socket, of what was learned, and of what is pinned may be written to.
    let mounts = daemonset.split("volumeMounts:").nth(1).and_then(|rest| rest.split("volumes:").next());
    let mounts = mounts.context("the DaemonSet mounts nothing")?;
    let writable: Vec<_> =
        mounts.split("- name: ").skip(1).filter(|mount| !mount.contains("readOnly: true")).collect();
    let names: Vec<_> = writable.iter().map(|mount| mount.lines().next().unwrap_or_default()).collect();
    ensure!(
        names.first() == Some(&"socket")
            && names.iter().all(|name| ["socket", "state", "bpf"].contains(name)),
        "mounted to be written to: {writable:?}"
    );
    Ok(())
}

pub(super) fn refusals(helm: &Helm) -> Result<()> {
    for (value, name) in WRONG {
        match helm.template(KUBERNETES[0], &[value]) {
            Ok(_) => anyhow::bail!("{value} is not refused"),
            Err(error) => ensure!(
                format!("{error:#}").contains(name),
                "{value} is refused, but not by the name {name}: {error:#}"
            ),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daemonset(extra: &str) -> String {
        let required = REQUIRED.join("\n");
        format!(
            "kind: Namespace\n---\nversion: 1\nkind: DaemonSet\n{required}\nvolumeMounts:\n- name: socket\n  mountPath: \
             /run/picket\n- name: other\n  readOnly: true\n- name: bpf\n  mountPath: /sys/fs/bpf\n{extra}volumes: []\n"
        )
    }

    #[test]
    fn a_good_rendering_passes_and_bad_ones_are_named() {
        rendering(&daemonset("")).unwrap();
        let error = |text: &str| rendering(text).unwrap_err().to_string();
        assert!(error(&daemonset("privileged: true\n")).contains("privileged: true"));
        assert!(error(&daemonset("- name: third\n")).contains("third"));
        assert!(error(&daemonset("").replace("hostPID: true", "")).contains("hostPID"));
        assert!(error("kind: Namespace\n").contains("no DaemonSet"));
    }
}
