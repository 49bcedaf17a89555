use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use model::journal::{Ending, Event};

use super::*;

/// A bucket in memory; the version of an object counts its writes.
#[derive(Default)]
struct Bucket(Mutex<BTreeMap<String, (Vec<u8>, usize)>>);

impl Bucket {
    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, (Vec<u8>, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn edit(&self, key: &str, edit: impl FnOnce(String) -> String) {
        let mut all = self.all();
        let (bytes, _) = all.get_mut(key).expect("it is there");
        *bytes = edit(String::from_utf8(bytes.clone()).expect("text")).into_bytes();
    }
}

impl Segments for Bucket {
    fn list<'a>(&'a self, prefix: &'a str) -> BoxFuture<'a, Result<Option<Vec<String>>, Fault>> {
        let keys = self.all().keys().filter(|key| key.starts_with(prefix)).cloned().collect();
        Box::pin(async { Ok(Some(keys)) })
    }

    fn read<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<(Vec<u8>, String)>, Fault>> {
        let found = self.all().get(key).map(|(bytes, version)| (bytes.clone(), version.to_string()));
        Box::pin(async { Ok(found) })
    }
}

impl SegmentsMut for Bucket {
    fn create_once<'a>(&'a self, key: &'a str, bytes: &'a [u8]) -> BoxFuture<'a, Result<Place, Fault>> {
        let mut all = self.all();
        let place = if all.contains_key(key) { Place::Taken } else { Place::Written };
        all.entry(key.to_owned()).or_insert_with(|| (bytes.to_vec(), 1));
        Box::pin(async move { Ok(place) })
    }

    fn replace<'a>(
        &'a self,
        key: &'a str,
        bytes: &'a [u8],
        version: &'a str,
    ) -> BoxFuture<'a, Result<bool, Fault>> {
        let mut all = self.all();
        let fits = all.get(key).is_some_and(|(_, now)| now.to_string() == version);
        if fits {
            let next = all[key].1 + 1;
            all.insert(key.to_owned(), (bytes.to_vec(), next));
        }
        Box::pin(async move { Ok(fits) })
    }
}

/// Lines of this many runs, each begun and ended.
fn lines(runs: usize, who: &str) -> String {
    let (mut journal, mut text) = (Journal::default(), String::new());
    for run in 0..runs {
        let begun = Event::Begun {
            run: format!("run-{run}"),
            verb: "apply".into(),
            plan: "p".into(),
            who: who.into(),
            account: "1".into(),
            steps: 0,
        };
        for event in [begun, Event::Ended { how: Ending::Done }] {
            let entry = journal.next(run as u64, event).expect("it follows");
            journal.accept(&entry).expect("it fits");
            text += &(serde_json::to_string(&entry).expect("JSON") + "\n");
        }
    }
    text
}

/// The lines from a number on.
fn from(text: &str, first: usize) -> String {
    text.lines().skip(first - 1).map(|line| format!("{line}\n")).collect()
}

/// Three runs, a segment each.
async fn shipped() -> (Bucket, String) {
    let (bucket, all) = (Bucket::default(), lines(3, "ada"));
    for run in 1..=3 {
        let first = run * 2 - 1;
        let known: String = all.lines().take(run * 2).map(|line| format!("{line}\n")).collect();
        // When it begins, and when it ends.
        let begun = from(&known, first).lines().next().map(|line| format!("{line}\n")).expect("a line");
        assert_eq!(ship(&bucket, first as u64, &begun).await, Ok(true));
        assert_eq!(ship(&bucket, first as u64, &from(&known, first)).await, Ok(true));
    }
    (bucket, all)
}

#[tokio::test]
async fn another_machine_knows_what_was_shipped() {
    let (bucket, all) = shipped().await;
    assert_eq!(fetch(&bucket, "").await, Ok(Fetched::Behind(all.clone())));
    assert_eq!(fetch(&bucket, &all).await, Ok(Fetched::Same));
    for known in 1..6 {
        let local: String = all.lines().take(known).map(|line| format!("{line}\n")).collect();
        assert_eq!(fetch(&bucket, &local).await, Ok(Fetched::Behind(from(&all, known + 1))), "{known}");
    }
    let longer = lines(4, "ada");
    assert_eq!(fetch(&bucket, &longer).await, Ok(Fetched::Ahead(7)));
    assert_eq!(ship(&bucket, 7, &from(&longer, 7)).await, Ok(true));
    assert_eq!(ship(&bucket, 7, &from(&longer, 7)).await, Ok(true), "a lost answer is repeated");
    assert_eq!(fetch(&bucket, "").await, Ok(Fetched::Behind(longer)));
    assert_eq!(fetch(&Bucket::default(), "").await, Ok(Fetched::Same));
    assert_eq!(fetch(&Bucket::default(), &all).await, Ok(Fetched::Ahead(1)), "it began before its bucket");
}

