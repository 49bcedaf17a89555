use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::HttpRequest,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use contract::{function::OutreachHealth, variable::Variables};
use jsonwebtoken::{EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Aws, Call, Clock, http::Http, stand_in::StandIn};

const KEY: &[u8] = include_bytes!("../../tests/vectors/token-key.pem");
const CERTIFICATE: &str = include_str!("../../tests/vectors/token-certificate.pem");
const NOW_S: i64 = 1_763_769_600;
const MINUTE_S: i64 = 60;

fn certificates() -> String {
    json!({ "k1": CERTIFICATE }).to_string()
}

/// The same key as a set of JSON web keys.
fn jwks() -> String {
    use aws_lc_rs::{rsa::KeyPair, signature::KeyPair as _};
    let der: Vec<u8> = {
        let pem = String::from_utf8(KEY.to_vec()).expect("text");
        let inside: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        base64::engine::general_purpose::STANDARD.decode(inside).expect("base64")
    };
    let pair = KeyPair::from_pkcs8(&der).expect("a key");
    let public = pair.public_key();
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let (n, e) = (
        public.modulus().big_endian_without_leading_zero(),
        public.exponent().big_endian_without_leading_zero(),
    );
    let key =
        json!({ "kty": "RSA", "alg": "RS256", "use": "sig", "kid": "k1", "n": encode(n), "e": encode(e) });
    json!({ "keys": [key] }).to_string()
}

fn call(google: &StandIn, now_s: i64) -> Call<OutreachHealth> {
    let variables = Variables::read(&|_| Some("https://x.example".to_owned())).expect("variables");
    Call::new(variables, Clock::Fixed(now_s * 1000), Aws::of_process(), google.http())
}

fn claims() -> Value {
    json!({
        "iss": "https://securetoken.google.com/dn", "aud": "dn", "sub": "u1", "exp": NOW_S + 600,
        "iat": NOW_S - 10,
        "auth_time": NOW_S - 20, "email": "Ann@Example.com", "email_verified": true,
    })
}

fn with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    claims
}

fn signed(header: &Header, claims: &Value) -> String {
    encode(header, claims, &EncodingKey::from_rsa_pem(KEY).expect("a key")).expect("a token")
}

fn header() -> Header {
    Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::RS256) }
}

fn asking(authorization: &str) -> Request {
    let event = json!({
        "path": "/", "httpMethod": "GET", "headers": { "authorization": authorization },
        "requestContext": { "httpMethod": "GET", "identity": {} },
    });
    Request::read(event, 0).expect("a request")
}

async fn verify(token: &str, call: &Call<OutreachHealth>) -> Result<User, Failed> {
    let (project, url) =
        (FirebaseProject("dn".to_owned()), FirebaseKeysUrl("https://keys.example".to_owned()));
    user(&asking(&format!("Bearer {token}")), call, &project, &url).await
}

fn google() -> StandIn {
    StandIn::new(|_| Some((200, "public, max-age=3600, must-revalidate", certificates())))
}

#[tokio::test]
async fn a_good_token_is_accepted_with_keys_in_either_form() {
    for keys in [certificates(), jwks()] {
        let google = StandIn::new(move |_| Some((200, "max-age=3600", keys.clone())));
        let call = call(&google, NOW_S);
        let user = verify(&signed(&header(), &claims()), &call).await.expect("a user");
        assert_eq!(
            user,
            User { uid: "u1".to_owned(), email: Some("ann@example.com".to_owned()), finance: false }
        );
        assert_eq!(format!("{user:?}"), "User(u1)");
    }
}

#[tokio::test]
async fn roles_and_verified_addresses_are_claims() {
    let call = call(&google(), NOW_S);
    for (changes, finance) in [
        (json!({ "role": "finance" }), true),
        (json!({ "roles": ["staff", "finance"] }), true),
        (json!({ "finance": true }), true),
        (json!({ "role": "Finance", "roles": "finance", "finance": "true" }), false),
    ] {
        let user = verify(&signed(&header(), &with(changes.clone())), &call).await.expect("a user");
        assert_eq!(user.of_finance().is_ok(), finance, "{changes}");
    }
    let unverified = with(json!({ "email_verified": false }));
    let refused = verify(&signed(&header(), &unverified), &call).await.expect("a user").verified();
    let refused = refused.expect_err("not verified");
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (Code::InsufficientPermissions, "Email verification required for outreach operations")
    );
}

