//! `dn schema`: the JSON Schema of the files in `environments/`.

use crate::{
    exit::{Done, Failure},
    screen::Screen,
};

pub(crate) fn run(screen: &Screen) -> Result<Done, Failure> {
    screen.data(&text().map_err(|error| Failure::error(error.to_string()))?);
    Ok(Done::Nothing)
}

fn text() -> serde_json::Result<String> {
    serde_json::to_string_pretty(&schemars::schema_for!(stacks::Environment)).map(|text| text + "\n")
}

#[cfg(test)]
mod tests {
    /// Editors complete from the committed file, so it must not lag behind the type.
    #[test]
    fn the_committed_schema_is_this_one() {
        let committed = include_str!("../../../../environments/.schema.json");
        let now = super::text().expect("a schema");
        assert!(committed == now, "write it anew: cargo dn schema > environments/.schema.json");
    }
}
