//! What ordinary work looks like: who builds and installs, who downloads, who resolves names for others, and what lies in
//! an image. Names only take something away, and only from programs of the image: a dropped `make` is no compiler.

use crate::detect::scene::Scene;
use crate::event::file::{Layer, is_temporary, layer};
use crate::process::{Process, Program};

/// Compilers, package managers, what runs what they made, and what makes images.
const BUILDERS: &[&str] = &[
    "addgroup",
    "adduser",
    "ansible-playbook",
    "apk",
    "apt",
    "apt-get",
    "aptitude",
    "as",
    "bazel",
    "buildah",
    "buildkit-runc",
    "buildkitd",
    "bun",
    "bundle",
    "c++",
    "cargo",
    "cargo-nextest",
    "cc",
    "cc1",
    "cc1plus",
    "clang",
    "clang++",
    "cmake",
    "collect2",
    "composer",
    "conda",
    "containerd",
    "debootstrap",
    "dlv",
    "dnf",
    "dnf5",
    "dockerd",
    "dotnet",
    "dpkg",
    "dpkg-deb",
    "emerge",
    "executor",
    "g++",
    "gcc",
    "gem",
    "ghc",
    "gmake",
    "go",
    "gradle",
    "img",
    "ld",
    "ld.bfd",
    "ld.gold",
    "ld.lld",
    "ldconfig",
    "libtool",
    "lld",
    "make",
    "mamba",
    "maturin",
    "meson",
    "microdnf",
    "mmdebstrap",
    "mold",
    "mvn",
    "ninja",
    "npm",
    "npx",
    "nvcc",
    "objcopy",
    "pacman",
    "patchelf",
    "pip",
    "pip3",
    "pipx",
    "pnpm",
    "podman",
    "poetry",
    "pytest",
    "rpm",
    "rustc",
    "rustup",
    "rustup-init",
    "sccache",
    "snap",
    "strip",
    "swift",
    "swiftc",
    "tox",
    "umoci",
    "unattended-upgr",
    "uv",
    "yarn",
    "yum",
    "zig",
    "zypper",
];

/// Scripts of an interpreter that do the same.
const BUILD_SCRIPTS: &[&str] = &[
    "ansible", "composer", "conda", "gem", "gradle", "maven", "npm", "npx", "pip", "pip3", "pnpm", "poetry",
    "pytest", "yarn",
];

/// Programs that get something from elsewhere.
const DOWNLOADERS: &[&str] = &[
    "aria2c",
    "axel",
    "busybox",
    "curl",
    "fetch",
    "ftp",
    "lftp",
    "nc",
    "nc.openbsd",
    "nc.traditional",
    "ncat",
    "netcat",
    "openssl",
    "rclone",
    "rsync",
    "scp",
    "sftp",
    "socat",
    "ssh",
    "tftp",
    "toybox",
    "wget",
    "wget2",
];

/// Programs that resolve names for others.
const RESOLVERS: &[&str] = &[
    "coredns",
    "dnscrypt-proxy",
    "dnsmasq",
    "kresd",
    "kube-dns",
    "named",
    "node-cache",
    "pdns_recursor",
    "pihole-FTL",
    "systemd-resolve",
    "systemd-resolved",
    "unbound",
];

/// Programs that move, pack or make files.
const HAND_TOOLS: &[&str] = &[
    "bsdtar", "bunzip2", "chmod", "cpio", "dd", "gunzip", "gzip", "install", "ln", "rsync", "split", "tar",
    "unxz", "unzip", "xxd", "xz", "zcat", "zstd",
];

/// Programs that show, search or carry text: what they are given says nothing of what they do.
const TEXT_TOOLS: &[&str] = &[
    "ag", "ash", "awk", "base64", "bash", "busybox", "cat", "cp", "curl", "dash", "diff", "docker", "echo",
    "ed", "egrep", "fgrep", "find", "fish", "gawk", "git", "grep", "head", "helm", "jq", "kill", "killall",
    "ksh", "kubectl", "less", "ls", "mawk", "more", "mv", "nano", "nl", "pgrep", "pkill", "printf", "rg",
    "rm", "sed", "sh", "tail", "tee", "touch", "toybox", "tr", "vi", "vim", "wget", "xargs", "yq", "zsh",
];

/// Name of a program's file.
pub(super) fn name(program: &Program) -> &str {
    program.executable.rsplit('/').next().unwrap_or_default()
}

/// What a program does: the name of its file, or, of one that is many programs, the name that it was called by.
pub(super) fn tool(program: &Program) -> &str {
    let name = name(program);
    if matches!(name, "busybox" | "toybox") {
        program.command_line.first().rsplit('/').next().unwrap_or_default()
    } else {
        name
    }
}

