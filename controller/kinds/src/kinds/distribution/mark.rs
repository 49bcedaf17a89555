//! Whose a thing of CloudFront is: most of them cannot be tagged, so their comment says it (aws-semantics 1.8).
//!
//! A comment is the author's words followed by `[project/stage address]`. A declared resource is found by its name;
//! the mark finds what is no longer declared, and tells others that it is taken.

use model::{Address, Fault, fields::hex};
use sha2::{Digest, Sha256};

use crate::{Place, Scope};

/// What is shown instead of an empty comment that lacks its mark, so that the difference is seen.
const UNMARKED: &str = "(not marked)";

fn mark(scope: &Scope, address: &Address) -> String {
    format!("[{}/{} {address}]", scope.project, scope.stage)
}

/// The author's words and the mark behind them.
pub(in crate::kinds) fn marked(scope: &Scope, address: &Address, words: &str) -> String {
    match words {
        "" => mark(scope, address),
        words => format!("{words} {}", mark(scope, address)),
    }
}

/// The author's words inside a live comment. One without the right mark is shown whole, so that it differs.
pub(in crate::kinds) fn words(scope: &Scope, address: &Address, live: &str) -> String {
    match live.strip_suffix(mark(scope, address).as_str()) {
        Some("") => String::new(),
        Some(words) if words.ends_with(' ') => words[..words.len() - 1].to_owned(),
        _ if live.is_empty() => UNMARKED.to_owned(),
        _ => live.to_owned(),
    }
}

/// `project/stage` and address at the end of a comment.
fn read(live: &str) -> Option<(&str, Address)> {
    let inside = live.strip_suffix(']')?.rsplit_once('[')?.1;
    let (stage, address) = inside.split_once(' ')?;
    Some((stage, address.parse().ok()?))
}

/// The address in a comment that carries this stage's mark.
pub(in crate::kinds) fn owned_address(scope: &Scope, live: &str) -> Option<Address> {
    let (stage, address) = read(live)?;
    (stage == format!("{}/{}", scope.project, scope.stage)).then_some(address)
}

/// Refuses what carries the mark of another stage or project. `words` are as [`words`] gave them: a mark of our own
/// is not in them.
pub(in crate::kinds) fn refuse_other(scope: &Scope, at: &Place, words: &str) -> Result<(), Fault> {
    match read(words) {
        Some((stage, other)) if owned_address(scope, words).is_none() => {
            let message = format!("belongs to {other} of stage {stage}");
            Err(Fault::refused(&at.address, message)
                .hint("give this resource another name in the environment, or release that one there"))
        }
        _ => Ok(()),
    }
}

/// Refuses a comment that does not fit beside its mark.
pub(in crate::kinds) fn check_length(comment: &str, most: usize, at: &Place) -> Result<(), Fault> {
    match comment.chars().count() {
        length if length > most => {
            let message = format!("its comment has {length} characters with the mark that says whose it is");
            Err(Fault::refused(&at.address, message).hint(format!("CloudFront takes {most}: shorten it")))
        }
        _ => Ok(()),
    }
}

/// A reference that is the same whenever the same birth is asked for, and another one for each generation: CloudFront
/// takes none twice, not even after a deletion.
pub(in crate::kinds) fn caller_reference(scope: &Scope, at: &Place, generation: u32) -> String {
    let text = format!("{}\0{}\0{}\0{}\0{generation}", scope.project, scope.stage, at.address, at.name());
    format!("dn-{}", hex(&Sha256::digest(text.as_bytes())[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(stage: &str) -> Scope {
        Scope {
            project: "dn".to_owned(),
            stage: stage.to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            names: std::collections::BTreeMap::new(),
            tags: model::Tags::new(),
        }
    }

    fn place() -> Place {
        let address = "media/key group/links".parse().unwrap();
        Place { address, physical: "dn-test-links".to_owned(), tags: model::Tags::new() }
    }

    #[test]
    fn a_comment_says_whose_it_is_and_gives_its_words_back() {
        let (scope, at) = (scope("test"), place());
        for words_in in ["", "signs [all] links", " "] {
            let live = marked(&scope, &at.address, words_in);
            assert_eq!(words(&scope, &at.address, &live), words_in);
            assert_eq!(owned_address(&scope, &live).as_ref(), Some(&at.address));
        }
        for live in ["", "by hand", "[dn/test]", "[dn/test media/key group/links] more"] {
            assert_ne!(words(&scope, &at.address, live), "", "{live}");
            assert_eq!(owned_address(&scope, live), None, "{live}");
            assert!(refuse_other(&scope, &at, live).is_ok(), "{live}");
        }
    }

    #[test]
    fn another_stage_is_another_owner() {
        let (ours, theirs, at) = (scope("test"), scope("test-eu"), place());
        let live = marked(&theirs, &at.address, "links");
        assert_eq!(owned_address(&ours, &live), None);
        let fault = refuse_other(&ours, &at, &words(&ours, &at.address, &live)).unwrap_err();
        assert!(
            fault.to_string().contains("belongs to media/key group/links of stage dn/test-eu"),
            "{fault}"
        );
    }

    #[test]
    fn references_tell_stages_names_and_generations_apart() {
        let (scope, at) = (scope("test"), place());
        let first = caller_reference(&scope, &at, 0);
        assert_eq!(first, caller_reference(&scope, &at, 0));
        assert_ne!(first, caller_reference(&scope, &at, 1));
        assert_ne!(first, caller_reference(&scope, &Place { physical: "other".to_owned(), ..at }, 0));
    }
}
