//! What stands in for the world around a sandbox while it is served: Mailgun and Firebase, where the deployed
//! functions look for them on this machine.

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, PoisonError},
};

use contract::{
    api::{APIS, Endpoint},
    function::{Deployed as _, SendEmail, Webhook},
    outreach::SendVariables,
    variable::Variables,
};
use http::Uri;
use sandbox::Account;
use serve::{deployed::Integration, news::Route, view::Deployed};
use stand_ins::{
    credentials::{Begun, Keeper},
    server::{self, Options, StandIns},
};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

/// Started once what looks for them is deployed.
pub(super) struct Surroundings {
    account: Account,
    deployed: Arc<dyn Deployed>,
    say: Box<dyn Fn(&str) + Send + Sync>,
    ended: watch::Sender<bool>,
    running: Mutex<Option<Running>>,
}

struct Running {
    stand_ins: Arc<StandIns>,
    /// `http://127.0.0.1:PORT`.
    url: String,
    task: JoinHandle<()>,
}

/// What the deployed function that sends mail expects.
struct Expected {
    port: u16,
    variables: SendVariables,
}

fn endpoint_of(function: &str) -> Option<&'static Endpoint> {
    APIS.iter().flat_map(|api| api.endpoints).find(|endpoint| endpoint.function.name == function)
}

/// The port of a URL of this machine.
fn local_port(url: &str) -> Option<u16> {
    let url: Uri = url.parse().ok()?;
    let host = url.host()?;
    let local = host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback());
    (local && url.scheme_str() == Some("http")).then(|| url.port_u16().unwrap_or(80))
}

impl Surroundings {
    pub(super) fn new(
        account: Account,
        deployed: Arc<dyn Deployed>,
        say: impl Fn(&str) + Send + Sync + 'static,
    ) -> Self {
        let (ended, _) = watch::channel(false);
        Self { account, deployed, say: Box::new(say), ended, running: Mutex::default() }
    }

    /// Starts what an API looks for, and tells Mailgun where its webhook is. Returns how to send a mail.
    pub(super) async fn meet(&self, url: &str, routes: &[Route]) -> Option<String> {
        let served = |endpoint: &Endpoint| {
            routes.iter().any(|route| route.path == endpoint.path && route.method == endpoint.method.name())
        };
        let send = endpoint_of(SendEmail::FUNCTION.name).filter(|endpoint| served(endpoint))?;
        let stand_ins = self.started(&self.expected(send)?).await?;
        if let Some(webhook) = endpoint_of(Webhook::FUNCTION.name).filter(|endpoint| served(endpoint)) {
            stand_ins.0.register_webhook(format!("{url}{}", webhook.path));
        }
        let mail = r#"{"to":"somebody@example.com","subject":"Hello","text":"It works"}"#;
        Some(format!(
            "curl '{url}{}' -H \"authorization: Bearer $(curl -s {}/token)\" -H 'content-type: \
             application/json' -d '{mail}'",
            send.path, stand_ins.1
        ))
    }

    /// Of the function behind a route, as it is deployed.
    fn expected(&self, send: &Endpoint) -> Option<Expected> {
        let apis = self.deployed.apis().into_iter();
        let method = apis.filter_map(|(id, _, stage)| self.deployed.api(&id, &stage)).find_map(|api| {
            let resource = api.resources.into_iter().find(|resource| resource.path == send.path)?;
            resource.methods.get(send.method.name()).cloned()
        })?;
        let Integration::Proxy { function, .. } = &method.integration else { return None };
        let function = self.deployed.function(function)?;
        let variables = SendVariables::read(&|name| function.variables.get(name).cloned()).ok()?;
        let port = local_port(&variables.mailgun_url.0)?;
        Some(Expected { port, variables })
    }

    async fn started(&self, expected: &Expected) -> Option<(Arc<StandIns>, String)> {
        let running = || {
            let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            running.as_ref().map(|running| (running.stand_ins.clone(), running.url.clone()))
        };
        if let Some(found) = running() {
            return Some(found);
        }
        match self.start(expected).await {
            Ok(started) => {
                *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(started);
                running()
            }
            Err(why) => {
                (self.say)(&format!("Mailgun and Firebase have no stand-ins: {why}"));
                None
            }
        }
    }

    async fn start(&self, expected: &Expected) -> Result<Running, String> {
        let variables = &expected.variables;
        let taken = |error| format!("port {}: {error}", expected.port);
        let (listener, address) = server::bind(expected.port).await.map_err(taken)?;
        let keeper = Keeper::of(&self.account, variables.mailgun.name());
        if keeper.begin().await? == Begun::Filled {
            let name = variables.mailgun.name();
            (self.say)(&format!("the secret {name} was empty: it has a key of the stand-in now"));
        }
        let options = Options {
            account: self.account.clone(),
            domain: variables.mailgun_domain.0.clone(),
            keeper,
            project: variables.firebase.0.clone(),
        };
        let stand_ins = StandIns::new(options)?;
        let url = format!("http://{address}");
        (self.say)(&format!("sent mail: {url}/   a token: curl '{url}/token?email=ADDRESS&finance=yes'"));
        let task = Handle::current().spawn(stand_ins.clone().serve(listener, self.ended.subscribe()));
        Ok(Running { stand_ins, url, task })
    }

    /// Ends what was started.
    pub(super) async fn close(&self) {
        let _ = self.ended.send(true);
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(running) = running {
            let _ = running.task.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::local_port;

    #[test]
    fn only_this_machine_has_stand_ins() {
        assert_eq!(local_port("http://127.0.0.1:9099/keys"), Some(9099));
        assert_eq!(local_port("http://localhost"), Some(80));
        for elsewhere in ["https://api.mailgun.net", "http://10.0.0.1:9099", "https://127.0.0.1", "no url"] {
            assert_eq!(local_port(elsewhere), None, "{elsewhere}");
        }
    }
}
