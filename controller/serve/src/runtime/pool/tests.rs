use super::*;

fn function(version: &str) -> Function {
    Function { name: "send".into(), version: version.into(), timeout_s: 3, ..Function::default() }
}

fn pool(processes: usize) -> Pool {
    Pool::new(Bounds { processes, idle_ms: 1000, init_ms: 500 })
}

/// Effects in few letters: `start 0`, `give 0 job 1 by 3000`.
fn words(effects: &[Effect]) -> Vec<String> {
    let word = |effect: &Effect| match effect {
        Effect::Start(worker, room) => format!("start {worker} of {}", room.version),
        Effect::Give { worker, job, deadline_ms } => format!("give {worker} job {job} by {deadline_ms}"),
        Effect::Stop(worker) => format!("stop {worker}"),
        Effect::End(job, end) => format!("end {job} {end:?}"),
    };
    effects.iter().map(word).collect()
}

#[track_caller]
fn check(effects: &[Effect], wanted: &[&str]) {
    assert_eq!(words(effects), wanted);
}

#[test]
fn a_process_is_started_once_and_used_again() {
    let mut pool = pool(4);
    check(&pool.ask(1, &function("1"), 0), &["start 0 of 1"]);
    check(&pool.ready(0, 100), &["give 0 job 1 by 3100"]);
    assert!(pool.answered(0, 1, 200));
    check(&pool.ready(0, 210), &[]);
    check(&pool.ask(2, &function("1"), 300), &["give 0 job 2 by 3300"]);
    assert!(!pool.answered(0, 1, 400), "an invocation that it no longer has");
    assert!(pool.answered(0, 2, 400));
}

#[test]
fn a_room_grows_to_its_bound_and_then_queues() {
    let mut pool = pool(2);
    check(&pool.ask(1, &function("1"), 0), &["start 0 of 1"]);
    check(&pool.ask(2, &function("1"), 0), &["start 1 of 1"]);
    check(&pool.ask(3, &function("1"), 0), &[]);
    check(&pool.ready(0, 10), &["give 0 job 1 by 3010"]);
    check(&pool.ready(1, 10), &["give 1 job 2 by 3010"]);
    assert!(pool.answered(1, 2, 20));
    check(&pool.ready(1, 20), &["give 1 job 3 by 3020"]);
}

#[test]
fn one_that_has_answered_is_waited_for() {
    let mut pool = pool(4);
    pool.ask(1, &function("1"), 0);
    pool.ready(0, 0);
    pool.answered(0, 1, 10);
    check(&pool.ask(2, &function("1"), 10), &[]);
    check(&pool.ask(3, &function("1"), 10), &["start 1 of 1"]);
    check(&pool.ready(0, 11), &["give 0 job 2 by 3011"]);
}

#[test]
fn another_version_has_a_room_of_its_own() {
    let mut pool = pool(4);
    pool.ask(1, &function("1"), 0);
    pool.ready(0, 0);
    pool.answered(0, 1, 0);
    pool.ready(0, 0);
    check(&pool.ask(2, &function("2"), 10), &["start 1 of 2"]);
    let configured = Function { memory_mb: 512, ..function("2") };
    check(&pool.ask(3, &configured, 10), &["start 2 of 2"]);
}

#[test]
fn reserved_concurrency_counts_all_versions() {
    let reserved = |version| Function { reserved: Some(2), ..function(version) };
    let mut pool = pool(8);
    pool.ask(1, &reserved("1"), 0);
    pool.ready(0, 0);
    check(&pool.ask(2, &reserved("2"), 0), &["start 1 of 2"]);
    check(&pool.ask(3, &reserved("1"), 0), &["end 3 Throttled"]);
    pool.answered(0, 1, 5);
    check(&pool.ask(4, &reserved("1"), 6), &[]);
    let off = Function { reserved: Some(0), name: "off".into(), ..function("1") };
    check(&pool.ask(5, &off, 6), &["end 5 Throttled"]);
}

