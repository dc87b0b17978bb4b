//! The machine's only file system: init, the agent, the tests, runc, busybox, their libraries, modules.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::kernels::Kernel;
use super::qemu::MEMORY_MIB;
use super::{Arguments, Programs, ask, remove};
use crate::process::find;

/// Modules that the tests need, with what they depend on: containers' root file systems are overlays.
const MODULES: [&str; 1] = ["overlay"];

/// Names a folder with the rules of Falco: see CONTRIBUTING.md.
const UPSTREAM_RULES: &str = "PICKET_FALCO_RULES";

/// What goes in.
#[derive(Debug)]
pub(crate) struct Contents<'run> {
    pub(crate) kernel: &'run Kernel,
    pub(super) programs: &'run Programs,
    pub(crate) arguments: &'run Arguments,
}

/// Fills `staging` and packs it into `image`.
pub(crate) fn make(contents: &Contents<'_>, staging: &Path, image: &Path) -> Result<()> {
    remove(staging)?;
    for folder in ["bin", "dev", "etc", "lib/modules", "proc", "root2", "run", "sys", "tmp"] {
        make_folder(&staging.join(folder))?;
    }
    let mut root = Root { staging, copied: BTreeSet::new() };
    root.program(&contents.programs.init, "init")?;
    root.program(&contents.programs.workload, "bin/picket-workload")?;
    let extra = contents.arguments.with.iter().map(String::as_str);
    for name in ["runc", "busybox", "true"].into_iter().chain(extra) {
        root.program(
            &find(name).with_context(|| format!("{name} is not installed"))?,
            &format!("bin/{name}"),
        )?;
    }
    symlink("busybox", staging.join("bin/sh")).context("cannot link bin/sh to busybox")?;
    for (program, name) in [(&contents.programs.picket, "bin/picket"), (&contents.programs.live, "bin/live")]
    {
        if let Some(program) = program {
            root.program(program, name)?;
        }
    }
    modules(contents.kernel, staging)?;
    if let Some(folder) = std::env::var_os(UPSTREAM_RULES) {
        upstream_rules(Path::new(&folder), &staging.join("rules"))?;
    }
    write(&staging.join("etc/passwd"), "root:x:0:0:root:/:/bin/sh\n".as_bytes())?;
    write(&staging.join("etc/group"), "root:x:0:\n".as_bytes())?;
    write(&staging.join("etc/picket-vm-command"), command_lines(contents.arguments).as_bytes())?;
    pack(staging, image)
}

/// The files of such a folder, which init looks for.
fn upstream_rules(from: &Path, to: &Path) -> Result<()> {
    make_folder(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot list {}", from.display()))? {
        let path = entry?.path();
        if let (Some("yaml"), Some(name)) = (path.extension().and_then(OsStr::to_str), path.file_name()) {
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

/// What init runs: the program and its arguments, one a line.
fn command_lines(arguments: &Arguments) -> String {
    match &arguments.shell {
        Some(script) => format!("/bin/busybox\nsh\n-c\n{}", script.replace('\n', "; ")),
        None => {
            let tests = super::guest_arguments(arguments);
            std::iter::once("/bin/live").chain(tests).collect::<Vec<_>>().join("\n")
        }
    }
}

struct Root<'run> {
    staging: &'run Path,
    copied: BTreeSet<PathBuf>,
}

impl Root<'_> {
    /// Copies a program to `name`, and the libraries that it loads to the paths where it looks for them.
    fn program(&mut self, program: &Path, name: &str) -> Result<()> {
        let target = self.staging.join(name);
        copy(program, &target)?;
        // Debug information is most of a test binary, and memory is all that the machine has.
        let stripped = Command::new("strip").arg("--strip-debug").arg(&target).stderr(Stdio::null()).status();
        if !stripped.is_ok_and(|status| status.success()) {
            copy(program, &target)?;
        }
        // A static program makes ldd fail: then there is nothing to copy.
        let Some(libraries) = ask("ldd", program) else { return Ok(()) };
        for library in library_paths(&libraries)? {
            if self.copied.insert(library.clone()) {
                let place = self.staging.join(library.strip_prefix("/").unwrap_or(&library));
                copy(&library, &place)?;
            }
        }
        Ok(())
    }
}

/// Paths in the output of `ldd`: `name => /path (address)`, or `/path (address)` for the loader.
fn library_paths(ldd: &str) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for line in ldd.lines().map(str::trim) {
        let path = line.split("=>").last().unwrap_or(line).split(" (").next().unwrap_or_default().trim();
        match path {
            "not found" => bail!("a library is missing on this machine: {line}"),
            _ if path.starts_with('/') => paths.push(PathBuf::from(path)),
            _ => {}
        }
    }
    Ok(paths)
}

/// Copies the modules uncompressed to `lib/modules`, with a list in the order of loading.
fn modules(kernel: &Kernel, staging: &Path) -> Result<()> {
    let mut order = Vec::new();
    for module in MODULES {
        add_module(kernel, module, staging, &mut order)?;
    }
    write(&staging.join("lib/modules/order"), order.join("\n").as_bytes())
}

