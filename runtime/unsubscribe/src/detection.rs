//! What a mail to the unsubscribe address asks for, with the reason that is recorded (R66).

use contract::stream::Stream;
use subscription::Wish;

/// Words that name a stream.
const OUTREACH: [&str; 6] = ["outreach", "newsletter", "newsletters", "campaign", "campaigns", "marketing"];
const FINANCIAL: [&str; 8] =
    ["financial", "finance", "report", "reports", "statement", "statements", "royalty", "royalties"];
/// Words that name everything.
const EVERYTHING: [&str; 4] = ["all", "everything", "anything", "entirely"];
/// What asks to leave, as it stands in a text of single spaces and lower case.
const LEAVE: [&str; 12] = [
    "unsubscribe",
    "unsubscribed",
    "opt out",
    "opt-out",
    "optout",
    "remove me",
    "take me off",
    "stop",
    "no more mail",
    "no more emails",
    "leave me alone",
    "do not contact",
];

/// Lines that begin what the mail answers to: our own footer says "unsubscribe" too.
const QUOTES: [&str; 4] = ["-----original message", "________________", "from:", "-- "];

/// What a mail asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `None`: it asks for nothing that is ours to do.
    pub(crate) wish: Option<Wish>,
    pub(crate) topics: Vec<String>,
    pub(crate) reason: String,
}

/// Infers the streams that a mail asks to leave. `bound` is the stream of its token.
pub(crate) fn asked(subject: &str, text: &str, bound: Option<Stream>) -> Asked {
    let (subject, text) = (plain(subject), plain(&unquoted(text)));
    if subject.is_empty() && text.is_empty() && bound.is_none() {
        // Some programs lose the subject of a mailto link.
        return everything("an empty mail to the unsubscribe address");
    }
    let found = [("subject", &subject), ("body", &text)].into_iter().find_map(|(place, text)| {
        LEAVE.iter().find(|words| says(text, words)).map(|words| (place, *words, text))
    });
    let Some((place, words, within)) = found else {
        return Asked { wish: None, topics: Vec::new(), reason: "nothing asks to leave".to_owned() };
    };
    let has = |words: &[&str]| words.iter().any(|word| says(within, word));
    let found = format!("\"{words}\" in the {place}");
    if has(&EVERYTHING) {
        return everything(&format!("{found}, and a word for everything"));
    }
    let named = match (has(&OUTREACH), has(&FINANCIAL)) {
        (true, false) => Some(vec![Stream::Outreach]),
        (false, true) => Some(vec![Stream::Financial]),
        (true, true) => Some(vec![Stream::Outreach, Stream::Financial]),
        (false, false) => None,
    };
    match (named, bound) {
        (Some(streams), _) => leave(&streams, format!("{found}, and words for these topics")),
        (None, Some(stream)) => leave(&[stream], format!("{found}, and the topic of the token")),
        (None, None) => everything(&format!("{found}, and no topic")),
    }
}

fn leave(streams: &[Stream], reason: String) -> Asked {
    let wish = streams.iter().fold(Wish::default(), |mut wish, stream| {
        wish.streams.extend(Wish::leave(*stream).streams);
        wish
    });
    let topics = streams.iter().map(|stream| stream.topic().to_owned()).collect();
    Asked { wish: Some(wish), topics, reason }
}

fn everything(reason: &str) -> Asked {
    let topics = Stream::ALL.map(|stream| stream.topic().to_owned()).to_vec();
    Asked { wish: Some(Wish::leave_everything()), topics, reason: reason.to_owned() }
}

/// Lower case, single spaces, and nothing that is as long as a token.
fn plain(text: &str) -> String {
    let words = text.split_whitespace().filter(|word| word.len() < 64).map(str::to_lowercase);
    words.collect::<Vec<_>>().join(" ")
}

/// Whether these words stand in the text, not within other words.
fn says(text: &str, words: &str) -> bool {
    let part = |one: char| one.is_alphanumeric() || one == '_';
    text.match_indices(words)
        .any(|(at, _)| !text[..at].ends_with(part) && !text[at + words.len()..].starts_with(part))
}

/// What the sender wrote, without what it answers to.
pub(crate) fn unquoted(text: &str) -> String {
    let answered = |line: &str| {
        let line = line.trim_start().to_lowercase();
        QUOTES.iter().any(|mark| line.starts_with(mark)) || line.trim_end().ends_with("wrote:")
    };
    let own = text.lines().take_while(|line| !answered(line));
    own.filter(|line| !line.trim_start().starts_with('>')).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_inferred_from_subject_then_body() {
        let outreach = || Some(Wish::leave(Stream::Outreach));
        let financial = || Some(Wish::leave(Stream::Financial));
        let everything = || Some(Wish::leave_everything());
        for (subject, text, bound, want) in [
            ("unsubscribe outreach", "", None, outreach()),
            ("Unsubscribe FINANCIAL", "", None, financial()),
            ("unsubscribe", "", None, everything()),
            ("unsubscribe", "", Some(Stream::Financial), financial()),
            ("unsubscribe all", "", Some(Stream::Financial), everything()),
            ("", "", None, everything()),
            ("", "", Some(Stream::Outreach), None),
            ("Hello", "Please take me  off\nthe newsletter", None, outreach()),
            ("Hello", "Please opt-out of these reports.", None, financial()),
            ("Hello", "STOP", None, everything()),
            ("Hello", "When is the next statement?", None, None),
            ("Re: your report", "Thanks!\n> unsubscribe here", None, None),
            ("Re: news", "Thanks!\nOn Monday Ann wrote:\nunsubscribe", None, None),
            ("Re: news", "Thanks!\n-- \nunsubscribe", None, None),
            ("Nonstop music", "unstoppable", None, None),
        ] {
            let found = asked(subject, text, bound);
            assert_eq!(found.wish, want, "{subject:?} {text:?}: {}", found.reason);
            assert_eq!(found.topics.is_empty(), want.is_none());
        }
    }

    #[test]
    fn both_streams_may_be_named() {
        let found = asked("unsubscribe from newsletter and reports", "", None);
        let wish = found.wish.expect("a wish");
        assert_eq!((wish.streams.len(), wish.everything), (2, None));
        assert_eq!(found.topics, ["outreach", "financial"]);
        assert_eq!(found.reason, "\"unsubscribe\" in the subject, and words for these topics");
    }
}
