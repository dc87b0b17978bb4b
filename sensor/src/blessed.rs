//! Test: documents that are made from tables of the code.

use std::path::Path;

/// The document `name`, from the root of the repository, is as the code says; with `PICKET_BLESS` it is written
/// anew. `tests` are those that do so.
#[track_caller]
pub(crate) fn is_up_to_date(name: &str, expected: &str, tests: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if std::env::var_os("PICKET_BLESS").is_some() {
        std::fs::write(&path, expected).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == expected, "{name} is old: run PICKET_BLESS=1 cargo test -p sensor --lib {tests}");
}
