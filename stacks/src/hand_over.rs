//! What people set elsewhere after an apply: the CRM's variables (I30), Mailgun's webhook and the record by which
//! mail to leave arrives (I31). Pure: what AWS decides is a reference until it is known.

use contract::{
    api::{APIS, Auth},
    outreach::MAILGUN_EVENTS,
};
use kinds::bound::DeclareError;
use model::{Address, Text};

use crate::{Environment, domains, reports};

/// What is set elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandOver {
    /// Variables of the CRM, by name.
    pub front_end: Vec<(String, Value)>,
    /// The base URL of each API.
    pub apis: Vec<(String, Text)>,
    /// Where Mailgun posts events.
    pub webhook: Text,
    /// For which of its events.
    pub webhook_events: &'static [&'static str],
    /// Record by which mail to the unsubscribe mailbox comes in: name, type, value.
    pub mailbox: [String; 3],
    /// Record by which callers find the domain of the APIs, where they have one.
    pub domain: Option<[Text; 3]>,
}

/// What a variable is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Plain(Text),
    /// The value of the API key with this id, which is never printed.
    ApiKey(Text),
}

/// What is to be set elsewhere for a stage.
///
/// # Errors
/// When an address is malformed: a bug in a stack.
pub fn hand_over(environment: &Environment) -> Result<HandOver, DeclareError> {
    let of = |stack: &str, kind: &str, name: &str, attribute: &str| {
        Ok::<Text, DeclareError>(Text::of(&Address::new(stack, kind, name)?, attribute))
    };
    let plain = |name: &str, value: Text| (name.to_owned(), Value::Plain(value));
    let mut front_end = Vec::new();
    for api in APIS.iter().filter(|api| api.endpoints.iter().any(|one| one.auth == Auth::ApiKey)) {
        let id = of(api.stack, "api key", &format!("{}-crm", api.name), "id")?;
        front_end.push(("REACT_APP_DN_API_KEY".to_owned(), Value::ApiKey(id)));
    }
    front_end.extend([
        plain("REACT_APP_OUTREACH_ADD_CONTACT_PATH", path_of("addContact").into()),
        plain("REACT_APP_S3_BUCKET", of(reports::STACK, "bucket", reports::REPORTS, "name")?),
        plain("REACT_APP_S3_REGION", environment.region.as_str().into()),
    ]);
    if environment.reports.sign_in_provider.is_some() {
        let pool = of(reports::STACK, "identity pool", "crm", "id")?;
        front_end.push(plain("REACT_APP_S3_IDENTITY_POOL_ID", pool));
    }
    let mut apis = Vec::new();
    for api in APIS {
        apis.push((api.name.to_owned(), domains::url_of(environment, api.stack, api.name)?));
    }
    let webhook = domains::url_of(environment, "outreach", "outreach")?.then(path_of("webhook"));
    let domain = environment.mail.unsubscribe_mailbox.rsplit('@').next().unwrap_or_default();
    let server = format!("10 inbound-smtp.{}.amazonaws.com", environment.region.as_str());
    let mailbox = [domain.to_owned(), "MX".to_owned(), server];
    let domain = match &environment.web.domain {
        None => None,
        Some(domain) => {
            let target = of(domains::STACK, "domain name", domains::NAME, "target")?;
            Some([domain.name.as_str().into(), "CNAME".into(), target])
        }
    };
    Ok(HandOver { front_end, apis, webhook, webhook_events: MAILGUN_EVENTS, mailbox, domain })
}

/// The path of an endpoint, as the contract has it.
fn path_of(id: &str) -> &'static str {
    let endpoints = APIS.iter().flat_map(|api| api.endpoints);
    endpoints.filter(|one| one.id == id).map(|one| one.path).next().unwrap_or_default()
}
