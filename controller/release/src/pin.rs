//! The one line of an environment that says which release it runs. Everything else is kept byte for byte: comments,
//! order, ends of lines.

const KEY: &str = "release:";
/// Where the line goes when there is none: behind where the stage is.
const BEHIND: &str = "region:";

/// The environment with this release.
#[must_use]
pub fn pinned(text: &str, release: &str) -> String {
    let value = format!(" \"{release}\"");
    let mut out = String::with_capacity(text.len() + value.len() + KEY.len() + 2);
    let mut done = false;
    for line in text.split_inclusive('\n') {
        let (body, end) = ended(line);
        if !done && let Some(old) = body.strip_prefix(KEY).filter(|old| is_value(old)) {
            out += &format!("{KEY}{value}{}{end}", comment(old));
            done = true;
        } else {
            out += line;
        }
    }
    if done { out } else { inserted(text, &format!("{KEY}{value}")) }
}

/// `release:` and not a longer key.
fn is_value(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t'])
}

/// A line and how it ends.
fn ended(line: &str) -> (&str, &str) {
    let body = line.trim_end_matches(['\r', '\n']);
    (body, &line[body.len()..])
}

/// The comment behind a value, with the space before it. A release has no `#` in it.
fn comment(value: &str) -> &str {
    let hash = value.match_indices('#').map(|(at, _)| at);
    let start = hash.into_iter().find(|at| value[..*at].ends_with([' ', '\t']));
    start.map_or("", |at| &value[value[..at].trim_end().len()..])
}

fn inserted(text: &str, entry: &str) -> String {
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.starts_with(BEHIND) && line.ends_with('\n') {
            return format!("{}{entry}{end}{}", &text[..at], &text[at..]);
        }
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { end };
    format!("{text}{gap}{entry}{end}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_changes_and_its_comment_stays() {
        for (before, after) in [
            ("a: 1\nrelease: \"old\"\nb: 2\n", "a: 1\nrelease: \"new\"\nb: 2\n"),
            ("release: old   # of Monday\n", "release: \"new\"   # of Monday\n"),
            ("release:\n", "release: \"new\"\n"),
            ("a: 1\r\nrelease: 'old'\r\n", "a: 1\r\nrelease: \"new\"\r\n"),
            (
                "region: eu # x\nweb:\n  release: no\n",
                "region: eu # x\nrelease: \"new\"\nweb:\n  release: no\n",
            ),
            ("releases: many", "releases: many\nrelease: \"new\"\n"),
            ("# release: old\n", "# release: old\nrelease: \"new\"\n"),
        ] {
            assert_eq!(pinned(before, "new"), after, "{before:?}");
        }
    }

    const LINE: &str = "(release: [a-f0-9]{0,4}( # .{0,5})?|[a-z]{0,8}: ?.{0,9}|#.{0,9}|  .{0,9})";

    proptest! {
        #[test]
        fn other_lines_are_kept_and_a_second_time_changes_nothing(
            lines in prop::collection::vec(LINE, 0..8),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}{end}")).collect();
            let once = pinned(&text, "new");
            prop_assert_eq!(&pinned(&once, "new"), &once);
            let old: Vec<&str> = text.split_inclusive('\n').collect();
            let kept: Vec<&str> = once.split_inclusive('\n').collect();
            let changed = kept.iter().filter(|line| !old.contains(*line)).count();
            prop_assert!(changed <= 1, "{:?} {:?}", text, once);
            prop_assert!(kept.len() == old.len() || kept.len() == old.len() + 1);
        }
    }
}
