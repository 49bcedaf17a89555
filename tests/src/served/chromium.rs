//! Headless Chromium from the distribution's packages, driven by the WebDriver protocol; it reaches nothing
//! but the loopback.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::http::{ask, try_ask};

const DRIVER: &str = "/usr/bin/chromedriver";
const CHROMIUM: &str = "/usr/bin/chromium";
/// Of Debian; where it is missing it is installed.
const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

/// Deque's checks of accessibility, and what their file is known by.
const AXE: &str = "axe-core@4.14.1";
const AXE_SHA256: &str = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c";

/// From a key to the page that it leads to.
const LOADED_AT_MOST: Duration = Duration::from_secs(20);

pub(super) const TAB: &str = "\u{e004}";
pub(super) const SHIFT: &str = "\u{e008}";
pub(super) const ENTER: &str = "\u{e007}";
pub(super) const SPACE: &str = " ";

/// A browser with one window. It ends when this is dropped.
pub(super) struct Browser {
    driver: Child,
    /// Of the session, for commands.
    url: String,
    axe: String,
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, and would outlive its driver.
        if !self.url.is_empty() {
            let _ = try_ask("DELETE", &self.url, &[], "");
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    /// # Errors
    /// Why there is no browser here, for people.
    pub(super) fn start() -> Result<Self, String> {
        install()?;
        let axe = axe()?;
        let mut driver = command(DRIVER);
        driver.arg("--port=0").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = driver.spawn().map_err(|error| format!("{DRIVER}: {error}"))?;
        let output = driver.stdout.take().expect("its output");
        let mut browser = Self { driver, url: String::new(), axe };
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let port = line.split("successfully on port ").nth(1)?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        let port = port.ok_or_else(|| format!("{DRIVER} does not say its port"))?;
        let arguments = [
            "--headless=new",
            "--no-sandbox", // tests may run as root
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        ];
        let capabilities = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments, "binary": CHROMIUM },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let driver = format!("http://127.0.0.1:{port}/session");
        let answer = ask("POST", &driver, &[], &capabilities.to_string());
        let answer = answer.json()["value"].clone();
        let session = answer["sessionId"].as_str().ok_or_else(|| format!("no session: {answer}"))?;
        browser.url = format!("{driver}/{session}");
        Ok(browser)
    }

    fn tell(&self, command: &str, body: &Value) -> Value {
        let answer = ask("POST", &format!("{}/{command}", self.url), &[], &body.to_string());
        assert_eq!(answer.status, 200, "{command}: {}", answer.body);
        answer.json()["value"].clone()
    }

    pub(super) fn open(&self, url: &str) {
        self.tell("url", &json!({ "url": url }));
    }

    /// What a script in the page returns.
    pub(super) fn run(&self, script: &str) -> Value {
        self.tell("execute/sync", &json!({ "script": script, "args": [] }))
    }

    fn says(&self, script: &str) -> String {
        self.run(script).as_str().unwrap_or_default().to_owned()
    }

    /// The text that a person reads.
    pub(super) fn text(&self) -> String {
        self.says("return document.body.innerText")
    }

    /// What has the focus: the id of a field, the value of a button.
    pub(super) fn focus(&self) -> String {
        self.says("let on = document.activeElement; return on.id || on.value || on.tagName")
    }

    /// Whether a person sees what has the focus.
    pub(super) fn shows_focus(&self) -> bool {
        let script =
            "let on = document.activeElement, style = getComputedStyle(on), at = on.getBoundingClientRect();
            return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
                && at.top >= 0 && at.bottom <= innerHeight";
        self.run(script) == true
    }

