//! Comments on a pull request, and values that try to break out of them.

use model::{Action, Note};
use serde_json::json;

use super::{change, drifted, everything, plan_of, step};
use crate::render::{drift_markdown, plan_markdown};

/// Everything a value could try.
const HOSTILE: &[&str] = &[
    "a|b",
    "a|b\n| x | y | z |",
    "`code` ``more``",
    "```\n</details><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "@everyone [link](https://example.com) **bold** #1",
    "www.example.com https://example.com",
    "\\| \\` \u{1b}[31m \u{202e}gnp",
    "$(math)$ ~~gone~~ _em_ ![x](y)",
];

#[test]
fn a_plan_is_a_heading_risks_a_table_and_folded_documents() {
    let text = plan_markdown(&everything());
    let expected = "\
## dev · 9 changes, 1 blocked, 3 need approval, data loss in 1 resource · about 1 m 50 s

1 to create, 6 to update, 1 to replace, 1 to delete · account `123456789012` in `eu-west-1` \
· declarations `0123456789abcdef`

**Blocked: a person must act before this can be applied**

- `shared/table/contacts`: changing replica_region would destroy what it holds
  <br>hint: declare a second resource beside it, move the data, then remove this one

**Loses data**

- `shared/queue/mail`: messages
";
    assert!(text.starts_with(expected), "{text}");
    for line in [
        "| ~ | `outreach/rest api/outreach` | update | `rate_rps 25 → 50` |  |",
        "| ! | `financial/alarm/5xx` | update | `threshold \"5\" → \"3\"` | changed outside: will be put back |",
        "| ± | `shared/queue/mail` | replace | `fifo false → true (replaces it)` | loses data, interrupts |",
        "124 unchanged.",
        "- excluded by name: `reports/bucket/reports`",
        "- `shared/topic/alerts`: ops&#64;&#8203;example.com has not confirmed yet",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is missing in {text}");
    }
    let document = r#"
<details><summary><code>outreach/role/send</code> policy</summary>

```diff
     {
       "Action": [
-        "s3:GetObject"
+        "s3:*"
       ],
       "Effect": "Allow",
```

</details>
"#;
    assert!(text.contains(document), "{text}");
}

#[test]
fn drift_is_a_table_and_lists() {
    let text = drift_markdown(&drifted());
    for line in [
        "## dev · 2 fields changed in 2 resources, 1 missing, 1 unmanaged, 1 accepted",
        "- `outreach/role/send: policy: wider than declared: its holder may s3:*`",
        "- `shared/queue/work: visibility_s: accepted until 2026-03-31: a slow campaign`",
        "| `financial/alarm/5xx` | `threshold` | `\"3\"` | `\"5\"` |",
        "| `outreach/role/send` | `policy` | document | document |",
        "- `shared/topic/alerts`",
        "- `reports/bucket/old (dn-dev-old)`",
        "+        \"s3:*\"",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line} is missing in {text}");
    }
}

/// Cells of a row as GitHub counts them: bars that no backslash escapes.
fn bars(row: &str) -> usize {
    row.matches('|').count()
}

/// The text outside fences, fences closed as CommonMark closes them.
fn outside_fences(text: &str) -> Vec<&str> {
    let mut fence: Option<usize> = None;
    let mut outside = Vec::new();
    for line in text.lines() {
        // Up to three spaces may stand before a fence.
        let line = line.strip_prefix("   ").unwrap_or(line.trim_start_matches(' '));
        let ticks = line.chars().take_while(|c| *c == '`').count();
        match fence {
            None if ticks >= 3 => fence = Some(ticks),
            None => outside.push(line),
            Some(open) if ticks >= open && line.trim_end().len() == ticks => fence = None,
            Some(_) => {}
        }
    }
    assert_eq!(fence, None, "a fence is open at the end");
    outside
}

#[test]
fn values_cannot_break_out() {
    for hostile in HOSTILE {
        let mut document =
            change("policy", json!({"Statement": ["x".repeat(70)]}), json!({"Statement": [hostile]}));
        document.field = format!("tag.{hostile}");
        let notes = vec![
            Note::Widens { gained: vec![(*hostile).to_owned()] },
            Note::Blocked { why: (*hostile).to_owned(), hint: (*hostile).to_owned() },
            Note::TakesLong { seconds: 1, why: (*hostile).to_owned() },
        ];
        let lines = change("text", json!("````\ntwo"), json!(format!("````\n{hostile}\ntwo")));
        let small = change("name", json!("old"), json!(hostile));
        let mut plan = plan_of(vec![step("a/b/c", Action::Update, vec![document, lines, small], notes)]);
        plan.region = (*hostile).to_owned();
        plan.findings.insert(super::at("a/b/d"), vec![(*hostile).to_owned()]);
        let mut drift = drifted();
        drift.unmanaged = vec![(*hostile).to_owned()];
        drift.drifted[0].changes[0].live = json!(hostile);
        drift.drifted[0].causes = vec![(*hostile).to_owned()];
        for (text, columns) in [(plan_markdown(&plan), 5), (drift_markdown(&drift), 4)] {
            let outside = outside_fences(&text);
            for row in outside.iter().filter(|line| line.starts_with('|')) {
                assert_eq!(bars(row), columns + 1, "{row}");
            }
            let prose = without_code(&outside.join("\n"));
            for markup in
                ["<script", "<img", "@everyone", "](", "**bold", "://", "www.", "~~", "$(", "_em_", "\u{1b}"]
            {
                assert!(!prose.contains(markup), "{markup} in {prose}");
            }
            assert_eq!(prose.matches("<details>").count(), prose.matches("</details>").count());
            assert!(!text.contains(['\u{1b}', '\u{202e}']));
        }
    }
}

/// Without code spans, whose content means nothing to Markdown.
fn without_code(text: &str) -> String {
    text.lines().map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join("") + "\n").collect()
}

#[test]
fn a_comment_stays_below_what_github_accepts() {
    let big = |of: &str| (0..400).map(|number| json!(format!("{of} line {number} of many"))).collect();
    let steps = (0..40)
        .map(|number| {
            let document = change("body", big("old"), big("new"));
            step(&format!("operations/dashboard/number-{number}"), Action::Update, vec![document], vec![])
        })
        .collect();
    let text = plan_markdown(&plan_of(steps));
    assert!(text.len() < 65_536, "{} bytes", text.len());
    assert!(text.contains(" not shown: the comment would be too long"), "{}", &text[text.len() - 200..]);
}
