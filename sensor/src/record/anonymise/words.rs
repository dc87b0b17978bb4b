//! Words that say nothing of who uses them.

/// Folders of the root whose content every system has.
pub(super) const SYSTEM_FOLDERS: [&str; 12] =
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32", "usr", "proc", "sys", "dev", "boot", "lib.usr-is-merged"];

/// Names of files, folders and programs that rules look for, or that are everywhere.
const KNOWN: &[&str] = &[
    ".aws", ".azure", ".bash_history", ".bash_profile", ".bashrc", ".cache", ".config", ".docker", ".dockerenv", ".env",
    ".gcloud", ".git", ".git-credentials", ".gnupg", ".kube", ".local", ".netrc", ".npmrc", ".pgpass", ".profile", ".ssh",
    ".vault-token", ".zsh_history", ".zshrc", "accounts", "apk", "apt", "at", "ausearch", "authorized_keys", "awk", "base64",
    "bash", "bin", "busybox", "ca.crt", "cache", "capsh", "cat", "certs", "cgroup", "chattr", "chmod", "chown", "chroot",
    "cni", "config", "config.json", "containerd", "containerd.sock", "containers", "cp", "credentials", "crio", "crio.sock",
    "cron", "cron.allow", "cron.d", "cron.daily", "cron.deny", "cron.hourly", "cron.monthly", "cron.weekly", "crontab",
    "crontabs", "crond", "csh", "ctr", "curl", "cut", "dash", "data", "db", "dbus-1", "dd", "debugfs", "df", "dig", "docker",
    "docker.sock", "dockerd", "dpkg", "du", "echo", "egrep", "env", "environment", "etc", "etcd", "exec", "expect", "false",
    "fgrep", "find", "ftp", "gcc", "gdb", "getent", "git", "go", "gpg", "grep", "group", "groups", "gshadow", "head", "home",
    "host.conf", "hostname", "hosts", "hosts.allow", "hosts.deny", "htop", "id", "id_dsa", "id_ecdsa", "id_ed25519", "id_rsa",
    "init", "init.d", "insmod", "ip", "iptables", "java", "kill", "known_hosts", "ksh", "kube-apiserver", "kubeconfig",
    "kubectl", "kubelet", "kubernetes", "kubernetes.io", "last", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld.so.preload",
    "less", "lib", "libexec", "ln", "local", "localtime", "lock", "log", "login", "ls", "lsmod", "machine-id", "mail", "make",
    "manifests", "masscan", "media", "mkdir", "mkfifo", "mknod", "mnt", "modprobe", "modprobe.d", "modules", "more", "motd",
    "mount", "mtab", "mv", "nc", "ncat", "netcat", "netstat", "network", "nft", "nginx", "nmap", "node", "nohup", "nologin",
    "nsenter", "nsswitch.conf", "nslookup", "objdump", "openssl", "opt", "os-release", "pam.conf", "pam.d", "passwd", "perl",
    "php", "ping", "pki", "pods", "podman", "printf", "private", "proc", "profile", "profile.d", "ps", "psql", "public", "pwd",
    "python", "python3", "rc.d", "rc.local", "readlink", "reboot", "redis-cli", "redis-server", "resolv.conf", "rm", "rmdir",
    "root", "rpm", "rsync", "ruby", "run", "runc", "sbin", "scp", "screen", "secrets", "securetty", "security", "sed",
    "serviceaccount", "services", "setcap", "sftp", "sh", "shadow", "shells", "shm", "shred", "skel", "sleep", "socat", "sort",
    "spool", "srv", "ssh", "ssh-keygen", "ssh_config", "sshd", "sshd_config", "ssl", "stat", "strace", "su", "sudo", "sudoers",
    "sudoers.d", "sysctl.conf", "sysctl.d", "system", "systemctl", "systemd", "tail", "tar", "tasks", "tcpdump", "tee",
    "telnet", "test", "tftp", "tmp", "tmux", "token", "top", "touch", "tr", "true", "tshark", "udev", "umount", "uname", "unshare",
    "useradd", "userdel", "usermod", "users", "usr", "utmp", "var", "vi", "vim", "vipw", "w", "wget", "which", "who", "whoami",
    "wtmp", "xargs", "xmrig", "yum", "zsh",
];

/// Names that Kubernetes and its users give everywhere.
const COMMON_NAMES: [&str; 14] = [
    "default", "kube-system", "kube-public", "kube-node-lease", "kube-proxy", "coredns", "library", "docker.io",
    "registry.k8s.io", "quay.io", "ghcr.io", "latest", "pause", "sha256",
];

/// Parts of the paths of control groups.
const OF_CGROUPS: [&str; 25] = [
    "kubepods", "kubepods-besteffort", "kubepods-burstable", "kubepods-guaranteed", "besteffort", "burstable", "guaranteed",
    "docker", "podman", "libpod_parent", "moby", "default", "k8s.io", "machine", "lxc", "init", "system", "user",
    "unified", "containerd", "kubelet", "kubelet.slice", "cri-containerd", "crio", "garden",
];

/// Endings of files that say what they hold.
const ENDINGS: [&str; 34] = [
    "bin", "c", "class", "conf", "cfg", "crt", "csv", "db", "elf", "gz", "html", "jar", "js", "json", "key", "ko", "lock", "log",
    "pem", "php", "pid", "pl", "py", "rb", "service", "sh", "so", "sock", "sql", "tar", "timer", "tmp", "txt", "yaml",
];

/// Endings of systemd's units.
const UNIT_ENDINGS: [&str; 6] = ["service", "scope", "slice", "socket", "mount", "swap"];

pub(super) fn is_known(word: &str) -> bool {
    KNOWN.contains(&word)
}

pub(super) fn is_common_name(name: &str) -> bool {
    COMMON_NAMES.contains(&name)
}

pub(super) fn is_of_cgroups(component: &str) -> bool {
    let numbered = |prefix: &str| {
        let digits = component.strip_prefix(prefix);
        digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
    };
    OF_CGROUPS.contains(&component)
        || component.starts_with("systemd-")
        || ["user-", "user@", "session-"].into_iter().any(numbered)
}

pub(super) fn is_ending(ending: &str) -> bool {
    ENDINGS.contains(&ending)
}

pub(super) fn is_unit_ending(ending: &str) -> bool {
    UNIT_ENDINGS.contains(&ending)
}
