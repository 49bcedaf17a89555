//! Where the emulator is wrong about AWS, or lacks something: only this is left out.

/// Kind, check, and what AWS does instead. A check is named as the tests print it: the example, then a law or a
/// field (`#2`: the second change of that field). An example alone stands for all its checks.
///
/// What is listed is run all the same: an entry that is no longer needed fails the test.
pub(super) const DEVIATIONS: &[(&str, &str, &str)] = &[];
