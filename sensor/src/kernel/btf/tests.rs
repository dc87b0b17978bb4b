//! Types whole, cut, damaged and made up.
#![expect(clippy::cast_possible_truncation, reason = "the numbers of these tests are small")]

use proptest::prelude::*;

use super::*;

/// Puts BTF together: types as (name, info, size or type, entries).
#[derive(Default)]
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
}

impl Builder {
    fn new() -> Self {
        Self { types: vec![], strings: vec![0] }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(name.as_bytes());
        self.strings.push(0);
        at
    }

    fn words(&mut self, words: &[u32]) {
        self.types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
    }

    fn structure(&mut self, name: &str, size: u32, members: &[(&str, u32, u32)]) {
        let name = self.name(name);
        self.words(&[name, 4 << 24 | members.len() as u32, size]);
        for (name, kind, bits) in members {
            let name = self.name(name);
            self.words(&[name, *kind, *bits]);
        }
    }

    fn finish(self, header: u32) -> Vec<u8> {
        let mut data = MAGIC.to_ne_bytes().to_vec();
        data.extend([1, 0]);
        for word in [header, 0, self.types.len() as u32, self.types.len() as u32, self.strings.len() as u32] {
            data.extend(word.to_ne_bytes());
        }
        data.resize(header as usize, 0);
        data.extend(self.types);
        data.extend(self.strings);
        data
    }
}

fn sample(header: u32) -> Vec<u8> {
    let mut builder = Builder::new();
    let int = builder.name("int");
    builder.words(&[int, 1 << 24, 4, 0]); // 1
    builder.structure("", 8, &[("deep", 1, 32)]); // 2
    builder.structure("inner", 16, &[("first", 1, 0), ("", 2, 64)]); // 3
    let alias = builder.name("inner_t");
    builder.words(&[alias, 8 << 24, 3]); // 4
    builder.structure("outer", 64, &[("pad", 1, 0), ("held", 4, 128), ("odd", 1, 3)]); // 5
    let (tag, value) = (builder.name("ids"), builder.name("pids_cgrp_id"));
    builder.words(&[tag, 6 << 24 | 1, 4, value, 11]); // 6
    builder.finish(header)
}

#[test]
fn finds_members_sizes_and_enumerators() {
    // 24 bytes of header until 7.1, 32 since.
    for header in [24, 32] {
        let btf = Btf::parse(sample(header)).unwrap();
        assert_eq!(btf.offset("outer.pad"), Some(0));
        assert_eq!(btf.offset("outer.held.first"), Some(16), "through a typedef");
        assert_eq!(btf.offset("outer.held.deep"), Some(16 + 8 + 4), "in an anonymous structure");
        assert_eq!(btf.offset("outer.odd"), None, "not at a byte");
        assert_eq!(btf.offset("outer.none"), None);
        assert_eq!(btf.offset("none.pad"), None);
        assert_eq!(btf.size("outer"), Some(64));
        assert_eq!(btf.enumerator("pids_cgrp_id"), Some(11));
    }
}

#[test]
fn cut_anywhere_is_an_error_not_a_panic() {
    let data = sample(24);
    for length in 0..data.len() {
        assert!(Btf::parse(data[..length].to_vec()).is_err(), "cut to {length} of {}", data.len());
    }
}

#[test]
fn a_structure_that_holds_itself_ends() {
    let mut builder = Builder::new();
    builder.structure("loop", 8, &[("", 1, 0)]);
    assert_eq!(Btf::parse(builder.finish(24)).unwrap().offset("loop.x"), None);
}

#[test]
fn something_else_is_named() {
    assert_eq!(Btf::parse(vec![0x7f, b'E', b'L', b'F']).unwrap_err(), BtfError::Magic { found: 0x457f });
}

proptest! {
    #[test]
    fn damaged_data_never_panics(at in 0usize..200, value: u8) {
        let mut data = sample(24);
        let at = at % data.len();
        data[at] = value;
        if let Ok(btf) = Btf::parse(data) {
            prop_assert!(btf.offset("outer.held.deep").is_none_or(|offset| offset < u32::MAX));
            prop_assert!(btf.size("outer").is_none_or(|size| size < u32::MAX));
        }
    }
}
