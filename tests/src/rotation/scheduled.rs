//! The scheduled rotation: the real binary as its schedule starts it, and its handler over days that nobody could wait.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use contract::{
    function::Rotate,
    operations::{JOURNAL, LOCK, ROTATION_REPORT},
    variable::Variables,
};
use engine::LockNote;
use model::{
    Selection,
    journal::{Ending, Journal, Run},
};
use operations::rotate::handle;
use sandbox::{Account, Clock, Trouble, What, When};
use serde_json::Value;
use signing::Signer;
use stacks::Environment;
use support::{Aws, Call, http::Http};
use tokio::time::{Instant, advance};

use crate::{
    stage::{Memory, Stage, environment},
    started::{CONTROL, action, allowing, applied, code, leave, object, policy, started},
};

const ROLE: &str = "dn-sandbox-rotate";
const ALARMS: &str = "arn:aws:sns:us-east-1:000000000000:dn-sandbox-alarms";
const HOUR: u64 = 60 * 60;
const DAY: u64 = 24 * HOUR;

/// Every quarter by itself.
fn quarterly() -> Environment {
    let mut environment = environment();
    environment.rotation.every_days = Some(90);
    environment
}

/// An applied stage on its own time, which passes when it is told to.
struct Days {
    account: Account,
    environment: Environment,
}

impl Days {
    async fn of(environment: Environment) -> Self {
        let documents = applied(&environment).await;
        let clock = Clock::Virtual { start_ms: 1_772_355_600_000, since: Instant::now() };
        Self { account: Account::of("000000000000", "us-east-1", clock, documents), environment }
    }

    async fn declares(&mut self, change: impl FnOnce(&mut Environment)) {
        change(&mut self.environment);
        leave(&self.account, &self.environment).await;
    }

