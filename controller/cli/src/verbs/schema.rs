//! `dn schema`: the JSON Schema of the files in `environments/`.

use crate::{
    exit::{Done, Failure},
    screen::Screen,
};

pub(crate) fn run(screen: &Screen) -> Result<Done, Failure> {
    let schema = schemars::schema_for!(stacks::Environment);
    let text = serde_json::to_string_pretty(&schema).map_err(|error| Failure::error(error.to_string()))?;
    screen.data(&text);
    Ok(Done::Nothing)
}