/// Whether a program's file is what the image brought, as far as the kernel tells: neither written since the container
/// began nor in memory.
pub(super) fn is_of_image(program: &Program) -> bool {
    !program.memfd && layer(&program.file) != Some(Layer::Upper) && !is_temporary(&program.file)
}

fn is_one_of(names: &[&str], program: &Program) -> bool {
    let is = |name: &str| names.binary_search(&name).is_ok();
    is_of_image(program) && (is(name(program)) || is(program.command_line.command()))
}

/// Compiles, installs, or runs what was compiled.
pub(super) fn is_builder(program: &Program) -> bool {
    is_one_of(BUILDERS, program)
        || is_of_image(program) && {
            let script =
                program.command_line.arguments().skip(1).take(3).filter(|word| !word.starts_with("--"));
            let mut script = script.map(|word| word.rsplit('/').next().unwrap_or_default());
            script.any(|word| BUILD_SCRIPTS.binary_search(&word).is_ok())
        }
}

/// The name of a program that compiles or installs, wherever its file lies.
pub(super) fn has_name_of_builder(program: &Program) -> bool {
    BUILDERS.binary_search(&name(program)).is_ok()
}

/// A shell, a tool, or an interpreter: what somebody works with by hand, or a script does.
pub(super) fn is_hand_tool(program: &Program) -> bool {
    const INTERPRETERS: [&str; 7] = ["python", "perl", "ruby", "php", "node", "lua", "pypy"];
    let is = |name: &str| {
        let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        TEXT_TOOLS.binary_search(&name).is_ok()
            || DOWNLOADERS.binary_search(&name).is_ok()
            || HAND_TOOLS.binary_search(&name).is_ok()
            || INTERPRETERS.contains(&bare)
    };
    is(tool(program)) || is(program.command_line.command())
}

/// The loader of libraries, which starts whatever program it is told.
pub(super) fn is_loader(program: &Program) -> bool {
    let name = name(program);
    ["ld-linux", "ld-musl", "ld.so", "ld64.so"].iter().any(|start| name.starts_with(start))
}

/// A shell, which does what it reads.
pub(super) fn is_shell(program: &Program) -> bool {
    let shells = ["ash", "bash", "dash", "fish", "ksh", "mksh", "sh", "zsh"];
    shells.contains(&tool(program))
}

/// Makes a program of text.
pub(super) fn is_decoder(program: &Program) -> bool {
    matches!(tool(program), "base64" | "base32" | "xxd" | "uudecode" | "openssl")
}

/// A container runtime that prepares a container: it runs a copy of itself in memory, and was started from outside.
pub(super) fn is_runtime(scene: &Scene<'_>) -> bool {
    let Some(process) = scene.process() else { return false };
    let copy = ["memfd:runc_cloned:", "memfd:crun:"];
    copy.iter().any(|name| process.program.executable.starts_with(name)) && scene.lineage().next().is_none()
}

/// Gets something from elsewhere.
pub(super) fn is_downloader(program: &Program) -> bool {
    let is = |name: &str| DOWNLOADERS.binary_search(&name).is_ok();
    is(tool(program)) || is(program.command_line.command())
}

/// Resolves names for others.
pub(super) fn is_resolver(program: &Program) -> bool {
    is_one_of(RESOLVERS, program)
}

/// Shows, searches or carries text.
pub(super) fn is_text_tool(program: &Program) -> bool {
    is_one_of(TEXT_TOOLS, program)
}

/// The process itself or one above it builds or installs.
pub(super) fn builds(scene: &Scene<'_>) -> bool {
    let own = scene.process().into_iter();
    own.chain(scene.lineage()).any(|process: &Process| is_builder(&process.program))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::command_line::CommandLine;

    fn program(path: &str, arguments: &[&str]) -> Program {
        let command = path.rsplit('/').next().unwrap_or_default();
        Program {
            executable: path.to_owned(),
            command_line: CommandLine::new(command, arguments.iter()),
            ..Program::default()
        }
    }

    #[test]
    fn lists_are_sorted() {
        for list in [BUILDERS, BUILD_SCRIPTS, DOWNLOADERS, HAND_TOOLS, RESOLVERS, TEXT_TOOLS] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    #[test]
    fn builders_are_of_the_image() {
        assert!(is_builder(&program("/usr/bin/cargo", &["cargo", "test"])));
        assert!(is_builder(&program("/usr/bin/python3.12", &["python3", "-m", "pip", "install"])));
        assert!(is_builder(&program("/usr/bin/node", &["node", "/usr/lib/npm"])));
        assert!(!is_builder(&program("/usr/bin/python3", &["python3", "server.py"])));
        let mut dropped = program("/tmp/make", &["make"]);
        dropped.memfd = true;
        assert!(!is_builder(&dropped));
    }
}
