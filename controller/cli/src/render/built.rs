//! What was built.

use crate::artefacts::Built;

/// One line a service.
pub(crate) fn built_text(built: &[Built]) -> String {
    let line = |one: &Built| {
        format!(
            "{:<12} {}  zip {:>6}  binary {:>6}  {}\n",
            one.service,
            &one.sha256[..12],
            megabytes(one.size),
            megabytes(one.binary),
            one.file.display()
        )
    };
    built.iter().map(line).collect()
}

#[expect(clippy::cast_precision_loss, reason = "sizes of files, shown with one decimal")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// `{"version":1,"artefacts":[{"service":…,"file":…,"sha256":…,"size":…,"binary":…}]}`.
pub(crate) fn built_json(built: &[Built]) -> String {
    serde_json::json!({ "version": 1, "artefacts": built }).to_string()
}
