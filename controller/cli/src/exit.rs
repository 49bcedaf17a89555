//! Errors to exit code, message and hint: the one place that maps them.

use std::process::ExitCode;

use model::Fault;

/// How a verb ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Done {
    Nothing,
    Changes,
    Drift,
}

/// How a verb failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// What a failure means to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Error,
    Blocked,
    Stale,
    Partly,
}

impl Failure {
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self::new(Kind::Error, message)
    }

    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Reads `error` as what went wrong with a file.
    pub(crate) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                "make the folder writable, or work in another one with --project"
            }
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "free some space on that disk"
            }
            std::io::ErrorKind::NotFound => "check the path",
            _ => "check the file and the disk",
        };
        Self::error(format!("{}: {error}", path.display())).hint(hint)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let kind = if matches!(fault, Fault::Stale { .. }) { Kind::Stale } else { Kind::Error };
        let hint = fault.cause().and_then(|cause| cause.hint.clone());
        Self { kind, message: fault.to_string(), hint }
    }
}

impl From<Vec<Fault>> for Failure {
    fn from(faults: Vec<Fault>) -> Self {
        let messages: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let hint = faults.iter().find_map(|fault| fault.cause()?.hint.clone());
        Self { kind: Kind::Error, message: messages.join("\n       "), hint }
    }
}

/// The exit code of a verb.
pub(crate) fn code(outcome: Result<Done, Kind>) -> ExitCode {
    ExitCode::from(match outcome {
        Ok(Done::Nothing) => 0,
        Err(Kind::Error) => 1,
        Ok(Done::Changes) => 2,
        Ok(Done::Drift) => 3,
        Err(Kind::Blocked) => 4,
        Err(Kind::Stale) => 5,
        Err(Kind::Partly) => 6,
    })
}