    /// Presses keys one after another, the first for as long as the others where it is [`SHIFT`].
    pub(super) fn press(&self, keys: &[&str]) {
        let one = |kind: &str, key: &str| json!({ "type": kind, "value": key });
        let held = keys.first().filter(|key| **key == SHIFT);
        let mut actions: Vec<Value> = held.iter().map(|key| one("keyDown", key)).collect();
        for key in &keys[usize::from(held.is_some())..] {
            actions.extend([one("keyDown", key), one("keyUp", key)]);
        }
        actions.extend(held.iter().map(|key| one("keyUp", key)));
        self.tell(
            "actions",
            &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] }),
        );
    }

    /// Presses a key that leads to another page, and waits for that.
    pub(super) fn press_and_load(&self, key: &str) {
        self.run("window.before = true");
        self.press(&[key]);
        let end = Instant::now() + LOADED_AT_MOST;
        while self.run("return !window.before && document.readyState === 'complete'") != true {
            assert!(Instant::now() < end, "the key leads to another page");
        }
    }

    /// As a person set it for the whole machine.
    pub(super) fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// So many CSS pixels for the page; 0 is the usual.
    pub(super) fn width(&self, pixels: u32) {
        let size = json!({ "width": pixels, "height": 0, "deviceScaleFactor": 0, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        self.tell("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    }

    /// Rules of WCAG 2.2 AA and of good practice that the page breaks, and how many it keeps.
    pub(super) fn accessibility(&self) -> (Vec<String>, u64) {
        let script = format!(
            "{}; const done = arguments[arguments.length - 1];
            const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
            axe.run(document, {{ runOnly: {{ type: 'tag', values: tags }} }}).then(found => done({{
                broken: found.violations.map(
                    one => one.id + ': ' + one.nodes.map(node => node.html).join(' ')),
                kept: found.passes.length,
            }}), error => done({{ broken: [String(error)], kept: 0 }}))",
            self.axe
        );
        let found = self.tell("execute/async", &json!({ "script": script, "args": [] }));
        let broken = found["broken"].as_array().into_iter().flatten();
        let broken = broken.map(|one| one.as_str().unwrap_or_default().to_owned()).collect();
        (broken, found["kept"].as_u64().unwrap_or_default())
    }

    /// Messages of a log since the last time: `browser` is the console.
    fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.tell("se/log", &json!({ "type": kind }));
        entries.as_array().cloned().unwrap_or_default()
    }

    /// Errors and warnings of the console since the last time.
    pub(super) fn complaints(&self) -> Vec<String> {
        let bad = |entry: &Value| matches!(entry["level"].as_str(), Some("SEVERE" | "WARNING"));
        let entries = self.log("browser").into_iter().filter(bad);
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Every URL that was asked for since the last time.
    pub(super) fn asked_for(&self) -> Vec<String> {
        let message = |entry: &Value| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let asks = message["message"]["method"] == "Network.requestWillBeSent";
            let url = message["message"]["params"]["request"]["url"].as_str()?;
            asks.then(|| url.to_owned())
        };
        self.log("performance").iter().filter_map(message).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "tests may start processes")]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = command(program);
    command.args(arguments).stdin(Stdio::null()).env("DEBIAN_FRONTEND", "noninteractive");
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    output.status.success().then_some(()).ok_or_else(|| format!("{program} {}: {said}", arguments.join(" ")))
}

/// Installs what is missing, where that is possible.
fn install() -> Result<(), String> {
    let there = || [DRIVER, CHROMIUM].iter().all(|program| Path::new(program).is_file());
    if there() {
        return Ok(());
    }
    let hint = format!("apt-get install {}", PACKAGES.join(" "));
    let root = fs::metadata("/proc/self").is_ok_and(|about| about.uid() == 0);
    if !root || !Path::new("/usr/bin/apt-get").is_file() {
        return Err(format!("Chromium is not installed, and cannot be from here: {hint}"));
    }
    run("apt-get", &["update", "-q"])?;
    run("apt-get", &[&["install", "-y", "-q", "--no-install-recommends"], &PACKAGES[..]].concat())?;
    there().then_some(()).ok_or_else(|| format!("{hint} brought no {DRIVER}"))
}

/// The text of the checks, from npm on first use.
fn axe() -> Result<String, String> {
    let target = env::current_exe().map_err(|error| error.to_string())?;
    let folder: PathBuf = target.ancestors().nth(3).unwrap_or(Path::new("target")).join(AXE);
    let file = folder.join("node_modules/axe-core/axe.min.js");
    if !file.is_file() {
        let folder = folder.display().to_string();
        let quiet = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", &folder, AXE];
        run("npm", &quiet)?;
    }
    let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let digest: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    (digest == AXE_SHA256).then_some(text).ok_or_else(|| format!("{AXE} is not what it was: {digest}"))
}
