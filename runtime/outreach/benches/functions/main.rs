//! What functions cost, as the binaries that are deployed, each in a process that polls a Runtime API: the
//! start, the own time of a warm request (without what the account took), requests a second, memory, calls.
//! Webhook and one-click are run as a plain Node handler, too, against an account of the same sort.
//!
//! `cargo dn build --release-mode && cargo bench --workspace --bench functions`; less with `-- webhook`,
//! other binaries with `-- --from=target/debug`.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use around::Around;
use contract::stream::Stream;
use lambda::{Program, Running, Took};
use requests::Requests;

mod around;
mod lambda;
mod requests;

/// Requests after which memory is looked at.
const MANY: usize = 10_000;
/// Of what is measured in time only.
const SOME: usize = 1_000;
const WARM_UP: usize = 100;
const STARTS: usize = 15;

/// What is measured: a function as requests name it, and how often.
const FUNCTIONS: [(&str, &str, usize); 11] = [
    ("outreach", "webhook", MANY),
    ("unsubscribe", "outreach-unsubscribe", MANY),
    ("unsubscribe", "outreach-unsubscribe (page)", MANY),
    ("unsubscribe", "financial-unsubscribe", SOME),
    // All users together have 10,000 requests a day, so these are fewer.
    ("unsubscribe", "financial-add-contact", SOME),
    ("outreach", "send-email", SOME),
    ("outreach", "send-template-email", SOME),
    ("outreach", "campaign-stats", SOME),
    ("outreach", "tracking-data", SOME),
    ("outreach", "outreach-health", SOME),
    ("dn_api", "dn-api-health", SOME),
];
const IN_NODE: [&str; 2] = ["webhook", "outreach-unsubscribe"];

/// One line of the table.
struct Figures {
    start: Duration,
    first: Duration,
    own: [Duration; 2],
    a_second: f64,
    a_second_own: f64,
    memory_kib: [u64; 2],
    calls: Vec<String>,
}

#[tokio::main]
async fn main() {
    let wanted: Vec<String> = env::args().skip(1).filter(|one| !one.starts_with('-')).collect();
    let node = node();
    println!(
        "{:<32}{:>10}{:>10}{:>10}{:>10}{:>9}{:>10}{:>19}",
        "", "start", "first", "own p50", "own p99", "a second", "own", "MiB after 100, all"
    );
    for (service, function, requests) in FUNCTIONS {
        if !wanted.is_empty() && !wanted.iter().any(|one| function.contains(one.as_str())) {
            continue;
        }
        let ours = measured(&program(service), function, requests).await;
        show(&format!("{function} ({requests})"), &ours);
        println!("    calls: {}", ours.calls.join(", "));
        if !IN_NODE.contains(&function) {
            continue;
        }
        let theirs = measured(&node, function, requests).await;
        show("  the same in Node 20", &theirs);
        println!("    calls: {}", theirs.calls.join(", "));
        let times = |theirs: Duration, ours: Duration| theirs.as_secs_f64() / ours.as_secs_f64();
        println!(
            "    Node: {:.1} times the start, {:.1} times the first request, {:.1} times the own time, \
             {:.1} times the memory; {:.2} of the requests a second",
            times(theirs.start, ours.start),
            times(theirs.first, ours.first),
            times(theirs.own[0], ours.own[0]),
            theirs.memory_kib[1] as f64 / ours.memory_kib[1] as f64,
            theirs.a_second / ours.a_second,
        );
    }
}

async fn measured(program: &Program, function: &str, requests: usize) -> Figures {
    let around = Around::new().await;
    let mut tokens = Vec::new();
    for number in 0..requests.min(SOME) + WARM_UP + STARTS {
        let stream = if function.starts_with("financial") { Stream::Financial } else { Stream::Outreach };
        tokens.push(around.token(&format!("r{number}@b.example"), stream).await);
    }
    let all = Requests::new(requests + WARM_UP + STARTS, tokens);
    let handler = function.split(' ').next().unwrap_or_default();
    let (mut starts, mut firsts) = (Vec::new(), Vec::new());
    for number in 0..STARTS {
        let mut process = Running::start(program, handler, &around).await;
        starts.push(process.start);
        firsts.push(one(&mut process, &all, function, requests + number, &around).await.all);
    }
    let mut process = Running::start(program, handler, &around).await;
    for number in 0..WARM_UP {
        one(&mut process, &all, function, requests + STARTS + number, &around).await;
    }
    let early_kib = process.memory_kib();
    around.counted();
    one(&mut process, &all, function, 0, &around).await;
    let calls = around.counted().into_iter().map(|(name, times)| format!("{times} {name}")).collect();
    let mut took = Vec::new();
    for number in 1..requests {
        took.push(one(&mut process, &all, function, number, &around).await);
    }
    let sum = |of: fn(&Took) -> Duration| took.iter().map(of).sum::<Duration>().as_secs_f64();
    let a_second = |sum: f64| took.len() as f64 / sum;
    let mut own: Vec<Duration> = took.iter().map(|took| took.own).collect();
    own.sort_unstable();
    Figures {
        start: middle(&mut starts),
        first: middle(&mut firsts),
        own: [own[own.len() / 2], own[own.len() * 99 / 100]],
        a_second: a_second(sum(|took| took.all)),
        a_second_own: a_second(sum(|took| took.own)),
        memory_kib: [early_kib, process.memory_kib()],
        calls,
    }
}

async fn one(process: &mut Running, all: &Requests, function: &str, number: usize, around: &Around) -> Took {
    let (answer, took) = process.ask(&all.of(function, number), around).await;
    assert_eq!(answer["statusCode"], 200, "{function}: {answer}");
    took
}

fn middle(of: &mut [Duration]) -> Duration {
    of.sort_unstable();
    of[of.len() / 2]
}

fn show(name: &str, figures: &Figures) {
    let ms = |of: Duration| format!("{:.2} ms", of.as_secs_f64() * 1000.0);
    let mib = figures.memory_kib.map(|kib| format!("{:.1}", kib as f64 / 1024.0));
    println!(
        "{name:<32}{:>10}{:>10}{:>10}{:>10}{:>9.0}{:>10.0}{:>19}",
        ms(figures.start),
        ms(figures.first),
        ms(figures.own[0]),
        ms(figures.own[1]),
        figures.a_second,
        figures.a_second_own,
        mib.join(", "),
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A binary as it is deployed, or of the folder that is named.
fn program(service: &str) -> Program {
    let named = env::args().find_map(|one| one.strip_prefix("--from=").map(str::to_owned));
    let path = root().join(named.as_deref().unwrap_or("target/lambda")).join(service);
    assert!(path.is_file(), "{} is missing: cargo dn build --release-mode", path.display());
    Program { command: vec![path.display().to_string()] }
}

/// The Node handler with its packages, installed on first use.
#[expect(clippy::disallowed_methods, reason = "a bench may start npm")]
fn node() -> Program {
    let folder = root().join("target/bench-node");
    fs::create_dir_all(&folder).expect("a folder");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/node");
    for file in fs::read_dir(source).expect("the handler").flatten() {
        fs::copy(file.path(), folder.join(file.file_name())).expect("a copy");
    }
    if !folder.join("node_modules").is_dir() {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts"]).current_dir(&folder);
        assert!(npm.status().expect("npm").success(), "npm installs");
    }
    let main = folder.join("main.mjs").display().to_string();
    Program { command: vec!["node".to_owned(), main] }
}
