//! Which live tests failed, and why: read from what they print.

/// A live test that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Name of the test, maybe with a back end behind it.
    pub(crate) name: String,
    /// What it said, the first lines of it.
    pub(crate) why: String,
}

/// More failures than this are no accident, and are not looked at again.
pub(crate) const LOOKED_AT: usize = 3;
/// Lines that are kept of what a test said.
const LINES_MAX: usize = 8;
/// What the list of failures begins its lines with. The counterpart is `tests/src/runner.rs`.
const FAILED: &str = "FAILED: ";

/// Those that the output names.
pub(crate) fn of(output: &str) -> Vec<Failure> {
    let lines: Vec<_> = output.lines().map(str::trim_end).collect();
    let names = lines.iter().filter_map(|line| line.strip_prefix(FAILED));
    names.map(|name| Failure { name: name.to_owned(), why: why(&lines, name) }).collect()
}

/// The message of the panic between a test's first and last line.
fn why(lines: &[&str], name: &str) -> String {
    let (first, last) = (format!("test {name} ..."), format!("test {name} ... FAILED"));
    let said = lines.iter().skip_while(|line| **line != first).take_while(|line| **line != last);
    let panic = said.skip_while(|line| !line.contains("panicked at"));
    panic.take(LINES_MAX).copied().collect::<Vec<_>>().join("\n")
}

/// What the report says of them when they passed the second time.
pub(crate) fn passed_again(failures: &[Failure]) -> String {
    let names: Vec<_> = failures.iter().map(|failure| failure.name.as_str()).collect();
    format!("passed only when run again: {}", names.join(", "))
}

/// Arguments that run these tests again, and no others; nothing if one of them cannot be run by itself.
pub(crate) fn again(failures: &[Failure]) -> Option<Vec<String>> {
    let test = |failure: &Failure| {
        let name = failure.name.split(' ').next().unwrap_or_default();
        name.contains("::").then(|| name.to_owned())
    };
    let names: Vec<_> = failures.iter().map(test).collect::<Option<_>>()?;
    (!names.is_empty()).then(|| std::iter::once("--exact".to_owned()).chain(names).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "test file::open ...\r\n\
        test file::open ... ok\r\n\
        test file::link [tracepoint] ...\r\n\
        agent: x\r\n\
        thread 'main' panicked at tests/live/file.rs:1:2:\r\n\
        no event\r\n\
        test file::link [tracepoint] ... FAILED\r\n\
        FAILED: file::link [tracepoint]\r\n";

    #[test]
    fn failures_say_why() {
        let failures = of(OUTPUT);
        let why = "thread 'main' panicked at tests/live/file.rs:1:2:\nno event".to_owned();
        assert_eq!(failures, [Failure { name: "file::link [tracepoint]".into(), why }]);
        assert_eq!(again(&failures).unwrap(), ["--exact", "file::link"]);
        assert_eq!(of("test result: ok. 1 passed; 0 failed"), []);
    }

    #[test]
    fn what_is_no_test_is_not_run_again() {
        assert_eq!(again(&[]), None);
        assert_eq!(again(&of(&format!("{OUTPUT}FAILED: the shared agent ends cleanly\n"))), None);
    }
}
