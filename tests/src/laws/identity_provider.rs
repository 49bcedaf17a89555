//! Examples of OpenID Connect providers, and what IAM refuses.

use aws_sdk_iam::Client;
use kinds::kinds::identity_provider::IdentityProvider;

use super::{Example, apply, differences, fresh, hold, log_group::code_of, world_of};

const GITHUB: &str = "https://token.actions.githubusercontent.com";
const ARN: &str = "arn:aws:iam::000000000000:oidc-provider/token.actions.githubusercontent.com";

pub(crate) fn examples() -> [Example<IdentityProvider>; 2] {
    [
        Example {
            name: "of a forge",
            declare: |_| IdentityProvider::at(GITHUB, "sts.amazonaws.com"),
            mutations: &[
                ("clients", |one| one.clients.extend(["crm".to_owned()])),
                ("clients", |one| one.clients = ["other".to_owned()].into()),
                ("url", |one| one.url = "https://token.example.com/forge".to_owned()),
            ],
        },
        Example {
            name: "with a path, for nobody yet",
            declare: |_| IdentityProvider {
                url: "https://securetoken.google.com/distro-nation".to_owned(),
                clients: std::collections::BTreeSet::new(),
            },
            mutations: &[("clients", |one| one.clients.extend(["distro-nation".to_owned()]))],
        },
    ]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_identity_provider() {
    hold(&examples()).await;
}

#[tokio::test(start_paused = true)]
async fn one_that_somebody_made_is_taken_over() {
    let account = fresh();
    let client = Client::new(&account.sdk_config());
    let make = client.create_open_id_connect_provider().url(GITHUB).client_id_list("theirs");
    make.clone().send().await.expect("a provider");
    assert_eq!(code_of(make.send().await), "EntityAlreadyExists");
    let world = world_of(&examples()[0], |_| {});
    apply(&world, &account).await.expect("it is taken over");
    assert!(differences(&world, &account).await.is_empty());
    let found = client.get_open_id_connect_provider().open_id_connect_provider_arn(ARN).send().await;
    let found = found.expect("a provider");
    assert_eq!(found.url(), Some("token.actions.githubusercontent.com"), "IAM leaves the scheme out");
    assert_eq!(found.client_id_list(), ["sts.amazonaws.com"]);
}

#[tokio::test(start_paused = true)]
async fn what_iam_refuses() {
    let client = Client::new(&fresh().sdk_config());
    for url in ["http://token.example.com", "https://", "https://token.example.com?x=1"] {
        let answer = client.create_open_id_connect_provider().url(url).send().await;
        assert_eq!(code_of(answer), "InvalidInput", "{url}");
    }
    let ask = client.add_client_id_to_open_id_connect_provider().open_id_connect_provider_arn(ARN);
    assert_eq!(code_of(ask.client_id("x").send().await), "NoSuchEntity");
    let delete = client.delete_open_id_connect_provider().open_id_connect_provider_arn(ARN);
    delete.send().await.expect("deleting what is gone is fine");
}
