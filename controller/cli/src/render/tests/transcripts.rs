//! What people read, word for word.

use std::collections::{BTreeMap, BTreeSet};

use engine::Report;
use model::{
    Action, Fault, Note, StepId,
    fault::Cause,
    journal::{Ending, Run, StepEnd},
};

use super::{Style, at, drifted, everything, first, plan_of, step, wide};
use crate::{
    exit,
    render::{drift_text, failure_text, history_text, plan_text, report::faults_text, report_text},
};

fn runs() -> Vec<Run> {
    let run = |number: u64, how: Option<Ending>, steps: Vec<_>| Run {
        run: format!("dev-{number}"),
        verb: "apply".into(),
        who: "anna@laptop as deployer".into(),
        plan: "0123456789abcdef".into(),
        begun_ms: 1_795_371_269_000 + number * 3_600_000,
        ended_ms: how.map(|_| 1_795_371_379_000 + number * 3_600_000),
        how,
        planned: 3,
        commit: None,
        dirty: false,
        release: None,
        steps,
    };
    let done = |name: &str| (at(name), Action::Create, StepEnd::Done);
    vec![
        run(
            1,
            Some(Ending::Done),
            vec![done("shared/key/data"), done("shared/table/a"), done("shared/table/b")],
        ),
        run(
            2,
            Some(Ending::Partly),
            vec![
                done("shared/key/mail"),
                (
                    at("shared/queue/mail"),
                    Action::Update,
                    StepEnd::Failed("sqs:SetQueueAttributes: AccessDenied: no".into()),
                ),
            ],
        ),
        run(3, None, vec![(at("shared/queue/mail"), Action::Update, StepEnd::InDoubt)]),
    ]
}

fn refused() -> Fault {
    let cause = Cause::new("User: arn:aws:sts::123456789012:assumed-role/deployer/anna is not authorized")
        .at(&at("outreach/role/send"))
        .hint("the role `deployer` lacks iam:PutRolePolicy");
    Fault::Refused(Cause {
        call: Some("iam:PutRolePolicy".into()),
        code: Some("AccessDenied".into()),
        ..cause
    })
}

fn report() -> (model::Plan, Report) {
    let mut plan = plan_of(vec![
        step("shared/key/data", Action::Create, vec![], vec![]),
        step("outreach/role/send", Action::Update, vec![], vec![]),
        step("outreach/function/send", Action::Create, vec![], vec![]),
        step("outreach/rest api/outreach", Action::Create, vec![], vec![]),
        step("shared/table/audit", Action::Create, vec![], vec![]),
        step("shared/topic/alerts", Action::Create, vec![], vec![]),
    ]);
    plan.steps[2].after = BTreeSet::from([StepId(1), StepId(2)]);
    plan.steps[3].after = BTreeSet::from([StepId(3)]);
    let report = Report {
        done: BTreeSet::from([StepId(1)]),
        failed: BTreeMap::from([(StepId(2), refused())]),
        skipped: BTreeSet::from([StepId(3), StepId(4), StepId(6)]),
        in_doubt: BTreeSet::from([StepId(5)]),
        interrupted: true,
    };
    (plan, report)
}