    /// One run of the function.
    async fn run(&self) -> Result<Value, String> {
        let look_up = |name: &str| {
            let value = match name {
                "CONTROL_BUCKET" => CONTROL,
                "ALARM_TOPIC_ARN" => ALARMS,
                "SIGNING_KEY_SECRET" => "dn-sandbox-signing-key",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let variables = Variables::read(&look_up).expect("all variables");
        let now_ms = i64::try_from(self.account.clock().now_ms()).expect("a time");
        let clock = support::Clock::Fixed(now_ms);
        let call: Call<Rotate> =
            Call::new(variables, clock, Aws::of(self.account.sdk_config()), Http::of_process());
        handle(Value::Null, Arc::new(call)).await.map_err(|failed| failed.cause.unwrap_or(failed.message))
    }

    /// Runs every `every_s` seconds for so long; the steps that were made, and what was said last.
    async fn pass(&self, seconds: u64, every_s: u64) -> (String, Value) {
        let (mut steps, mut last) = (Vec::new(), Value::Null);
        for _ in 0..seconds.div_ceil(every_s) {
            last = self.run().await.expect("it works");
            steps.extend(last["made"].as_str().map(str::to_owned));
            advance(Duration::from_secs(every_s)).await;
        }
        (steps.join(" "), last)
    }

    /// Has a queue told what people are.
    async fn listen(&self) {
        let queues = aws_sdk_sqs::Client::new(&self.account.sdk_config());
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",
            "Action":"sqs:SendMessage","Resource":"*"}]}"#;
        let name = aws_sdk_sqs::types::QueueAttributeName::Policy;
        queues.create_queue().queue_name("told").attributes(name, policy).send().await.expect("a queue");
        let topics = aws_sdk_sns::Client::new(&self.account.sdk_config());
        let to = topics.subscribe().topic_arn(ALARMS).protocol("sqs");
        to.endpoint("arn:aws:sqs:us-east-1:000000000000:told").send().await.expect("a subscription");
    }

    /// Whether people were told something with these words.
    fn was_told(&self, words: &str) -> bool {
        let documents = self.account.documents();
        let queues = documents.iter().filter(|(collection, _)| collection.starts_with("sqs/"));
        queues.flat_map(|(_, all)| all.values()).any(|one| one.to_string().contains(words))
    }

    fn publishes(&self) -> usize {
        self.account.served().iter().filter(|call| call.operation == "Publish").count()
    }

    /// Key ids of the group, and the document that signers get.
    async fn live(&self) -> (Vec<String>, Signer) {
        let secrets = aws_sdk_secretsmanager::Client::new(&self.account.sdk_config());
        let value = secrets.get_secret_value().secret_id("dn-sandbox-signing-key").send().await;
        let value = value.expect("a value").secret_string.expect("a text");
        let edge = aws_sdk_cloudfront::Client::new(&self.account.sdk_config());
        let groups = edge.list_key_groups().send().await.expect("a list").key_group_list.expect("a list");
        let group = groups.items()[0].key_group().expect("a group").key_group_config().expect("one");
        (group.items().to_vec(), Signer::from_secret(&value).expect("a key"))
    }

    async fn journal(&self) -> Vec<Run> {
        let client = aws_sdk_s3::Client::new(&self.account.sdk_config());
        let listed = client.list_objects_v2().bucket(CONTROL).prefix(JOURNAL).send().await.expect("a list");
        let mut text = String::new();
        for key in listed.contents().iter().filter_map(|one| one.key()).filter(|key| key.ends_with("l")) {
            text += &String::from_utf8(object(&self.account, key).await.expect("it")).expect("text");
        }
        Journal::replay(&text).expect("a whole chain").0.runs().to_vec()
    }

    /// Nobody else has asked anything since the calls were last forgotten.
    async fn only_what_its_role_allows(&self) {
        let calls = self.account.served();
        let policy = policy(&self.account, ROLE).await;
        for call in &calls {
            assert!(!allowing(&policy, &action(call)).is_empty(), "{call:?} is not allowed");
        }
    }

    async fn nothing_to_do(&self) {
        let stage = Stage::new(&self.environment, self.account.clone(), Memory::default());
        let plan = stage.plan(&Selection::default()).await;
        // Nobody confirmed the subscription, which AWS then forgets.
        let others = plan.steps.iter().map(|one| one.address.to_string());
        assert_eq!(others.filter(|at| !at.contains("/subscription/")).collect::<Vec<_>>(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_rotation_is_made_by_the_function_alone() {
    let days = Days::of(quarterly()).await;
    days.account.forget_served();
    let (steps, said) = days.pass(12 * HOUR, HOUR).await;
    assert_eq!(steps, "prime prepare widen switch unlabel stamp");
    days.only_what_its_role_allows().await;
    assert_eq!((&said["state"], &said["rotation"]), (&"well".into(), &"draining".into()));
    days.nothing_to_do().await;
    let (_, first) = days.live().await;
    let (steps, said) = days.pass(26 * DAY, 6 * HOUR).await;
    assert_eq!((steps.as_str(), &said["rotation"]), ("narrow unlabel unlabel", &"steady".into()));
    assert_eq!(days.live().await.0, [first.key_id()], "the new key alone");

    // The next quarter, by itself.
    days.account.forget_served();
    let (steps, _) = days.pass(68 * DAY, 12 * HOUR).await;
    assert_eq!(steps, "prepare widen switch unlabel stamp");
    let (steps, _) = days.pass(26 * DAY, 6 * HOUR).await;
    assert_eq!(steps, "narrow unlabel unlabel delete");
    days.only_what_its_role_allows().await;
    let (group, second) = days.live().await;
    assert_eq!(group, [second.key_id()]);
    assert_ne!(second.key_id(), first.key_id());
    days.nothing_to_do().await;

    assert_eq!(days.publishes(), 0);
    let runs = days.journal().await;
    assert_eq!(runs.len(), 18, "a run a step");
    assert!(runs.iter().all(|run| run.who == "the function dn-sandbox-rotate"), "{runs:?}");
    assert!(runs.iter().all(|run| run.how == Some(Ending::Done)), "{runs:?}");
    assert!(object(&days.account, LOCK).await.is_none(), "the lock is given back");

    // Nothing is granted that it never needs.
    let policy = policy(&days.account, ROLE).await;
    let calls = days.account.served();
    let made: BTreeSet<String> = calls.iter().map(action).collect();
    let granted: BTreeSet<String> = policy.statements.iter().flat_map(|one| one.action.clone()).collect();
    // Lambda itself keeps what it gave up.
    let elsewhere = ["logs:CreateLogStream", "logs:PutLogEvents", "sns:Publish", "sqs:SendMessage"];
    for action in &granted {
        assert!(made.contains(action) || elsewhere.contains(&action.as_str()), "{action} is never needed");
    }
    for secret in ["secretsmanager:GetSecretValue", "secretsmanager:DeleteSecret", "s3:DeleteBucket"] {
        assert!(allowing(&policy, secret).is_empty(), "{secret}");
    }
    println!(
        "scheduled rotation: the second one took {} calls; the role allows {} actions",
        calls.len(),
        granted.len()
    );
}

#[tokio::test(start_paused = true)]
async fn it_begins_only_where_the_environment_says_when_and_goes_on_with_what_a_person_began() {
    let mut days = Days::of(environment()).await;
    let (steps, said) = days.pass(6 * HOUR, HOUR).await;
    assert_eq!((steps.as_str(), &said["rotation"]), ("", &"due".into()));
    // Somebody makes the first step.
    days.declares(|environment| environment.rotation.every_days = Some(90)).await;
    assert_eq!(days.run().await.expect("it works")["made"], "prime");
    days.declares(|environment| environment.rotation.every_days = None).await;
    assert_eq!(days.pass(12 * HOUR, HOUR).await.0, "prepare widen switch unlabel stamp");
    assert_eq!(days.pass(27 * DAY, 12 * HOUR).await.0, "narrow unlabel unlabel");

    // Nobody begins the next one in time.
    days.listen().await;
    days.account.forget_served();
    let (steps, said) = days.pass(69 * DAY, 12 * HOUR).await;
    assert_eq!((steps.as_str(), &said["state"], days.publishes()), ("", &"well".into(), 0), "{said}");
    let (steps, said) = days.pass(3 * DAY, 6 * HOUR).await;
    assert_eq!((steps.as_str(), &said["state"]), ("", &"overdue".into()));
    assert_eq!(days.publishes(), 1, "it is told once");
    assert!(days.was_told("is overdue"));
    days.declares(|environment| environment.rotation.every_days = Some(90)).await;
    let said = days.run().await.expect("it works");
    assert_eq!(
        (&said["made"], &said["state"], &said["news"]),
        (&"prepare".into(), &"well".into(), &true.into())
    );
    assert_eq!(days.publishes(), 2, "and when it is over");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_fails_for_a_day_is_told_once_and_when_it_is_over() {
    let days = Days::of(quarterly()).await;
    assert_eq!(days.pass(2 * HOUR, HOUR).await.0, "prime prepare");
    days.listen().await;
    let (service, operation) = ("cloudfront".to_owned(), "UpdateKeyGroup".to_owned());
    let (code, message) = ("AccessDenied".to_owned(), "not now".to_owned());
    days.account.plan_trouble(Trouble {
        when: When::Operation { service, operation },
        what: What::Fail { code, message, status: 403, times: 40 },
    });
    days.account.forget_served();
    let mut told = Vec::new();
    for _ in 0..40 {
        days.run().await.expect_err("the step fails, and Lambda counts it");
        told.push(days.publishes());
        advance(Duration::from_secs(HOUR)).await;
    }
    assert_eq!((told[20], told[30], told[39]), (0, 1, 1), "{told:?}");
    assert!(days.was_told("is stuck") && days.was_told("let the key group trust"));
    let report: Value =
        serde_json::from_slice(&object(&days.account, ROTATION_REPORT).await.expect("it")).expect("JSON");
    assert_eq!(report["state"], "stuck");
    let said = days.run().await.expect("it works");
    assert_eq!((&said["made"], &said["state"]), (&"widen".into(), &"well".into()));
    assert_eq!(days.publishes(), 2);
    assert!(days.journal().await.iter().any(|run| run.how == Some(Ending::Partly)));
}

#[tokio::test(start_paused = true)]
async fn it_leaves_a_stage_alone_that_a_person_holds_and_breaks_no_lock_but_its_own_dead_one() {
    let days = Days::of(quarterly()).await;
    let client = aws_sdk_s3::Client::new(&days.account.sdk_config());
    let lock = |owner: &str| LockNote {
        owner: owner.to_owned(),
        run: "r".to_owned(),
        verb: "apply".to_owned(),
        process: 7,
        since_ms: days.account.clock().now_ms(),
        beat_ms: 0,
    };
    let put = async |note: LockNote| {
        let bytes = serde_json::to_vec(&note).expect("JSON");
        client.put_object().bucket(CONTROL).key(LOCK).body(bytes.into()).send().await.expect("it is put");
    };
    put(lock("ada@desk as user/sandbox")).await;
    assert_eq!(days.pass(3 * HOUR, HOUR).await.0, "");
    let kept = object(&days.account, LOCK).await.expect("the lock");
    assert!(String::from_utf8_lossy(&kept).contains("ada@desk"));
    put(lock("the function dn-sandbox-rotate")).await;
    advance(Duration::from_secs(600)).await;
    assert_eq!(days.run().await.expect("it works")["made"], Value::Null, "it may be at work just now");
    advance(Duration::from_secs(HOUR)).await;
    assert_eq!(days.run().await.expect("it works")["made"], "prime");
    assert!(object(&days.account, LOCK).await.is_none());
}

/// Lock, journal, the two halves of a key, journal, lock, report: whatever it was at when it died, the next
/// runs go on.
#[tokio::test(start_paused = true)]
async fn killed_at_any_call_it_goes_on() {
    let base = Days::of(quarterly()).await;
    assert_eq!(base.pass(HOUR, HOUR).await.0, "prime");
    let mut died = 0;
    for call in 1..=12 {
        let days = Days { account: base.account.fork(), environment: base.environment.clone() };
        days.account.plan_trouble(Trouble { when: When::Write(call), what: What::DieAfter });
        tokio::select! {
            biased;
            () = days.account.death() => died += 1,
            said = days.run() => {
                said.expect("it works");
            }
        }
        let days = Days { account: days.account.fork(), environment: days.environment };
        advance(Duration::from_secs(HOUR)).await;
        let (_, said) = days.pass(31 * DAY, 12 * HOUR).await;
        assert_eq!(said["rotation"], "steady", "killed after call {call}: {said}");
        let (group, signer) = days.live().await;
        assert_eq!(group, [signer.key_id()], "killed after call {call}");
        assert!(object(&days.account, LOCK).await.is_none(), "killed after call {call}");
        assert!(days.journal().await.len() >= 9, "killed after call {call}");
    }
    assert!(died >= 9, "{died} of the calls were its last");
}

/// Half a second before the last minute 13 of an hour: the process has the machine's clock, and the account's may only
/// be behind it.
fn before_ms() -> u64 {
    let now_ms = Clock::Wall.now_ms();
    let hour_ms = HOUR * 1000;
    let at_ms = now_ms - now_ms % hour_ms + 13 * 60_000;
    (if at_ms > now_ms { at_ms - hour_ms } else { at_ms }) - 500
}

#[test]
fn its_schedule_starts_the_real_binary_which_makes_a_step_a_run() {
    let paused = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let mut documents = paused.expect("a runtime").block_on(applied(&quarterly()));
    let folder = tempfile::tempdir().expect("a folder");
    code(folder.path());
    // Real processes take real time.
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        for (hours_ago, step) in [(2, "PutSecretValue"), (1, "CreatePublicKey"), (0, "UpdateKeyGroup")] {
            let before_ms = before_ms() - hours_ago * HOUR * 1000;
            let ran = started(documents, folder.path(), before_ms, ("rotate", ROTATION_REPORT)).await;
            assert!(ran.calls.iter().any(|call| call.operation == step), "{step}: {:?}", ran.writes());
            assert_eq!((ran.report["state"].as_str(), ran.told()), (Some("well"), 0), "{}", ran.report);
            assert!(ran.lines.iter().any(|line| line.contains("\"rotationStuck\":0.0")), "{:#?}", ran.lines);
            let secret = |line: &&String| line.contains("PRIVATE") || line.contains("privateKey");
            assert_eq!(ran.lines.iter().find(secret), None);
            let account = Account::of("000000000000", "us-east-1", Clock::Wall, ran.documents.clone());
            let policy = policy(&account, ROLE).await;
            for call in &ran.calls {
                assert!(!allowing(&policy, &action(call)).is_empty(), "{call:?} is not allowed");
            }
            println!(
                "scheduled rotation: {step} with {} calls, {} MB at most (unoptimised binary)",
                ran.calls.len(),
                ran.memory / 1_000_000
            );
            documents = ran.documents;
        }
    });
}
