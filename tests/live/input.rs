//! x
use picket_tests::runner::Test;
pub(crate) const TESTS: &[Test] = &[];
