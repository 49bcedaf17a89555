//! What exists already: taken over when nobody's tags are on it, left alone when somebody else's are.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use model::{Action, Address, Note, Selection};

use crate::stage::{Stage, environment};

const NAME: &str = "legacy-campaigns";

fn at() -> Address {
    "financial/queue/campaigns".parse().expect("an address")
}

/// A stage whose campaign queue has a name that exists in the account, with these tags.
async fn stage_with(tags: &[(&str, &str)]) -> Stage {
    let mut environment = environment();
    environment.names.insert(at().to_string(), NAME.to_owned());
    let stage = Stage::empty(&environment);
    let tags: HashMap<String, String> =
        tags.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let made = Client::new(&stage.account.sdk_config()).create_queue().queue_name(NAME).set_tags(Some(tags));
    made.send().await.expect("a queue made by hand");
    stage
}

#[tokio::test(start_paused = true)]
async fn what_nobody_owns_is_taken_over_and_the_plan_says_so() {
    let stage = stage_with(&[("team", "legacy")]).await;
    let plan = stage.plan(&Selection::default()).await;
    let step = plan.steps.iter().find(|step| step.address == at()).expect("a step");
    assert_eq!((step.action, step.physical.as_str()), (Action::Update, NAME));
    assert!(step.notes.contains(&Note::Adopts), "{:?}", step.notes);
    assert!(step.changes.iter().any(|change| change.field == "tag.team" && change.want.is_null()));
    let report = stage.execute(&plan, &engine::Stop::default()).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(stage.plan(&Selection::default()).await.steps, []);
}

#[tokio::test(start_paused = true)]
async fn what_another_tool_or_stage_owns_is_named_and_left_alone() {
    for (tags, owner) in [
        (&[("aws:cloudformation:stack-name", "billing")][..], "the CloudFormation stack billing"),
        (
            &[("dn:project", "dn"), ("dn:stage", "other"), ("dn:address", "a/queue/b")],
            "stage other of project dn",
        ),
    ] {
        let stage = stage_with(tags).await;
        let plan = stage.plan(&Selection::default()).await;
        let blocks: Vec<String> =
            plan.blocks().map(|(step, note)| format!("{} {note:?}", step.address)).collect();
        assert_eq!(blocks.len(), 1, "{blocks:?}");
        assert!(blocks[0].starts_with(&at().to_string()) && blocks[0].contains(owner), "{blocks:?}");
        // Even a plan that overlooked it would not get through: the step looks again.
        let report = stage.execute(&plan, &engine::Stop::default()).await;
        let refused: Vec<String> = report.failed.values().map(ToString::to_string).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].contains(owner), "{refused:?}");
    }
}
