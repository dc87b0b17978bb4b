//! Which kernel fields the programs need, under which names kernels know them, and what is lost
//! without them: resolves the [`Layout`] of one kernel.

mod table;

use sensor_common::layout::{ABSENT, Field, Layout};
use thiserror::Error;

use super::btf::Btf;

/// How a number of the layout is found in BTF.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Offset of the first of these members that exists: newest name first.
    Member(&'static [&'static str]),
    /// Number of a bit field's first bit.
    Bit(&'static str),
    /// Offset of an element of an array of pointers, indexed by an enumerator.
    Element(&'static str, &'static str),
    /// Size of a type.
    Size(&'static str),
    /// Value of an enumerator.
    Enumerator(&'static str),
}

/// What happens without a field.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// The programs cannot work.
    Required,
    /// Something is lost: what.
    Optional(&'static str),
}

/// Where one field comes from.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// Field of the layout.
    pub field: Field,
    /// How it is found.
    pub source: Source,
    /// What happens without it.
    pub need: Need,
}

/// A field that this kernel lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Field of the layout.
    pub field: Field,
    /// Names that were looked for.
    pub looked_for: &'static str,
    /// What is lost.
    pub lost: &'static str,
}

/// A field without which the programs cannot work.
#[derive(Debug, Error, PartialEq, Eq)]
#[error(
    "kernel {release} has no field `{looked_for}` that Picket needs; its types differ from every \
     kernel that Picket knows: please report it with the kernel's release"
)]
pub struct MissingRequired {
    /// Release of the kernel.
    pub release: String,
    /// Name that was looked for.
    pub looked_for: &'static str,
}

/// Resolves every field; the second part names the optional ones that are missing.
///
/// # Errors
/// The first required field that is missing.
pub fn resolve(btf: &Btf, release: &str) -> Result<(Layout, Vec<Missing>), MissingRequired> {
    let mut layout = Layout::UNKNOWN;
    let mut missing = Vec::new();
    for spec in table::SPECS {
        match (find(btf, spec.source), spec.need) {
            (Some(offset), _) => layout.set(spec.field, offset),
            (None, Need::Optional(lost)) => {
                layout.set(spec.field, ABSENT);
                missing.push(Missing { field: spec.field, looked_for: looked_for(spec.source), lost });
            }
            (None, Need::Required) => {
                return Err(MissingRequired {
                    release: release.to_owned(),
                    looked_for: looked_for(spec.source),
                });
            }
        }
    }
    Ok((layout, missing))
}

fn find(btf: &Btf, source: Source) -> Option<u32> {
    match source {
        Source::Member(names) => names.iter().find_map(|name| btf.offset(name)),
        Source::Element(array, index) => {
            btf.offset(array)?.checked_add(btf.enumerator(index)?.checked_mul(8)?)
        }
        Source::Bit(name) => btf.bit(name),
        Source::Size(name) => btf.size(name),
        Source::Enumerator(name) => btf.enumerator(name),
    }
}

fn looked_for(source: Source) -> &'static str {
    match source {
        Source::Member(names) => names.first().copied().unwrap_or_default(),
        Source::Bit(name) | Source::Element(name, _) | Source::Size(name) | Source::Enumerator(name) => name,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_field_has_one_source() {
        let named: HashSet<_> = table::SPECS.iter().map(|spec| spec.field).collect();
        assert_eq!(named.len(), table::SPECS.len(), "a field is listed twice");
        for field in Field::ALL {
            assert!(named.contains(field), "{} has no source", field.name());
        }
    }

    #[test]
    fn a_missing_required_field_is_named_with_the_kernel() {
        let empty = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
        let error = resolve(&Btf::parse(empty.to_vec()).unwrap(), "5.10.0-test").unwrap_err();
        assert!(error.to_string().contains("5.10.0-test"), "{error}");
        assert!(error.to_string().contains("task_struct.pid"), "{error}");
    }

    #[test]
    fn the_running_kernel_has_every_required_field() {
        let Ok(data) = std::fs::read("/sys/kernel/btf/vmlinux") else {
            println!("SKIPPED: no /sys/kernel/btf/vmlinux on this machine");
            return;
        };
        let (layout, missing) = resolve(&Btf::parse(data).unwrap(), "running").unwrap();
        assert_ne!(layout.task_pid, ABSENT);
        assert_ne!(layout.kernfs_parent, ABSENT);
        println!("missing: {missing:?}");
    }
}