#[tokio::test]
async fn every_other_token_is_refused() {
    let call = call(&google(), NOW_S);
    let good = signed(&header(), &claims());
    let mut tokens: Vec<String> = [
        json!({ "iss": "https://securetoken.google.com/other" }),
        json!({ "iss": "https://session.firebase.google.com/dn" }),
        json!({ "aud": "other" }),
        json!({ "aud": ["dn"] }),
        json!({ "sub": "" }),
        json!({ "sub": "u".repeat(129) }),
        json!({ "exp": NOW_S }),
        json!({ "exp": "tomorrow" }),
        json!({ "iat": NOW_S + 61 }),
        json!({ "auth_time": NOW_S + 61 }),
    ]
    .into_iter()
    .map(|changes| signed(&header(), &with(changes)))
    .collect();
    tokens.push(signed(&Header { kid: Some("k2".to_owned()), ..header() }, &claims()));
    tokens.push(signed(&Header { kid: None, ..header() }, &claims()));
    tokens.push(signed(&Header { jku: Some("https://evil.example".to_owned()), ..header() }, &claims()));
    tokens.push(signed(&Header::new(Algorithm::RS384), &claims()));
    let shared = EncodingKey::from_secret(CERTIFICATE.as_bytes());
    let symmetric = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
    tokens.push(encode(&symmetric, &claims(), &shared).expect("a token"));
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","kid":"k1"}"#);
    tokens.push(format!("{none}.{}.", URL_SAFE_NO_PAD.encode(claims().to_string())));
    tokens.push(format!("{good}x"));
    tokens.push(good.replace('.', ".."));
    tokens.push("x".repeat(LONGEST_TOKEN + 1));
    for token in tokens {
        let refused = verify(&token, &call).await.expect_err(&token);
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (Code::InvalidToken, "Invalid or expired authentication token"),
            "{token}"
        );
    }
    let (project, url) =
        (FirebaseProject("dn".to_owned()), FirebaseKeysUrl("https://keys.example".to_owned()));
    for authorization in ["", "Bearer", "Bearer ", "Basic abc", &good] {
        let refused = user(&asking(authorization), &call, &project, &url).await.expect_err(authorization);
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (Code::MissingToken, "Authorization token is required")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn keys_are_fetched_as_rarely_as_google_allows() {
    let status = Arc::new(AtomicU16::new(200));
    let told = status.clone();
    let google = StandIn::new(move |_| Some((told.load(Ordering::SeqCst), "max-age=3600", certificates())));
    let mut call = call(&google, NOW_S);
    let good = signed(&header(), &with(json!({ "exp": NOW_S + 100_000 })));
    let unknown = signed(&Header { kid: Some("k2".to_owned()), ..header() }, &claims());
    // Minute, token, status of Google, accepted, fetches so far.
    let steps = [
        (0, &good, 200, Some(true), 1),
        (49, &good, 200, Some(true), 1),
        (49, &unknown, 200, Some(false), 2),
        (49, &unknown, 200, Some(false), 2),
        (50, &unknown, 200, Some(false), 3),
        // Ten minutes before their end they are asked for again, in vain: three attempts a minute.
        (101, &good, 500, Some(true), 6),
        (101, &good, 500, Some(true), 6),
        (109, &good, 500, Some(true), 9),
        // Their end.
        (110, &good, 500, None, 12),
        (110, &good, 500, None, 12),
        (112, &good, 200, Some(true), 13),
    ];
    for (step, (minute, token, answer, accepted, fetches)) in steps.into_iter().enumerate() {
        call.tools.clock = Clock::Fixed((NOW_S + minute * MINUTE_S) * 1000);
        status.store(answer, Ordering::SeqCst);
        let code = verify(token, &call).await.map_err(|failed| failed.code);
        let want = match accepted {
            Some(true) => Ok(()),
            Some(false) => Err(Code::InvalidToken),
            None => Err(Code::Unavailable),
        };
        assert_eq!((code.map(|_| ()), google.asked().len()), (want, fetches), "step {step}");
    }
}

/// Connects and never answers.
#[derive(Debug)]
struct Silent;

impl HttpConnector for Silent {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_for_keys_than_a_caller_does() {
    let mut call = call(&google(), NOW_S);
    call.tools.http = Http::of(SharedHttpConnector::new(Silent));
    let begun = tokio::time::Instant::now();
    let failed = verify(&signed(&header(), &claims()), &call).await.expect_err("no keys");
    assert_eq!((failed.code, begun.elapsed().as_secs()), (Code::Unavailable, 4));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_authorization_is_too_much(
        text in "[ -~äß]{0,200}",
        parts in "[A-Za-z0-9_-]{0,40}(\\.[A-Za-z0-9_-]{0,40}){0,4}",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let call = call(&google(), NOW_S);
        for token in [&text, &parts] {
            let failed = runtime.block_on(verify(token, &call)).expect_err("no token");
            prop_assert!(matches!(failed.code, Code::InvalidToken | Code::MissingToken));
        }
    }
}