#[test]
fn a_late_invocation_ends_and_its_process_with_it() {
    let mut pool = pool(1);
    pool.ask(1, &function("1"), 0);
    pool.ready(0, 100);
    pool.ask(2, &function("1"), 200);
    assert_eq!(pool.next_due(), Some(3100));
    check(&pool.due(3099), &[]);
    check(&pool.due(3100), &["stop 0", "end 1 TimedOut", "start 1 of 1"]);
    check(&pool.gone(0, 3110), &[]);
    check(&pool.ready(1, 3200), &["give 1 job 2 by 6200"]);
}

#[test]
fn a_process_that_ends_early_costs_what_it_had() {
    let mut pool = pool(4);
    pool.ask(1, &function("1"), 0);
    pool.ready(0, 0);
    check(&pool.gone(0, 10), &["end 1 Exited(0)"]);
    pool.ask(2, &function("1"), 20);
    pool.ask(3, &function("1"), 20);
    check(&pool.gone(1, 30), &["end 2 NotStarted(1)"]);
    check(&pool.gone(2, 30), &["end 3 NotStarted(2)"]);
    assert!(pool.is_empty());
}

#[test]
fn a_process_that_never_asks_is_stopped() {
    let mut pool = pool(1);
    pool.ask(1, &function("1"), 0);
    pool.ask(2, &function("1"), 0);
    check(&pool.due(500), &["stop 0", "end 1 NotStarted(0)", "start 1 of 1"]);
}

#[test]
fn asking_for_more_instead_of_answering_is_an_exit() {
    let mut pool = pool(1);
    pool.ask(1, &function("1"), 0);
    pool.ready(0, 0);
    pool.ask(2, &function("1"), 0);
    check(&pool.ready(0, 50), &["end 1 Exited(0)", "give 0 job 2 by 3050"]);
}

#[test]
fn idle_processes_end_and_those_that_worked_last_stay() {
    let mut pool = pool(4);
    for (job, worker) in [(1, 0), (2, 1)] {
        pool.ask(job, &function("1"), 0);
        pool.ready(worker, 0);
    }
    for (job, worker, at_ms) in [(1, 0, 100), (2, 1, 300)] {
        pool.answered(worker, job, at_ms);
        pool.ready(worker, at_ms);
    }
    check(&pool.ask(3, &function("1"), 400), &["give 1 job 3 by 3400"]);
    check(&pool.due(1100), &["stop 0"]);
    check(&pool.ready(0, 1101), &[]);
    check(&pool.gone(0, 1110), &[]);
}

#[test]
fn closing_lets_what_runs_end() {
    let mut pool = pool(2);
    for job in 1..=3 {
        pool.ask(job, &function("1"), 0);
    }
    pool.ready(0, 0);
    pool.ask(9, &function("2"), 0);
    pool.ready(2, 0);
    pool.answered(2, 9, 0);
    pool.ready(2, 0);
    check(&pool.close(), &["stop 2"]);
    check(&pool.ask(4, &function("1"), 0), &["end 4 Closed"]);
    check(&pool.ready(1, 10), &["give 1 job 2 by 3010"]);
    pool.answered(0, 1, 20);
    check(&pool.ready(0, 20), &["give 0 job 3 by 3020"]);
    pool.answered(1, 2, 30);
    check(&pool.ready(1, 30), &["stop 1"]);
    pool.answered(0, 3, 40);
    check(&pool.ready(0, 40), &["stop 0"]);
    assert!(!pool.is_empty());
    (0..3).for_each(|worker| drop(pool.gone(worker, 50)));
    assert!(pool.is_empty());
}

#[test]
fn whoever_goes_away_waits_no_longer() {
    let mut pool = pool(1);
    pool.ask(1, &function("1"), 0);
    pool.ask(2, &function("1"), 0);
    pool.withdraw(1);
    check(&pool.ready(0, 0), &["give 0 job 2 by 3000"]);
    pool.withdraw(2);
    assert_eq!(pool.running("send"), 1, "what has begun goes on");
}