#[tokio::test]
async fn two_writers_cannot_both_go_on() {
    let (bucket, all) = shipped().await;
    let ours = lines(4, "ada");
    let theirs: String = {
        let mut journal = Journal::replay(&all).expect("whole").0;
        let (run, verb, plan) = ("x".into(), "apply".into(), "p".into());
        let event = Event::Begun { run, verb, plan, who: "bob".into(), account: "1".into(), steps: 0 };
        let entry = journal.next(9, event).expect("it follows");
        journal.accept(&entry).expect("it fits");
        serde_json::to_string(&entry).expect("JSON") + "\n"
    };
    assert_eq!(ship(&bucket, 7, &theirs).await, Ok(true));
    assert!(ship(&bucket, 7, &from(&ours, 7)).await.is_err(), "the second one is told");
    let whole = format!("{all}{theirs}");
    assert_eq!(fetch(&bucket, &ours).await, Ok(Fetched::Forked(whole)));
}

async fn refusal(bucket: &Bucket, local: &str) -> String {
    match fetch(bucket, local).await {
        Err(fault) => fault.to_string(),
        Ok(fetched) => panic!("nothing was noticed: {fetched:?}"),
    }
}

const SECOND: &str = "journal/000000000003.jsonl";
const THIRD: &str = "journal/000000000005.jsonl";

#[tokio::test]
async fn what_was_edited_is_found() {
    let (bucket, all) = shipped().await;
    bucket.edit(SECOND, |text| text.replace("ada", "eve"));
    assert!(refusal(&bucket, "").await.contains("line 3 of the journal was altered"));
    let local: String = all.lines().take(3).map(|line| format!("{line}\n")).collect();
    assert!(refusal(&bucket, &local).await.contains("line 3 of the journal was altered"));
    // Edited, and every hash after it made anew: the head does not fit.
    let (bucket, _) = shipped().await;
    let forged = lines(3, "eve");
    bucket.edit("journal/000000000001.jsonl", |_| forged.lines().take(2).map(|l| format!("{l}\n")).collect());
    bucket.edit(SECOND, |_| forged.lines().skip(2).take(2).map(|l| format!("{l}\n")).collect());
    bucket.edit(THIRD, |_| from(&forged, 5));
    assert!(refusal(&bucket, "").await.contains("line 6 of the journal was altered"));
}

#[tokio::test]
async fn what_was_reordered_or_cut_out_is_found() {
    let (bucket, _) = shipped().await;
    bucket.edit(SECOND, |text| text.lines().rev().map(|line| format!("{line}\n")).collect());
    assert!(refusal(&bucket, "").await.contains("cut out or reordered"));
    let (bucket, _) = shipped().await;
    bucket.edit(SECOND, |text| text.lines().take(1).map(|line| format!("{line}\n")).collect());
    assert!(refusal(&bucket, "").await.contains("cut out or reordered"));
    for gone in ["journal/000000000001.jsonl", SECOND] {
        let (bucket, _) = shipped().await;
        bucket.all().remove(gone);
        assert!(refusal(&bucket, "").await.contains("cut out or reordered"), "{gone}");
    }
}

#[tokio::test]
async fn what_was_cut_off_is_found() {
    let (bucket, all) = shipped().await;
    bucket.all().remove(THIRD);
    assert!(refusal(&bucket, "").await.contains("it ends at line 4, and 6 were written"));
    assert!(refusal(&bucket, &all).await.contains("it ends at line 4, and 6 were written"));
    let (bucket, _) = shipped().await;
    bucket.edit(THIRD, |text| text.lines().take(1).map(|line| format!("{line}\n")).collect());
    assert!(refusal(&bucket, "").await.contains("it ends at line 5, and 6 were written"));
    let (bucket, _) = shipped().await;
    bucket.edit(THIRD, |text| text[..text.len() - 9].to_owned());
    assert!(refusal(&bucket, "").await.contains("a line of it was cut"));
    let (bucket, _) = shipped().await;
    bucket.all().remove(HEAD);
    assert!(refusal(&bucket, "").await.contains("its head is gone"));
    let (bucket, _) = shipped().await;
    bucket.all().retain(|key, _| key == HEAD);
    assert!(refusal(&bucket, "").await.contains("it ends at line 0, and 6 were written"));
}
