//! Who calls, and whether they may now.

use std::time::Instant;

use contract::{
    function::Deployed,
    metric as name,
    setting::{FirebaseKeysUrl, FirebaseProject},
    table::RateLimits,
    variable::{ReadWrite, Table},
};
use support::{
    Call, Failed, Request,
    auth::{self, User},
    limit,
    metric::{self, Metric},
};

/// The user of a request: a verified address (R100), within the requests of this minute (R103).
pub(crate) async fn admitted<F: Deployed>(
    request: &Request,
    call: &Call<F>,
    firebase: (&FirebaseProject, &FirebaseKeysUrl),
    limits: &Table<RateLimits, ReadWrite>,
) -> Result<User, Failed> {
    let begun = Instant::now();
    let user = auth::user(request, call, firebase.0, firebase.1).await?.verified()?;
    let metrics = [
        Metric::milliseconds(name::TOKEN_VALIDATION_TIME, begun.elapsed().as_secs_f64() * 1000.0),
        Metric::count(name::AUTHENTICATION_SUCCESSES, 1),
    ];
    // Users are counted by this property: requests of each, and how many are active (R101, R107).
    let properties = [("user", user.uid.as_str().into()), ("request", request.id.as_str().into())];
    metric::emit(F::FUNCTION.name, call.clock.now_ms(), &metrics, &properties);
    limit::admit(call, limits, &user.uid).await?;
    Ok(user)
}
