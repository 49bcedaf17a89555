//! What a person wants: for each stream and for everything, the latest choice with its time.
//!
//! Choices come by several ways, late, twice and out of order. Each is a value with its time, and the later
//! one wins; of two at the same millisecond the opt-out does. So all orders end in the same state.

use std::collections::BTreeMap;

use contract::{stream::Stream, subscription::Status};

/// A choice and when it was made, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    pub status: Status,
    pub at_ms: i64,
}

impl Choice {
    /// Who has said nothing gets mail: the default of every topic.
    const UNSAID: Self = Self { status: Status::OptIn, at_ms: i64::MIN };

    fn merge(self, other: Self) -> Self {
        let rank = |one: &Self| (one.at_ms, one.status == Status::OptOut);
        if rank(&other) > rank(&self) { other } else { self }
    }
}

/// A wish: the new status of some streams, and of everything at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    pub streams: BTreeMap<Stream, Status>,
    /// `OptOut`: no mail at all. `OptIn`: the streams decide again.
    pub everything: Option<Status>,
}

impl Wish {
    /// No more mail of this stream.
    #[must_use]
    pub fn leave(stream: Stream) -> Self {
        Self { streams: BTreeMap::from([(stream, Status::OptOut)]), everything: None }
    }

    /// No more mail. Each stream is left too, so that who joins one again has joined no other.
    #[must_use]
    pub fn leave_everything() -> Self {
        let streams = Stream::ALL.into_iter().map(|stream| (stream, Status::OptOut)).collect();
        Self { streams, everything: Some(Status::OptOut) }
    }

    /// These statuses; one opt-in among them lifts an opt-out from everything.
    #[must_use]
    pub fn set(streams: BTreeMap<Stream, Status>) -> Self {
        let joins = streams.values().any(|status| *status == Status::OptIn);
        Self { streams, everything: joins.then_some(Status::OptIn) }
    }

    /// Mail of this stream again.
    #[must_use]
    pub fn join(stream: Stream) -> Self {
        Self::set(BTreeMap::from([(stream, Status::OptIn)]))
    }
}

/// All choices of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preferences {
    pub streams: BTreeMap<Stream, Choice>,
    pub everything: Option<Choice>,
}

impl Preferences {
    /// Whether mail of this stream may be sent.
    #[must_use]
    pub fn wants(&self, stream: Stream) -> bool {
        !self.left_everything() && self.status(stream) == Status::OptIn
    }

    #[must_use]
    pub fn left_everything(&self) -> bool {
        self.everything.is_some_and(|choice| choice.status == Status::OptOut)
    }

    /// What was said of this stream, whatever was said of everything.
    #[must_use]
    pub fn status(&self, stream: Stream) -> Status {
        self.streams.get(&stream).map_or(Status::OptIn, |choice| choice.status)
    }

    /// When anything was last said; nothing ever: `None`.
    #[must_use]
    pub fn last_ms(&self) -> Option<i64> {
        self.streams.values().chain(&self.everything).map(|choice| choice.at_ms).max()
    }

    /// With a wish that was made at this time. Later choices stay.
    #[must_use]
    pub fn with(&self, wish: &Wish, at_ms: i64) -> Self {
        let choice = |status: Status| Choice { status, at_ms };
        let streams = wish.streams.iter().map(|(stream, status)| (*stream, choice(*status)));
        self.merge(&Self { streams: streams.collect(), everything: wish.everything.map(choice) })
    }

    /// The later choice of each pair.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let mut streams = self.streams.clone();
        for (stream, choice) in &other.streams {
            let known = streams.get(stream).copied().unwrap_or(Choice::UNSAID);
            streams.insert(*stream, known.merge(*choice));
        }
        let everything = match (self.everything, other.everything) {
            (Some(one), Some(two)) => Some(one.merge(two)),
            (one, two) => one.or(two),
        };
        Self { streams, everything }
    }

    /// All that was ever said, as a wish.
    #[must_use]
    pub fn said(&self) -> Wish {
        Wish {
            streams: self.streams.iter().map(|(stream, choice)| (*stream, choice.status)).collect(),
            everything: self.everything.map(|choice| choice.status),
        }
    }

    /// Whether both say the same, whenever it was said.
    #[must_use]
    pub fn agrees(&self, other: &Self) -> bool {
        let said = |of: &Self| (of.left_everything(), Stream::ALL.map(|stream| of.status(stream)));
        said(self) == said(other)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn status() -> impl Strategy<Value = Status> {
        prop_oneof![Just(Status::OptIn), Just(Status::OptOut)]
    }

    fn wish() -> impl Strategy<Value = Wish> {
        prop_oneof![
            prop_oneof![Just(Stream::Outreach), Just(Stream::Financial)].prop_map(Wish::leave),
            Just(Wish::leave_everything()),
            (status(), status()).prop_map(|(one, two)| {
                Wish::set(BTreeMap::from([(Stream::Outreach, one), (Stream::Financial, two)]))
            }),
        ]
    }

    fn after(wishes: &[(Wish, i64)]) -> Preferences {
        wishes.iter().fold(Preferences::default(), |so_far, (wish, at_ms)| so_far.with(wish, *at_ms))
    }

    proptest! {
        #[test]
        fn order_and_repetition_change_nothing(
            wishes in vec((wish(), 0..6_i64), 0..6),
            order in any::<prop::sample::Index>(),
        ) {
            let want = after(&wishes);
            let mut other = wishes.clone();
            other.reverse();
            prop_assert_eq!(&after(&other), &want);
            if !wishes.is_empty() {
                let start = order.index(wishes.len());
                other.rotate_left(start);
                other.push(wishes[start].clone());
                prop_assert_eq!(&after(&other), &want);
            }
        }

        #[test]
        fn who_left_last_gets_no_mail(wishes in vec((wish(), 0..6_i64), 0..6), stream in 0..2_usize) {
            let stream = Stream::ALL[stream];
            prop_assert!(!after(&wishes).with(&Wish::leave(stream), 6).wants(stream));
            prop_assert!(!after(&wishes).with(&Wish::leave_everything(), 6).wants(stream));
            prop_assert!(after(&wishes).with(&Wish::join(stream), 6).wants(stream));
        }
    }

    #[test]
    fn who_left_everything_and_joins_one_gets_that_one_only() {
        let one = after(&[(Wish::leave_everything(), 1), (Wish::join(Stream::Financial), 2)]);
        assert!(one.wants(Stream::Financial) && !one.wants(Stream::Outreach));
        assert!(Preferences::default().wants(Stream::Outreach), "who has said nothing gets mail");
        assert!(Preferences::default().agrees(&after(&[(Wish::join(Stream::Outreach), 1)])));
    }

    #[test]
    fn of_two_choices_at_once_the_opt_out_wins() {
        let (leave, join) = ((Wish::leave(Stream::Outreach), 1), (Wish::join(Stream::Outreach), 1));
        assert!(!after(&[leave.clone(), join.clone()]).wants(Stream::Outreach));
        assert!(!after(&[join, leave]).wants(Stream::Outreach));
    }
}
