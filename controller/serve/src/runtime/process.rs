//! A child process, its environment and what it prints.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    path::Path,
    process::{ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child, Command},
    task::JoinHandle,
};

use crate::{
    deployed::Function,
    news::{News, Sink},
};

/// What every function of an account is told.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The account, over HTTP.
    pub endpoint: String,
    pub access_key: String,
    pub secret_key: String,
}

/// The environment of a function's process: Lambda's own variables over the function's.
#[must_use]
pub fn environment(
    function: &Function,
    surroundings: &Surroundings,
    folder: &Path,
    runtime_api: &str,
) -> BTreeMap<String, String> {
    let folder = folder.display().to_string();
    let stream = format!("[{}]", function.version);
    let memory = function.memory_mb.to_string();
    let own: [(&str, &str); 22] = [
        ("_HANDLER", &function.handler),
        ("AWS_ACCESS_KEY_ID", &surroundings.access_key),
        ("AWS_SECRET_ACCESS_KEY", &surroundings.secret_key),
        ("AWS_REGION", &function.region),
        ("AWS_DEFAULT_REGION", &function.region),
        // Nothing may look for credentials of this machine.
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL", &surroundings.endpoint),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
        ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
        ("AWS_LAMBDA_FUNCTION_VERSION", &function.version),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &function.log_group),
        ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
        ("AWS_LAMBDA_RUNTIME_API", runtime_api),
        ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
        ("LAMBDA_RUNTIME_DIR", &folder),
        ("LAMBDA_TASK_ROOT", &folder),
        ("LANG", "en_US.UTF-8"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
        ("TMPDIR", "/tmp"),
        ("TZ", ":UTC"),
    ];
    let mut all = function.variables.clone();
    // A function may choose its time zone and language, but nothing that Lambda reserves.
    for (name, value) in own {
        if !(["LANG", "PATH", "TZ", "TMPDIR"].contains(&name) && all.contains_key(name)) {
            all.insert(name.to_owned(), value.to_owned());
        }
    }
    all
}

/// Lines kept of what a process printed last, for whoever must know why it ended.
const LINES_KEPT: usize = 20;

/// What a process printed last on its standard error.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    fn push(&self, line: String) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == LINES_KEPT {
            lines.pop_front();
        }
        lines.push_back(line);
    }

    pub(super) fn text(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

/// A running child, and the tasks that read what it prints.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) tail: Tail,
    readers: Vec<JoinHandle<()>>,
}

/// Starts `bootstrap` in a process group of its own, so that Ctrl-C in the terminal does not reach it: what is in
/// flight is finished.
pub(super) fn start(
    function: &Function,
    folder: &Path,
    environment: &BTreeMap<String, String>,
    news: &Sink,
) -> io::Result<Running> {
    let mut child = Command::new(folder.join("bootstrap"))
        .current_dir(folder)
        .env_clear()
        .envs(environment)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()?;
    let tail = Tail::default();
    let mut readers = Vec::new();
    if let Some(out) = child.stdout.take() {
        readers.push(tokio::spawn(read_lines(out, function.name.clone(), news.clone(), None)));
    }
    if let Some(err) = child.stderr.take() {
        readers.push(tokio::spawn(read_lines(err, function.name.clone(), news.clone(), Some(tail.clone()))));
    }
    Ok(Running { child, tail, readers })
}

impl Running {
    /// Waits until everything that was printed has been read. The process has ended; children of its own may hold
    /// its pipes open, and are not waited for.
    pub(super) async fn drain(&mut self) {
        let wait = std::time::Duration::from_millis(200);
        for mut reader in self.readers.drain(..) {
            if tokio::time::timeout(wait, &mut reader).await.is_err() {
                reader.abort();
            }
        }
    }
}

async fn read_lines(from: impl AsyncRead + Unpin, function: String, news: Sink, tail: Option<Tail>) {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).await.is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if let Some(tail) = &tail {
            tail.push(text.clone());
        }
        news(News::Line { function: function.clone(), text });
    }
}

/// How a process ended, in Lambda's words: `exit status 1`, `signal: killed`.
pub(super) fn ending(status: io::Result<ExitStatus>) -> String {
    use std::os::unix::process::ExitStatusExt;
    match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(9)) => "signal: killed".to_owned(),
            (None, Some(signal)) => format!("signal: {signal}"),
            (None, None) => "an unknown status".to_owned(),
        },
        Err(error) => error.to_string(),
    }
}

/// Why a binary cannot be started, with what usually is the reason.
pub(super) fn cannot_start(error: &io::Error) -> String {
    // ENOEXEC: a binary of another machine.
    match error.raw_os_error() {
        Some(8) => "`bootstrap` was built for another architecture than this machine's".to_owned(),
        _ => format!("`bootstrap` cannot be started: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lambda_s_own_variables_win() {
        let variables = [("_HANDLER", "mine"), ("TZ", "Europe/Berlin"), ("STAGE", "dev")];
        let function = Function {
            name: "send".into(),
            version: "7".into(),
            handler: "outreach".into(),
            memory_mb: 256,
            region: "us-east-1".into(),
            variables: variables.map(|(name, value)| (name.into(), value.into())).into(),
            ..Function::default()
        };
        let surroundings = Surroundings {
            endpoint: "http://127.0.0.1:1".into(),
            access_key: "key".into(),
            secret_key: "secret".into(),
        };
        let all = environment(&function, &surroundings, Path::new("/code"), "127.0.0.1:2");
        let is =
            |name: &str, value: &str| assert_eq!(all.get(name).map(String::as_str), Some(value), "{name}");
        is("_HANDLER", "outreach");
        is("TZ", "Europe/Berlin");
        is("STAGE", "dev");
        is("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:2");
        is("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        is("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
        is("LAMBDA_TASK_ROOT", "/code");
    }
}
