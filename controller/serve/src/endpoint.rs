//! The account over HTTP, for `AWS_ENDPOINT_URL`: any service, told apart by the credential scope of a signature.

use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use sandbox::Account;

/// `dynamodb` in `Credential=KEY/20260101/us-east-1/dynamodb/aws4_request`, of a header or of a presigned URL.
#[must_use]
pub fn service<B>(request: &Request<B>) -> Option<&str> {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    header?.split("Credential=").nth(1)?.split('/').nth(3)
}

/// Passes a request on to the account.
pub async fn answer(account: &Account, request: Request<Bytes>) -> Response<Bytes> {
    match pass_on(account, request).await {
        Ok(answer) => answer,
        Err(why) => refused(StatusCode::BAD_REQUEST, &why),
    }
}

async fn pass_on(account: &Account, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
    let (mut parts, body) = request.into_parts();
    // Over the wire there is only a path; the account reads whole URLs.
    let host = parts.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("127.0.0.1");
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = format!("http://{host}{path}").parse().map_err(|error| format!("{error}"))?;
    let request = Request::from_parts(parts, SdkBody::from(body));
    let request = request.try_into().map_err(|error| format!("{error}"))?;
    let answer = account.connector().call(request).await;
    let answer = answer.map_err(|error| error.into_source().to_string())?;
    let status = StatusCode::from_u16(answer.status().as_u16()).map_err(|error| error.to_string())?;
    let headers: Vec<(String, String)> =
        answer.headers().iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let body = ByteStream::new(answer.into_body()).collect().await.map_err(|error| error.to_string())?;
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() = status;
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().append(name, value);
        }
    }
    Ok(response)
}

/// A refusal that SDKs show as it is.
fn refused(status: StatusCode, why: &str) -> Response<Bytes> {
    let body = serde_json::json!({ "__type": "BadRequestException", "message": why });
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
}

/// A call of Lambda's `Invoke`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// A name or an ARN, maybe with a qualifier.
    function: String,
    qualifier: Option<String>,
    pub asynchronous: bool,
}

impl Invocation {
    /// The ARN that is meant.
    #[must_use]
    pub fn arn(&self, account: &str, region: &str) -> String {
        let base = match self.function.strip_prefix("arn:") {
            Some(_) => self.function.clone(),
            None => format!("arn:aws:lambda:{region}:{account}:function:{}", self.function),
        };
        match &self.qualifier {
            Some(qualifier) => format!("{base}:{qualifier}"),
            None => base,
        }
    }
}

/// What is called, when this is Lambda's `Invoke`.
#[must_use]
pub fn invocation<B>(request: &Request<B>) -> Option<Invocation> {
    let path = request.uri().path().strip_prefix("/2015-03-31/functions/")?;
    let function = path.strip_suffix("/invocations").filter(|_| request.method() == http::Method::POST)?;
    let function = percent_encoding::percent_decode_str(function).decode_utf8_lossy().into_owned();
    let query = crate::gateway::mapping::query(request.uri().query().unwrap_or_default());
    let qualifier = query.into_iter().find(|(name, _)| name == "Qualifier").map(|(_, value)| value);
    let asynchronous = request.headers().get("x-amz-invocation-type").is_some_and(|kind| kind == "Event");
    Some(Invocation { function, qualifier, asynchronous })
}

/// The answer to `Invoke`.
pub(crate) fn invoked(status: StatusCode, version: &str, payload: Bytes, failed: bool) -> Response<Bytes> {
    let mut response = Response::new(payload);
    *response.status_mut() = status;
    if let Ok(version) = HeaderValue::try_from(version) {
        response.headers_mut().insert("x-amz-executed-version", version);
    }
    if failed {
        response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    response
}

/// An error of a service that speaks REST and JSON.
pub(crate) fn error(status: StatusCode, code: &'static str, message: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(serde_json::json!({ "Message": message }).to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
    response
}

/// Asks a JSON service of the account, as an SDK would. `target` is the header `x-amz-target`.
///
/// # Errors
/// What the service refuses.
pub(crate) async fn ask(
    account: &Account,
    service: &str,
    target: &str,
    input: &serde_json::Value,
) -> Result<serde_json::Value, String> {
    let scope = format!("AWS4-HMAC-SHA256 Credential=AKIASANDBOX/20260101/-/{service}/aws4_request");
    let request = Request::post("/").header("authorization", scope).header("x-amz-target", target);
    let request = request.body(Bytes::from(input.to_string())).map_err(|error| error.to_string())?;
    let answer = answer(account, request).await;
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    match answer.status().is_success() {
        true => Ok(body),
        false => Err(body["message"].as_str().unwrap_or("it was refused").to_owned()),
    }
}
