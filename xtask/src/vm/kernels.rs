//! Where the stock kernels come from: Debian's archive, the same mirror that this machine uses.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::remove;
use crate::apt::{Apt, Kind, field};
use crate::process::output;

/// Depends on the current kernel of its suite: versions roll, this name stays.
const META_PACKAGE: &str = "linux-image-cloud-amd64";

/// A kernel line that Picket must run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Line {
    /// The oldest supported: Debian 11
    #[value(name = "5.10")]
    V5_10,
    /// Debian 12
    #[value(name = "6.1")]
    V6_1,
    /// Debian 12's backports, Debian 13
    #[value(name = "6.12")]
    V6_12,
    /// The newest that Debian ships
    #[value(name = "newest")]
    Newest,
}

impl Line {
    pub(crate) const ALL: [Self; 4] = [Self::V5_10, Self::V6_1, Self::V6_12, Self::Newest];

    /// CPUs of its machine. Two, so that programs run beside each other; but 6.12 crashes on two emulated
    /// CPUs now and then, with or without Picket (QEMU 7.2, busybox alone: 1 of 44 boots).
    pub(crate) const fn cpus(self) -> u8 {
        match self {
            Self::V6_12 => 1,
            Self::V5_10 | Self::V6_1 | Self::Newest => 2,
        }
    }

    /// Suites that may hold it, in the order to try.
    const fn suites(self) -> &'static [&'static str] {
        match self {
            Self::V5_10 => &["bullseye", "bullseye-updates"],
            Self::V6_1 => &["bookworm"],
            Self::V6_12 => &["bookworm-backports", "trixie"],
            Self::Newest => &["sid"],
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V5_10 => "5.10",
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::Newest => "newest",
        })
    }
}

/// A kernel, unpacked.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// As `uname -r` says it.
    pub(crate) release: String,
    /// The bootable image.
    pub(crate) image: PathBuf,
    /// `lib/modules/<release>`.
    pub(crate) modules: PathBuf,
}

/// Fetches the line's current kernel into `<cache>/<line>`, or takes what is there when it is current or
/// when the mirror does not answer.
pub(crate) fn fetch(line: Line, cache: &Path) -> Result<Kernel> {
    let folder = cache.join(line.to_string());
    let apt = Apt::new(&cache.join(format!("{line}.apt")))?;
    let mut errors = Vec::new();
    for suite in line.suites() {
        match resolve(&apt, suite) {
            Ok(packages) => return unpacked(&apt, &packages, &folder),
            Err(error) => errors.push(format!("{suite}: {error:#}")),
        }
    }
    if let Ok(kernel) = find(&folder) {
        println!("using the cached {}: {}", kernel.release, errors.join("; "));
        return Ok(kernel);
    }
    bail!("kernel {line} cannot be fetched: {}", errors.join("; "))
}

fn unpacked(apt: &Apt, packages: &[String], folder: &Path) -> Result<Kernel> {
    let stamp = folder.join("packages");
    let wanted = packages.join("\n");
    if std::fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == wanted) {
        return find(folder);
    }
    remove(folder)?;
    std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    unpack(apt, packages, folder)?;
    let kernel = find(folder)?;
    // Written last: a folder without it is incomplete.
    std::fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))?;
    Ok(kernel)
}

/// Finds the kernel in an unpacked package: since Linux 7 the image lies beside its modules.
fn find(folder: &Path) -> Result<Kernel> {
    for modules in [folder.join("lib/modules"), folder.join("usr/lib/modules")] {
        let Some(release) = std::fs::read_dir(&modules).ok().and_then(|mut entries| entries.next()) else {
            continue;
        };
        let release = release.with_context(|| format!("cannot list {}", modules.display()))?.file_name();
        let release = release.to_string_lossy().into_owned();
        let modules = modules.join(&release);
        let images = [modules.join("vmlinuz"), folder.join(format!("boot/vmlinuz-{release}"))];
        if let Some(image) = images.into_iter().find(|image| image.exists()) {
            return Ok(Kernel { release, image, modules });
        }
    }
    bail!("no kernel in {}", folder.display())
}

/// What the packages hold, unpacked.
fn unpack(apt: &Apt, packages: &[String], folder: &Path) -> Result<()> {
    let debs = apt.folder().join("debs");
    std::fs::create_dir_all(&debs).with_context(|| format!("cannot make {}", debs.display()))?;
    println!("fetching {}", packages.join(" "));
    output(apt.command("apt-get").current_dir(&debs).args(["--quiet", "download"]).args(packages))?;
    for entry in std::fs::read_dir(&debs).with_context(|| format!("cannot list {}", debs.display()))? {
        let deb = entry.with_context(|| format!("cannot list {}", debs.display()))?.path();
        output(Command::new("dpkg-deb").arg("--extract").arg(&deb).arg(folder))?;
        std::fs::remove_file(&deb).with_context(|| format!("cannot remove {}", deb.display()))?;
    }
    Ok(())
}

/// The packages that hold the suite's current kernel: its image, and where it is split, its parts.
fn resolve(apt: &Apt, suite: &str) -> Result<Vec<String>> {
    apt.update(Kind::Binary, suite)?;
    let image = depends(&apt.show(META_PACKAGE)?, "linux-image-");
    let image = image.first().with_context(|| format!("{META_PACKAGE} of {suite} names no kernel"))?.clone();
    let record = apt.show(&image)?;
    let mut packages = depends(&record, "linux-binary-");
    packages.extend(depends(&record, "linux-modules-"));
    if packages.is_empty() {
        packages.push(image);
    }
    let version = field(&record, "Version").unwrap_or_default();
    Ok(packages.into_iter().map(|package| format!("{package}={version}")).collect())
}

/// Names in `Depends` that start with `prefix`.
fn depends(record: &str, prefix: &str) -> Vec<String> {
    let all = field(record, "Depends").unwrap_or_default().split([',', '|']);
    let names = all.filter_map(|dependency| dependency.split_whitespace().next());
    names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_packages_are_read_from_the_record() {
        let record = "Package: x\nVersion: 7.2-1\nDepends: dracut | initramfs-tools, linux-binary-7.2-cloud (= 7.2-1), linux-modules-7.2-cloud (= 7.2-1)\n";
        assert_eq!(depends(record, "linux-binary-"), ["linux-binary-7.2-cloud"]);
        assert_eq!(field(record, "Version"), Some("7.2-1"));
    }
}
