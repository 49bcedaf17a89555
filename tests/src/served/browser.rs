//! The links of a sent mail, as scanners, mailbox providers and people follow them: the real functions behind
//! the gateway of `dn serve`, and a browser that is driven by its keyboard only.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
};

use contract::stream::Stream;
use sandbox::Account;
use serde_json::{Value, json};

use super::{
    Served,
    chromium::{Browser, ENTER, SHIFT, SPACE, TAB},
    http::ask,
    served, served_alone,
};

#[test]
fn a_person_with_a_keyboard_uses_the_preference_page() {
    let browser = match Browser::start() {
        Ok(browser) => browser,
        Err(why) => {
            assert!(!in_ci(), "the preference page in a browser: {why}");
            // Past the test harness, which hides what passing tests print.
            let _ = writeln!(
                std::io::stderr(),
                "\n*** SKIPPED: the preference page was not driven in a browser: {why}\n"
            );
            return;
        }
    };
    let desk = Desk { served: &served(), browser: &browser };
    desk.a_person_reads_and_chooses();
    desk.a_person_leaves_everything_and_comes_back();
    desk.an_old_link_shows_nothing_and_unsubscribes();
    desk.a_broken_link_says_what_to_do();
    desk.the_page_of_the_other_stream_opens_its_own();
    desk.nothing_foreign_was_loaded();
    desk.the_checks_see_what_is_wrong();
}

#[expect(clippy::disallowed_methods, reason = "CI sets it, and a skipped test there would be a lie")]
fn in_ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Every link of a mail: of its headers, its text and its HTML.
fn links(mail: &Value) -> BTreeSet<String> {
    let mut texts =
        vec![mail["text"].as_str().unwrap_or_default(), mail["html"].as_str().unwrap_or_default()];
    let headers = mail["headers"].as_array().into_iter().flatten();
    texts.extend(headers.filter_map(|header| header[1].as_str()));
    let ends = |one: char| one.is_whitespace() || "\"'<>,".contains(one);
    let links = |text: &str| -> Vec<String> {
        let starts = text.match_indices("http");
        let link = |(at, _): (usize, &str)| text[at..].split(ends).next().unwrap_or_default().to_owned();
        starts.map(link).filter(|link| link.contains("://")).collect()
    };
    texts.into_iter().flat_map(links).collect()
}

/// The link that a person sees in a mail.
fn shown_link(served: &Served, mail: &Value) -> String {
    let text = mail["text"].as_str().expect("a text");
    let at = text.find("https://").expect("a link");
    served.local(text[at..].split_whitespace().next().expect("a link"))
}

/// Every row of every table, and every contact of the list.
fn everything(account: &Account) -> BTreeMap<String, Vec<String>> {
    let kept = account.documents().into_iter();
    let kept = kept.filter(|(name, _)| ["dynamodb", "ses"].iter().any(|of| name.starts_with(of)));
    kept.map(|(name, document)| (name.clone(), vec![format!("{document:?}")])).collect()
}

/// Mail scanners fetch every link, and post to none (A6).
#[test]
fn scanners_that_follow_every_link_of_a_mail_change_nothing() {
    let served = &*served_alone();
    let mail = served.sent_to("scanned@example.com");
    let links = links(&mail);
    assert!(!links.is_empty(), "{mail}");
    let before = everything(&served.account());
    assert!(before.len() > 5, "tables and the list are there: {:?}", before.keys());
    for link in links {
        let link = served.local(&link);
        for method in ["GET", "HEAD"] {
            for accept in ["*/*", "text/html", "application/json"] {
                let answer = ask(method, &link, &[("accept", accept), ("user-agent", "scanner")], "");
                assert_eq!(answer.status, 200, "{method} {accept}: {}", answer.body);
                assert_eq!(answer.body.is_empty(), method == "HEAD", "{method} {accept}: {}", answer.body);
            }
        }
    }
    let after = everything(&served.account());
    let changed: Vec<&String> = after.keys().filter(|name| before.get(*name) != after.get(*name)).collect();
    assert!(changed.is_empty() && before.len() == after.len(), "{changed:?}");
    // What is compared does change when something happens.
    assert_eq!(Served::one_click(&shown_link(served, &mail)).status, 200);
    assert_ne!(everything(&served.account()), before);
}

