//! Makes the kernel object small: no loader reads the debug information from which its BTF was made.

use anyhow::{Context, Result};
use object::build::elf::{Builder, SectionData};
use object::elf::SHT_STRTAB;

/// Starts of the names of sections that only debuggers read, or nobody. What `.BTF` and `.BTF.ext` say of
/// places in the code is written there already; loaders don't apply relocations to them.
const UNREAD: [&[u8]; 3] = [b".debug_", b".rel.debug_", b".rel.BTF"];

/// The object without debug information: a fourth of its size. It is part of the agent's program, and
/// what the agent reads of itself counts as its memory.
pub(super) fn without_debug(object: &[u8]) -> Result<Vec<u8>> {
    let mut builder = Builder::read(object).context("cannot read the object")?;
    for section in &mut builder.sections {
        section.delete = UNREAD.iter().any(|start| section.name.starts_with(start));
    }
    builder.delete_orphans();
    // LLVM keeps the names of sections with those of symbols.
    if !builder.sections.iter().any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = builder.sections.add();
        names.name = b".shstrtab"[..].into();
        names.sh_type = SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    let mut slim = Vec::new();
    builder.write(&mut slim).context("cannot write the object")?;
    Ok(slim)
}

#[cfg(test)]
mod tests {
    use object::elf::{EM_BPF, ET_REL, SHT_PROGBITS};

    use super::*;

    fn object(names: &[&'static str]) -> Vec<u8> {
        let mut builder = Builder::new(object::Endianness::Little, true);
        builder.header.e_type = ET_REL;
        builder.header.e_machine = EM_BPF;
        for name in names {
            let section = builder.sections.add();
            section.name = name.as_bytes().into();
            section.sh_type = SHT_PROGBITS;
            section.data = SectionData::Data(b"content"[..].into());
        }
        let strings = builder.sections.add();
        strings.name = b".shstrtab"[..].into();
        strings.sh_type = SHT_STRTAB;
        strings.data = SectionData::SectionString;
        let mut bytes = Vec::new();
        builder.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn only_what_nobody_reads_goes() {
        let bytes = object(&[".text", ".debug_info", ".BTF", ".rel.debug_info", ".BTF.ext", "fexit"]);
        let slim = without_debug(&bytes).unwrap();
        let left = Builder::read(&*slim).unwrap();
        let names: Vec<String> = left.sections.into_iter().map(|section| section.name.to_string()).collect();
        assert_eq!(names, [".text", ".BTF", ".BTF.ext", "fexit", ".shstrtab"]);
        assert!(slim.len() < bytes.len());
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(without_debug(b"\x7fELF of sorts").is_err());
    }
}
