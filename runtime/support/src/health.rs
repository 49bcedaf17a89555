//! The health endpoint that every API has.

use std::sync::Arc;

use contract::{
    function::Deployed,
    health::{Health, HealthVariables},
};

use crate::{Call, Entry, Failed, Reply, Request, api};

/// The entry of a health function.
#[must_use]
pub fn entry<F: Deployed<Variables = HealthVariables>>() -> Entry {
    api::<F, _, _>(health, |variables| &variables.origins.0)
}

/// That it can answer is the answer.
async fn health<F: Deployed<Variables = HealthVariables>>(
    _: Request,
    call: Arc<Call<F>>,
) -> Result<Reply, Failed> {
    let body = Health {
        success: true,
        status: "ok".to_owned(),
        stage: call.variables.stage.0.clone(),
        timestamp: call.clock.timestamp(),
        version: call.variables.version.0.clone(),
    };
    Ok(Reply::json(200, &body))
}