/// RFC 8058: the address of the header, no cookie, no login, no redirect.
#[test]
fn a_mailbox_provider_unsubscribes_by_one_click() {
    let served = &*served();
    let mail = served.sent_to("provided@example.com");
    let headers = mail["headers"].as_array().expect("headers");
    let value = |name: &str| {
        let header = headers.iter().find(|header| header[0] == name).expect("a header");
        header[1].as_str().expect("a text")
    };
    assert_eq!(value("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let parts = value("List-Unsubscribe").split(", ").map(|part| part.trim_matches(['<', '>']));
    let link = served.local(parts.into_iter().find(|part| part.starts_with("https:")).expect("a link"));
    let answer = Served::one_click(&link);
    assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
    let topics = json!({ "outreach": "OPT_OUT", "financial": "OPT_IN" });
    assert_eq!(served.state(&link)["preferences"]["topicPreferences"], topics);
}

/// A person with a keyboard before the page.
struct Desk<'a> {
    served: &'a Served,
    browser: &'a Browser,
}

impl Desk<'_> {
    fn open(&self, link: &str, title: &str) {
        self.browser.open(link);
        assert_eq!(self.browser.run("return document.title"), title);
        self.is_accessible();
        assert_eq!(self.browser.complaints(), Vec::<String>::new());
    }

    /// In both colours, and on a narrow screen (WCAG 1.4.10).
    fn is_accessible(&self) {
        for scheme in ["light", "dark"] {
            self.browser.prefer(scheme);
            let (broken, kept) = self.browser.accessibility();
            assert!(broken.is_empty() && kept >= 10, "{scheme}, {kept} rules are kept: {broken:#?}");
        }
        self.browser.prefer("");
        self.browser.width(320);
        let fits = "return document.documentElement.scrollWidth <= 320";
        assert_eq!(self.browser.run(fits), true, "nothing is cut off on a narrow screen");
        self.browser.width(0);
    }

    /// Goes through the page by Tab, which shows where it is.
    fn tabs(&self, order: &[&str]) {
        for want in order {
            self.browser.press(&[TAB]);
            assert_eq!(self.browser.focus(), *want);
            assert!(self.browser.shows_focus(), "{want} shows that it has the focus");
        }
    }

    fn checked(&self) -> Value {
        self.browser.run("return [...document.querySelectorAll('input:checked')].map(box => box.value)")
    }

    fn status(&self) -> Value {
        self.browser.run("return document.querySelector('[role=status]')?.innerText ?? null")
    }

    fn topics(&self, link: &str) -> (Value, bool) {
        let preferences = self.served.state(link)["preferences"].clone();
        (preferences["topicPreferences"].clone(), preferences["unsubscribeAll"] == true)
    }

    fn a_person_reads_and_chooses(&self) {
        let link = shown_link(self.served, &self.served.sent_to("ann@example.com"));
        self.open(&link, "Your mail from Distro Nation");
        assert!(self.browser.text().contains("ann@example.com"));
        assert_eq!((self.checked(), self.status()), (json!(["outreach", "financial"]), Value::Null));
        self.tabs(&["keep-outreach", "keep-financial", "save", "nothing"]);
        self.browser.press(&[SHIFT, TAB, TAB]);
        assert_eq!(self.browser.focus(), "keep-financial");
        self.browser.press(&[SPACE]);
        assert_eq!(self.checked(), json!(["outreach"]));
        self.tabs(&["save"]);
        self.browser.press_and_load(ENTER);
        assert_eq!(self.status(), "Your choice is saved.");
        assert_eq!(self.checked(), json!(["outreach"]));
        self.is_accessible();
        let (topics, all) = self.topics(&link);
        assert_eq!((topics, all), (json!({ "outreach": "OPT_IN", "financial": "OPT_OUT" }), false));
    }

    fn a_person_leaves_everything_and_comes_back(&self) {
        let link = shown_link(self.served, &self.served.sent_to("bob@example.com"));
        self.open(&link, "Your mail from Distro Nation");
        self.tabs(&["keep-outreach", "keep-financial", "save", "nothing"]);
        self.browser.press_and_load(SPACE);
        assert_eq!(self.status(), "You get no more mail from us.");
        assert_eq!((self.checked(), self.topics(&link).1), (json!([]), true));
        self.is_accessible();
        // The list of the other stream is opened by its own mail only: Tab passes it over.
        self.tabs(&["keep-outreach"]);
        self.browser.press(&[SPACE]);
        self.tabs(&["save"]);
        self.browser.press_and_load(ENTER);
        assert_eq!((self.checked(), self.status()), (json!(["outreach"]), json!("Your choice is saved.")));
        let (topics, all) = self.topics(&link);
        assert_eq!((topics, all), (json!({ "outreach": "OPT_IN", "financial": "OPT_OUT" }), false));
        assert!(self.served.sent_to("bob@example.com").is_object(), "mail goes out again");
    }

    fn an_old_link_shows_nothing_and_unsubscribes(&self) {
        let old = self.served.old_link("cid@example.com", Stream::Outreach, 31);
        self.open(&old, "Unsubscribe");
        assert!(!self.browser.text().contains("cid@example.com"));
        self.tabs(&["leave"]);
        self.browser.press_and_load(ENTER);
        assert!(self.status().as_str().is_some_and(|text| text.starts_with("You get no more mail of")));
        assert!(!self.browser.text().contains("cid@example.com"));
        self.is_accessible();
        let new = self.served.old_link("cid@example.com", Stream::Outreach, 0);
        assert_eq!(self.topics(&new).0, json!({ "outreach": "OPT_OUT", "financial": "OPT_IN" }));
    }

    fn a_broken_link_says_what_to_do(&self) {
        let link = self.served.old_link("dee@example.com", Stream::Outreach, 0);
        let cut = &link[..link.len() - 5];
        self.browser.open(cut);
        assert_eq!(self.browser.run("return document.title"), "This did not work");
        let alert = "return document.querySelector('[role=alert]').innerText";
        assert_eq!(self.browser.run(alert), "The unsubscribe link is not valid");
        assert!(!self.browser.text().contains("dee@example.com"));
        self.is_accessible();
        let complaints = self.browser.complaints();
        let expected = |text: &String| text.starts_with(cut) && text.contains("status of 400");
        assert!(complaints.iter().all(expected), "nothing but the status itself: {complaints:?}");
    }

    fn the_page_of_the_other_stream_opens_its_own(&self) {
        let link = self.served.old_link("eve@example.com", Stream::Financial, 0);
        self.open(&link, "Your mail from Distro Nation");
        self.tabs(&["keep-outreach", "keep-financial", "save", "nothing"]);
        self.browser.press_and_load(ENTER);
        self.tabs(&["keep-financial"]);
        self.browser.press(&[SPACE]);
        self.tabs(&["save"]);
        self.browser.press_and_load(ENTER);
        assert_eq!(self.topics(&link).0, json!({ "outreach": "OPT_OUT", "financial": "OPT_IN" }));
    }

    fn nothing_foreign_was_loaded(&self) {
        assert_eq!(self.browser.complaints(), Vec::<String>::new());
        let asked = self.browser.asked_for();
        assert!(asked.len() > 10, "requests are seen: {asked:?}");
        let ours = |url: &&String| {
            [&self.served.outreach, &self.served.financial].iter().any(|base| {
                url.strip_prefix(base.as_str()).is_some_and(|path| path.contains("/unsubscribe?data="))
            })
        };
        let foreign: Vec<&String> = asked.iter().filter(|url| !ours(url)).collect();
        assert!(foreign.is_empty(), "{foreign:?}");
    }

    /// A page whose field lost its name, and one whose policy is broken.
    fn the_checks_see_what_is_wrong(&self) {
        self.browser.open(&self.served.old_link("fay@example.com", Stream::Outreach, 0));
        self.browser.run("document.querySelector('label').remove()");
        let (broken, _) = self.browser.accessibility();
        assert!(broken.iter().any(|one| one.starts_with("label: ")), "{broken:?}");
        self.browser
            .run("let one = new Image(); one.src = 'https://example.com/pixel'; document.body.append(one)");
        let complaints = self.browser.complaints();
        assert!(complaints.iter().any(|text| text.contains("Content Security Policy")), "{complaints:?}");
    }
}
