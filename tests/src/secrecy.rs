//! No secret value reaches a plan, a journal, a drift report or an error, because none is ever read.

use aws_sdk_secretsmanager::Client;
use model::Selection;
use sandbox::{Trouble, What, When};

use crate::stage::{Stage, environment};

const VALUE: &str = "correct-horse-battery-staple";

#[tokio::test(start_paused = true)]
async fn a_value_is_never_asked_for_and_never_shown() {
    let stage = Stage::empty(&environment());
    assert!(stage.apply().await.is_complete());
    let client = Client::new(&stage.account.sdk_config());
    let name = "dn-sandbox-mailgun";
    client.put_secret_value().secret_id(name).secret_string(VALUE).send().await.expect("a value");
    stage.account.forget_served();

    // A changed description makes a step about that secret, and a refusal makes an error about it.
    client.update_secret().secret_id(name).description("edited").send().await.expect("an edit");
    let refused = What::Fail {
        code: "AccessDeniedException".to_owned(),
        message: "not authorized".to_owned(),
        status: 400,
        times: 1,
    };
    let (service, operation) = ("secretsmanager".to_owned(), "UpdateSecret".to_owned());
    stage.account.plan_trouble(Trouble { when: When::Operation { service, operation }, what: refused });
    let plan = stage.plan(&Selection::default()).await;
    assert_eq!(plan.steps.len(), 1, "{plan:?}");
    let failed = stage.execute(&plan, &engine::Stop::default()).await;
    assert_eq!(failed.failed.len(), 1, "{failed:?}");
    let drift = stage.drift().await;
    assert!(!drift.is_empty());
    assert!(stage.apply().await.is_complete());

    let shown = format!("{plan:?} {failed:?} {drift:?} {}", stage.journal.text());
    assert!(!shown.contains(VALUE), "a secret value was shown");
    let asked = stage.account.served().iter().any(|call| call.operation == "GetSecretValue");
    assert!(!asked, "a secret value was asked for");
    let stored = client.get_secret_value().secret_id(name).send().await.expect("the value");
    assert_eq!(stored.secret_string(), Some(VALUE), "and it is still there");
}