#[test]
fn a_plan_reads_verdict_first_then_risks_then_steps() {
    assert_eq!(
        plan_text(&everything(), &wide(80)),
        r#"dev · 9 changes, 1 blocked, 3 need approval, data loss in 1 resource
  · about 1 m 50 s
  1 to create, 6 to update, 1 to replace, 1 to delete · account 123456789012 in
  eu-west-1

  Blocked: a person must act before this can be applied
    shared/table/contacts  changing replica_region would destroy what it holds
      hint: declare a second resource beside it, move the data, then remove this
            one

  Loses data
    shared/queue/mail  messages

  Widens permissions
    outreach/role/send  its holder may s3:* on arn:aws:s3:::dn-dev-reports/*

  Interrupts service
    shared/queue/mail  deleted and made again, because fifo cannot be changed

  Changed outside: will be put back
    financial/alarm/5xx  threshold

  ~ outreach/rest api/outreach  rate_rps 25 → 50
  ~ shared/table/audit          index.by_day absent → {hash: day, range: at}
      index backfill: about 5 m
  ~ shared/table/contacts       replica_region eu-central-1 → absent (blocked)
  ~ outreach/role/send          policy +1 -1  widens permissions
              {
                "Action": [
        -         "s3:GetObject"
        +         "s3:*"
                ],
                "Effect": "Allow",
  ! financial/alarm/5xx         threshold "5" → "3"
      changed outside: will be put back
  ~ outreach/function/send      3 fields
      environment.QUEUE  absent → (after shared/queue/mail)
      key
        - arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-1111-2222-3333444
            45555
        + (after shared/key/data)
      memory_mb  128 → 512
  ± shared/queue/mail           fifo false → true (replaces it)
      loses data, interrupts
  + shared/key/data             1 field
  - operations/log group/old    dn-dev-old
  124 unchanged

  Left out: 2 resources
    excluded by name: reports/bucket/reports
    needs reports/bucket/reports, which is excluded and not there:
      reports/function/nightly

  To know
    shared/topic/alerts  ops@example.com has not confirmed yet
"#
    );
}

#[test]
fn a_wide_terminal_has_a_column_of_notes() {
    assert_eq!(
        plan_text(&everything(), &wide(140)),
        r#"dev · 9 changes, 1 blocked, 3 need approval, data loss in 1 resource · about 1 m 50 s
  1 to create, 6 to update, 1 to replace, 1 to delete · account 123456789012 in eu-west-1

  Blocked: a person must act before this can be applied
    shared/table/contacts  changing replica_region would destroy what it holds
      hint: declare a second resource beside it, move the data, then remove this one

  Loses data
    shared/queue/mail  messages

  Widens permissions
    outreach/role/send  its holder may s3:* on arn:aws:s3:::dn-dev-reports/*

  Interrupts service
    shared/queue/mail  deleted and made again, because fifo cannot be changed

  Changed outside: will be put back
    financial/alarm/5xx  threshold

  ~ outreach/rest api/outreach  rate_rps 25 → 50
  ~ shared/table/audit          index.by_day absent → {hash: day, range: at}    index backfill: about 5 m
  ~ shared/table/contacts       replica_region eu-central-1 → absent (blocked)
  ~ outreach/role/send          policy +1 -1                                    widens permissions
              {
                "Action": [
        -         "s3:GetObject"
        +         "s3:*"
                ],
                "Effect": "Allow",
  ! financial/alarm/5xx         threshold "5" → "3"                             changed outside: will be put back
  ~ outreach/function/send      3 fields
      environment.QUEUE  absent → (after shared/queue/mail)
      key  arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-1111-2222-333344445555 → (after shared/key/data)
      memory_mb  128 → 512
  ± shared/queue/mail           fifo false → true (replaces it)                 loses data, interrupts
  + shared/key/data             1 field
  - operations/log group/old    dn-dev-old
  124 unchanged

  Left out: 2 resources
    excluded by name: reports/bucket/reports
    needs reports/bucket/reports, which is excluded and not there: reports/function/nightly

  To know
    shared/topic/alerts  ops@example.com has not confirmed yet
"#
    );
}

#[test]
fn nothing_to_do_is_said_in_one_line() {
    assert_eq!(
        plan_text(&plan_of(vec![]), &wide(80)),
        "\
dev · nothing to do
  account 123456789012 in eu-west-1

  124 unchanged
"
    );
}

#[test]
fn drift_tells_declared_from_live() {
    assert_eq!(
        drift_text(&drifted(), &wide(80)),
        r#"dev · 2 fields changed in 2 resources, 1 missing, 1 unmanaged, 1 accepted

  ! financial/alarm/5xx
      threshold  declared "3", live "5"
      known: its topic was deleted
      threshold set with PutMetricAlarm by bo, 2026-11-22 18:13:29 UTC
      last change: PutMetricAlarm by ann, 2026-11-22 18:14:29 UTC
  ! outreach/role/send
      policy  +1 -1 (- declared, + live)
              {
                "Action": [
        -         "s3:GetObject"
        +         "s3:*"
                ],
                "Effect": "Allow",
      that is: policy: wider than declared: its holder may s3:*

  Missing: declared and not there
    shared/topic/alerts

  Unmanaged: there and not declared
    reports/bucket/old (dn-dev-old)

  Accepted
    shared/queue/work  visibility_s: accepted until 2026-03-31: a slow campaign

  3 of 5 resources compared, in 41 fields
  left out: reports/bucket/reports (excluded by name)
  7 tagged resources in the account: 4 ours, 2 of others, 1 of nobody
"#
    );
}

#[test]
fn history_is_newest_first_and_names_what_went_wrong() {
    assert_eq!(
        history_text(&runs(), &wide(80)),
        "\
2026-11-22 21:14:29 UTC  apply never ended: 0 of 3 steps  anna@laptop as
    deployer  run dev-3  plan 0123456789abcdef
    ~ shared/queue/mail
        begun, and its end is not known
2026-11-22 20:14:29 UTC  apply partly done: 1 of 3 steps in 1 m 50 s
    anna@laptop as deployer  run dev-2  plan 0123456789abcdef
    ~ shared/queue/mail
        failed: sqs:SetQueueAttributes: AccessDenied: no
2026-11-22 19:14:29 UTC  apply done: 3 of 3 steps in 1 m 50 s  anna@laptop as
    deployer  run dev-1  plan 0123456789abcdef
"
    );
}

#[test]
fn a_report_says_what_failed_and_how_to_go_on() {
    let (plan, report) = report();
    assert_eq!(
        report_text(&plan, &report, &wide(80)),
        "\
dev · 1 of 6 steps done, 1 failed, 1 in doubt, 3 not begun · interrupted

  Failed
    ~ outreach/role/send
      iam:PutRolePolicy: AccessDenied: User:
        arn:aws:sts::123456789012:assumed-role/deployer/anna is not authorized
      hint: the role `deployer` lacks iam:PutRolePolicy

  Begun, and the end is not known
    + shared/table/audit

  Not begun
    after outreach/role/send  outreach/function/send, outreach/rest api/outreach
    the run had stopped  shared/topic/alerts

  To go on: solve what failed, then run the same command again: what is done is
    not done twice
"
    );
}

#[test]
fn a_fault_has_its_hint_on_a_line_of_its_own() {
    let stale = Fault::Stale { address: Box::new(at("a/b/c")), found: "it exists by now".into() };
    assert_eq!(
        faults_text(&[refused(), stale], &wide(80)),
        "\
error: outreach/role/send: iam:PutRolePolicy: AccessDenied: User:
       arn:aws:sts::123456789012:assumed-role/deployer/anna is not authorized
 hint: the role `deployer` lacks iam:PutRolePolicy
error: a/b/c is not what the plan saw: it exists by now
 hint: make a new plan: it shows what is there now
"
    );
}

#[test]
fn a_failure_of_several_lines_keeps_them() {
    let message = "2 of the steps must not run\n       a/b/c: it is locked\n         unlock it";
    let failure = exit::Failure::error(message).hint("do that");
    assert_eq!(
        failure_text(&failure, &wide(80)),
        "\
error: 2 of the steps must not run
       a/b/c: it is locked
         unlock it
 hint: do that
"
    );
}

#[test]
fn a_quiet_plan_is_the_verdict_and_the_risks() {
    let (whole, quiet) = (everything(), Style { quiet: true, ..wide(80) });
    let text = plan_text(&whole, &quiet);
    assert!(
        text.starts_with("dev · 9 changes, 1 blocked, 3 need approval, data loss in 1 resource\n"),
        "{text}"
    );
    assert!(
        text.ends_with("Changed outside: will be put back\n    financial/alarm/5xx  threshold\n"),
        "{text}"
    );
}

#[test]
fn a_first_plan_is_grouped_and_names_everything() {
    let text = plan_text(&first(), &wide(80));
    assert_eq!(text.lines().count(), 38, "{text}");
    assert!(text.starts_with("dev · 70 changes, no data loss · about 1 m 50 s\n  70 to create · "), "{text}");
    let group = "\
  + dn_api/role            3  audit, send, webhook
  + dn_api/table           3  audit, send, webhook
                              (becoming active: about 20 s)
";
    assert!(text.contains(group), "{text}");
}

#[test]
fn a_group_says_each_thing_once_and_of_the_slow_the_slowest() {
    let mut plan = first();
    for (seconds, step) in (1..).zip(&mut plan.steps) {
        step.notes.push(Note::TakesLong { seconds, why: "index backfill".into() });
        step.notes.push(Note::Irreversible { why: "it is for ever".into() });
    }
    let text = plan_text(&plan, &wide(140));
    let row =
        "shared/function        3  audit, send, webhook  (cannot be undone; index backfill: about 59 s)\n";
    assert!(text.contains(row), "{text}");
}

#[test]
fn a_destruction_is_grouped_like_a_birth() {
    let mut plan = first();
    plan.steps.iter_mut().for_each(|step| {
        step.action = Action::Delete;
        step.notes.clear();
    });
    let text = plan_text(&plan, &wide(80));
    assert!(text.contains("  - shared/table           3  audit, send, webhook\n"), "{text}");
}

#[test]
fn colour_adds_nothing_but_escape_codes() {
    let (plan, report) = report();
    let all = |style: &Style| {
        [
            plan_text(&everything(), style),
            plan_text(&first(), style),
            drift_text(&drifted(), style),
            history_text(&runs(), style),
            report_text(&plan, &report, style),
            faults_text(&[refused()], style),
        ]
    };
    let plain = all(&wide(100));
    let coloured = all(&Style { colour: true, ..wide(100) });
    for (plain, coloured) in plain.iter().zip(&coloured) {
        assert!(!plain.contains('\u{1b}'));
        assert!(coloured.contains("\u{1b}["));
        let stripped: String = anstream::adapter::strip_str(coloured).to_string();
        assert_eq!(*plain, stripped);
    }
    assert!(coloured[0].contains("\u{1b}[31mBlocked"), "{}", coloured[0]);
    assert!(
        coloured[0].contains("\u{1b}[32m+ \u{1b}[0m\u{1b}[1mshared/key/data\u{1b}[0m"),
        "{}",
        coloured[0]
    );
}

#[test]
fn reports_say_how_to_go_on() {
    let (plan, mut report) = report();
    let ends = |report: &Report, end: &str| {
        let text = report_text(&plan, report, &wide(140));
        assert!(text.trim_end().ends_with(end), "{text}");
    };
    report.failed = BTreeMap::new();
    ends(&report, "To go on: run the same command again: what is done is not done twice");
    let stale =
        Fault::Stale { address: Box::new(at("outreach/role/send")), found: "it is gone by now".into() };
    report.failed = BTreeMap::from([(StepId(2), stale)]);
    ends(&report, "because AWS is not what this one saw: what is done stays done");
    (report.done, report.in_doubt) = (BTreeSet::new(), BTreeSet::new());
    ends(&report, "nothing was changed, because AWS is not what the plan saw: make a new plan");
    let complete = Report { done: (1..=6).map(StepId).collect(), ..Report::default() };
    assert_eq!(report_text(&plan, &complete, &wide(80)), "dev · done: 6 steps\n");
}