fn add_module(kernel: &Kernel, name: &str, staging: &Path, order: &mut Vec<String>) -> Result<()> {
    if order.iter().any(|loaded| loaded == name) {
        return Ok(());
    }
    let Some(file) = find_module(&kernel.modules.join("kernel"), name) else {
        // Not a module on this kernel, but a part of it.
        return Ok(());
    };
    let bytes = decompressed(&file)?;
    for dependency in dependencies(&bytes) {
        add_module(kernel, &dependency, staging, order)?;
    }
    write(&staging.join(format!("lib/modules/{name}.ko")), &bytes)?;
    order.push(name.to_owned());
    Ok(())
}

fn find_module(folder: &Path, name: &str) -> Option<PathBuf> {
    let entries: Vec<_> =
        fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path()).collect();
    let is_module = |path: &PathBuf| {
        let file = path.file_name().map(|file| file.to_string_lossy().replace('-', "_")).unwrap_or_default();
        file.split_once(".ko").is_some_and(|(stem, _)| stem == name)
    };
    let here = entries.iter().find(|path| is_module(path)).cloned();
    here.or_else(|| entries.iter().filter(|path| path.is_dir()).find_map(|path| find_module(path, name)))
}

fn decompressed(file: &Path) -> Result<Vec<u8>> {
    let program = match file.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(file).with_context(|| format!("cannot read {}", file.display())),
    };
    let output = Command::new(program).args(["-d", "-c"]).arg(file).output();
    let output = output.with_context(|| format!("cannot start {program}"))?;
    ensure!(output.status.success(), "{program} cannot unpack {}", file.display());
    Ok(output.stdout)
}

/// Names in the module's own `depends=` (section `.modinfo`, NUL-terminated strings).
fn dependencies(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let list = module[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(list).split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn pack(staging: &Path, image: &Path) -> Result<()> {
    let mut names = Vec::new();
    let bytes = collect(staging, staging, &mut names)?;
    // The kernel holds the packed image and the unpacked files at once; half is left for the tests.
    let most = MEMORY_MIB * 1024 * 1024 / 4;
    ensure!(
        bytes <= most,
        "{} holds {bytes} bytes, more than a quarter of the machine's memory ({most})",
        staging.display()
    );
    let file = fs::File::create(image).with_context(|| format!("cannot create {}", image.display()))?;
    let mut cpio = Command::new("cpio");
    cpio.args(["--create", "--format=newc", "--owner=+0:+0", "--null", "--quiet"]).current_dir(staging);
    let mut child = cpio.stdin(Stdio::piped()).stdout(file).spawn().context("cannot start cpio")?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(names.join("\0").as_bytes()).context("cannot write to cpio")?;
    }
    let status = child.wait().context("cannot wait for cpio")?;
    ensure!(status.success(), "cpio failed: {status}");
    Ok(())
}

/// Adds every path below `folder`, a folder before what it holds, and returns the size of the files.
fn collect(root: &Path, folder: &Path, names: &mut Vec<String>) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
        let (path, meta) = (entry.path(), entry.metadata());
        let meta = meta.with_context(|| format!("cannot look at {}", path.display()))?;
        names.push(path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned());
        bytes += if meta.is_dir() { collect(root, &path, names)? } else { meta.len() };
    }
    Ok(bytes)
}

fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

fn write(file: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(file, bytes).with_context(|| format!("cannot write {}", file.display()))
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        make_folder(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("cannot set the mode of {}", to.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ldd_gives_paths_and_a_missing_library_is_an_error() {
        let ldd =
            "\tlinux-vdso.so.1 (0x7ff)\n\tlibc.so.6 => /lib/libc.so.6 (0x7f9)\n\t/lib64/ld.so (0x7fa)\n";
        assert_eq!(
            library_paths(ldd).unwrap(),
            [PathBuf::from("/lib/libc.so.6"), PathBuf::from("/lib64/ld.so")]
        );
        library_paths("\tlibx.so => not found\n").unwrap_err();
    }

    #[test]
    fn dependencies_come_from_the_module_itself() {
        assert_eq!(dependencies(b"\x7fELF\0license=GPL\0depends=a,b\0name=x\0"), ["a", "b"]);
        assert_eq!(dependencies(b"license=GPL\0depends=\0"), [""; 0]);
    }

    #[test]
    fn init_is_told_what_to_run() {
        let mut arguments = Arguments::each_class();
        let line = command_lines(&arguments).replace('\n', " ");
        assert_eq!(line, "/bin/live --test-threads=1 --back-end auto --back-end tracepoint --shared-agent");
        arguments.shared_agent = false;
        arguments.tests.push("exec".into());
        let line = command_lines(&arguments).replace('\n', " ");
        assert_eq!(line, "/bin/live --test-threads=1 --back-end auto --back-end tracepoint exec");
        arguments.tests = vec!["--back-end".into(), "trampoline".into()];
        let line = command_lines(&arguments).replace('\n', " ");
        assert_eq!(line, "/bin/live --test-threads=1 --back-end trampoline");
        arguments.shell = Some("uname -r".into());
        assert_eq!(command_lines(&arguments), "/bin/busybox\nsh\n-c\nuname -r");
    }
}
