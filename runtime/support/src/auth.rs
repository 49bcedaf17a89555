//! Who calls: Firebase ID tokens, verified here (R98, standards 2.6).

use contract::{
    reply::Code,
    setting::{FirebaseKeysUrl, FirebaseProject},
};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::Value;

use crate::{Failed, Request, Tools};

mod keys;

pub use keys::Keys;

/// Seconds by which Google's clock may be ahead of ours.
const SKEW_S: i64 = 60;
/// The longest id that Firebase gives a user.
const LONGEST_SUBJECT: usize = 128;
/// Longer than any token that Firebase makes: custom claims are at most 1,000 bytes.
const LONGEST_TOKEN: usize = 8 * 1024;
/// The role of finance, in whichever form the claim has (A17).
const FINANCE: &str = "finance";

/// A caller whose token was verified.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Firebase's id; no address.
    pub uid: String,
    /// In lower case, and only where Firebase has verified it.
    pub email: Option<String>,
    pub finance: bool,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "User({})", self.uid)
    }
}

impl User {
    /// For outreach: an address that is verified (R100).
    ///
    /// # Errors
    /// When it is not.
    pub fn verified(self) -> Result<Self, Failed> {
        if self.email.is_some() {
            return Ok(self);
        }
        let message = "Email verification required for outreach operations";
        Err(Failed::new(Code::InsufficientPermissions, message))
    }

    /// For finance: the role (R100).
    ///
    /// # Errors
    /// Without it.
    pub fn of_finance(self) -> Result<Self, Failed> {
        if self.finance {
            return Ok(self);
        }
        Err(Failed::new(Code::InsufficientPermissions, "User lacks required permissions"))
    }
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    /// One text; a list is refused.
    aud: String,
    sub: String,
    exp: i64,
    iat: i64,
    auth_time: i64,
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    role: Value,
    #[serde(default)]
    roles: Value,
    #[serde(default)]
    finance: Value,
}

/// The user whose token the request carries.
///
/// # Errors
/// When there is no token, or it is not valid now; unavailable when Google's keys cannot be had.
pub async fn user(
    request: &Request,
    call: &Tools,
    project: &FirebaseProject,
    keys_url: &FirebaseKeysUrl,
) -> Result<User, Failed> {
    let token = bearer(request).ok_or_else(missing)?;
    if token.len() > LONGEST_TOKEN {
        return Err(invalid("too long"));
    }
    let header = decode_header(token).map_err(|_| invalid("malformed"))?;
    let foreign = header.jwk.is_some() || header.jku.is_some() || header.crit.is_some();
    if header.alg != Algorithm::RS256 || foreign {
        return Err(invalid("another algorithm, or a key of its own"));
    }
    let kid = header.kid.filter(|kid| !kid.is_empty()).ok_or_else(|| invalid("no key is named"))?;
    let key = call.keys.get(&kid, &keys_url.0, &call.http, call.clock).await?;
    let key = key.ok_or_else(|| invalid("an unknown key"))?;
    let claims: Claims =
        decode(token, &key, &signature_only()).map_err(|_| invalid("not signed by it"))?.claims;
    check(&claims, &project.0, call.clock.now_s())?;
    let finance = claims.is_finance();
    let email = claims.email.filter(|_| claims.email_verified).map(|email| email.to_lowercase());
    Ok(User { uid: claims.sub, email, finance })
}

/// Claims are checked here, against the clock of the call.
fn signature_only() -> Validation {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

fn check(claims: &Claims, project: &str, now_s: i64) -> Result<(), Failed> {
    let issuer = claims.iss.strip_prefix("https://securetoken.google.com/");
    if issuer != Some(project) || claims.aud != project {
        return Err(invalid("of another project"));
    }
    if claims.sub.is_empty() || claims.sub.len() > LONGEST_SUBJECT {
        return Err(invalid("without a user"));
    }
    if claims.exp <= now_s || claims.iat > now_s + SKEW_S || claims.auth_time > now_s + SKEW_S {
        return Err(invalid("expired, or not valid yet"));
    }
    Ok(())
}

impl Claims {
    fn is_finance(&self) -> bool {
        let named = |value: &Value| value == FINANCE;
        named(&self.role)
            || self.roles.as_array().is_some_and(|roles| roles.iter().any(named))
            || self.finance == Value::Bool(true)
    }
}

fn bearer(request: &Request) -> Option<&str> {
    let (scheme, token) = request.header("authorization")?.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn missing() -> Failed {
    Failed::new(Code::MissingToken, "Authorization token is required")
}

/// The caller learns no more than that; the log does.
fn invalid(why: &str) -> Failed {
    Failed::new(Code::InvalidToken, "Invalid or expired authentication token")
        .because(format!("the token is {why}"))
}

#[cfg(test)]
mod tests;
