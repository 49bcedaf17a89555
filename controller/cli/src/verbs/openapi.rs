//! `dn openapi`: the published document of an API, as the contract declares it.

use contract::{
    api::{APIS, Api},
    openapi,
};

use crate::{
    exit::{Done, Failure},
    screen::Screen,
};

pub(crate) fn run(screen: &Screen, name: &str) -> Result<Done, Failure> {
    let api = Api::named(name).ok_or_else(|| {
        let names: Vec<&str> = APIS.iter().map(|api| api.name).collect();
        Failure::error(format!("there is no API `{name}`")).hint(format!("APIs: {}", names.join(", ")))
    })?;
    let text = serde_json::to_string_pretty(&openapi::document(api));
    screen.data(&text.map_err(|error| Failure::error(error.to_string()))?);
    Ok(Done::Nothing)
}
