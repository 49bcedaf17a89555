//! A REST API of API Gateway: its document, its settings, and the one stage that its callers reach.
//!
//! Outputs: `id`, `name`, `arn`, `execution_arn` (what a function's policy names), and with a stage `stage`
//! and `url`.
//!
//! Surprises (aws-semantics 9): names are not unique, so the tag `dn:address` tells which API is meant and
//! `CreateRestApi` is called only after all were listed; methods are a draft that nobody sees before it is
//! deployed, so the deployment's description holds the hash of the draft it was made from, and a stage that
//! shows another one differs (`stage.deployed`); `PutRestApi` resets every setting that the document does not
//! name, so what is imported names all of them; the logs of a stage need the role of the gateway account; a
//! deployment that a stage shows cannot be deleted.

use std::collections::BTreeSet;

use aws_sdk_apigateway::{
    primitives::Blob,
    types::{ApiStatus, EndpointConfiguration, EndpointType, PutMode},
};
use model::{Address, Fault, Fields, Outputs, policy::Policy};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    Live, Place, Reader, Resource, Scope, Writer,
    aws::{Absent, Waiting},
};

pub mod draft;
pub(crate) mod identity;
pub(crate) mod look;
mod openapi;
pub(crate) mod patch;
pub mod stage;
mod sync;

pub(crate) use look::pages;
pub use stage::{AccessLog, LogLevel, MethodSettings, Stage, Throttle};

use draft::Draft;
use identity::ABSENT;
use patch::{Patch, escaped};

const KIND: &str = "rest api";

/// What the description of a deployment starts with that this program made.
const MARK: &str = "dn ";

/// An API with one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestApi {
    pub description: String,
    pub body: Body,
    /// Bodies of these types reach the integration as bytes; `*/*` is every type.
    pub binary_media_types: BTreeSet<String>,
    /// Bodies of at least this size are compressed for who accepts that; `None` is never.
    pub minimum_compression_bytes: Option<u32>,
    pub api_key_source: KeySource,
    pub endpoint: Endpoint,
    /// Whether AWS's own host name answers; without it only a custom domain does.
    pub execute_api: bool,
    /// Who may call; resources are written `execute-api:/stage/METHOD/path`.
    pub policy: Option<Policy>,
    pub stage: Stage,
}

/// The routes, models, validators and gateway responses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// An OpenAPI 3.0 document with API Gateway's extensions; its strings may hold references. Settings that
    /// are fields of the API are not read from it.
    Document(Value),
    /// What AWS keeps of one, and whether the stage shows just that.
    Draft { draft: Draft, deployed: bool },
}

/// Where the key of a caller comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeySource {
    /// The header `x-api-key`.
    Header,
    Authorizer,
}

/// Where callers enter AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Endpoint {
    Regional,
    /// Through a CloudFront distribution of AWS.
    Edge,
    Private,
}

/// What AWS keeps beside the draft.
struct Settings {
    name: String,
    description: String,
    binary_media_types: BTreeSet<String>,
    minimum_compression_bytes: Option<u32>,
    api_key_source: KeySource,
    endpoint: Endpoint,
    execute_api: bool,
    policy: Option<Policy>,
}

impl Body {
    /// What AWS is to keep.
    ///
    /// # Errors
    /// Says what of a document API Gateway could not serve, or would silently change.
    pub fn draft(&self) -> Result<Draft, String> {
        match self {
            Self::Document(document) => openapi::read(document),
            Self::Draft { draft, .. } => Ok(draft.clone()),
        }
    }

    fn deployed(&self) -> bool {
        match self {
            Self::Document(_) => true,
            Self::Draft { deployed, .. } => *deployed,
        }
    }
}

impl RestApi {
    /// A regional API that serves a document at a stage with AWS's defaults.
    #[must_use]
    pub fn serving(document: Value, stage: &str) -> Self {
        Self {
            description: String::new(),
            body: Body::Document(document),
            binary_media_types: BTreeSet::new(),
            minimum_compression_bytes: None,
            api_key_source: KeySource::Header,
            endpoint: Endpoint::Regional,
            execute_api: true,
            policy: None,
            stage: Stage::named(stage),
        }
    }

    /// The rows that a deployment takes a snapshot of.
    fn served(&self) -> Fields {
        let mut to = Fields::default();
        self.list_served(&mut to);
        to
    }

    fn list_served(&self, to: &mut Fields) {
        match self.body.draft() {
            Ok(draft) => {
                to.each("routes", &draft.routes);
                to.each("models", &draft.models);
                to.each("validators", &draft.validators);
                to.each("gateway_responses", &draft.gateway_responses);
            }
            // A plan shows why; a step refuses it.
            Err(why) => to.field("routes.unreadable", &why),
        }
        to.field("binary_media_types", &self.binary_media_types);
        to.field("minimum_compression_bytes", &self.minimum_compression_bytes);
        to.field("api_key_source", &self.api_key_source);
        to.field("endpoint", &self.endpoint);
        to.field("execute_api", &self.execute_api);
        to.field("policy", &self.policy);
    }

    fn settings(&self, name: &str) -> Settings {
        Settings {
            name: name.to_owned(),
            description: self.description.clone(),
            binary_media_types: self.binary_media_types.clone(),
            minimum_compression_bytes: self.minimum_compression_bytes,
            api_key_source: self.api_key_source,
            endpoint: self.endpoint,
            execute_api: self.execute_api,
            policy: self.policy.clone(),
        }
    }
}

/// The description of a deployment of these rows.
fn mark(served: &Fields) -> String {
    format!("{MARK}{}", served.fingerprint())
}

impl Resource for RestApi {
    const KIND: &'static str = KIND;
    const IRREVERSIBLE: Option<&'static str> = Some("its id, and so its URL, never comes back");

    fn known(_: &Scope, physical: &str) -> Outputs {
        match identity::by_id(physical) {
            Some(id) => Outputs::from([("id".to_owned(), id.to_owned())]),
            None => Outputs::from([("name".to_owned(), physical.to_owned())]),
        }
    }

    fn physical_of_arn(arn: &str) -> Option<String> {
        identity::id_of_arn(arn, "restapis").map(|id| format!("id:{id}"))
    }

    fn list(&self, to: &mut Fields) {
        let Self {
            description,
            body,
            binary_media_types: _,
            minimum_compression_bytes: _,
            api_key_source: _,
            endpoint: _,
            execute_api: _,
            policy: _,
            stage,
        } = self;
        let Stage { name, variables, settings, methods, access_log, tracing, cache_gb, strays } = stage;
        to.field("description", description);
        self.list_served(to);
        to.field("stage.name", name);
        to.field("stage.deployed", &body.deployed());
        to.field("stage.strays", strays);
        to.each("stage_variables", variables);
        to.field("stage_settings", settings);
        to.each("method_settings", methods);
        to.field("access_log", access_log);
        to.field("tracing", tracing);
        to.field("cache_gb", cache_gb);
    }

    async fn owned(aws: &Reader) -> Result<Vec<(Address, String)>, Fault> {
        look::owned(aws).await
    }

    async fn observe(at: &Place, aws: &Reader) -> Result<Option<Live<Self>>, Fault> {
        look::find(at, aws).await
    }

    async fn converge(&self, at: &Place, live: Option<Live<Self>>, aws: &Writer) -> Result<Outputs, Fault> {
        let draft =
            self.body.draft().map_err(|why| Fault::refused(&at.address, why).hint("edit its document"))?;
        if let Some(log) = &self.stage.access_log {
            log.check(at)?;
        }
        let live = match live {
            Some(live) => live,
            None => self.create(at, aws).await?,
        };
        let id = live.outputs["id"].as_str();
        let name = if identity::by_id(at.name()).is_some() { &live.outputs["name"] } else { at.name() };
        if self.served() != live.actual.served() || self.description != live.actual.description {
            self.import(at, id, &draft, name, aws).await?;
        }
        sync::stage(self, at, id, &live.actual, aws).await?;
        let tags = live.tags.unwrap_or_default();
        identity::sync_tags(at, &identity::arn(aws, "restapis", id), &tags, aws).await?;
        let mut outputs = look::outputs(aws, id, &self.stage.name);
        outputs.insert("name".to_owned(), name.to_owned());
        Ok(outputs)
    }

    async fn delete(at: &Place, live: Live<Self>, aws: &Writer) -> Result<(), Fault> {
        let id = &live.outputs["id"];
        aws.write(at, "apigateway", "DeleteRestApi", || {
            aws.apigateway().delete_rest_api().rest_api_id(id).send()
        })
        .await
        .absent_on(ABSENT)
        .map_err(|fault| fault.hint("take its stages out of every usage plan and every domain first"))?;
        Ok(())
    }
}

impl RestApi {
    async fn create(&self, at: &Place, aws: &Writer) -> Result<Live<Self>, Fault> {
        let kind = self.endpoint.word();
        let created = aws
            .write(at, "apigateway", "CreateRestApi", || {
                let endpoint = EndpointConfiguration::builder().types(kind.clone()).build();
                let ask = aws.apigateway().create_rest_api().name(at.name()).endpoint_configuration(endpoint);
                ask.set_tags(Some(at.birth_tags().into_iter().collect())).send()
            })
            .await?;
        let Some(id) = created.id else {
            return Err(Fault::refused(&at.address, "API Gateway made an API and did not say which"));
        };
        let mut outputs = look::outputs(aws, &id, "");
        outputs.insert("name".to_owned(), at.name().to_owned());
        let actual =
            Settings { endpoint: self.endpoint, ..Self::serving(Value::Null, "").settings(at.name()) };
        Ok(Live::new(actual.with(Draft::default()), outputs, Some(at.birth_tags())))
    }

    /// Replaces the whole draft, then whatever setting the import left otherwise (the endpoint cannot be
    /// imported).
    async fn import(
        &self,
        at: &Place,
        id: &str,
        draft: &Draft,
        name: &str,
        aws: &Writer,
    ) -> Result<(), Fault> {
        let want = self.settings(name);
        let document = want.imported_with(draft).to_string();
        let imported = aws
            .write(at, "apigateway", "PutRestApi", || {
                let ask = aws.apigateway().put_rest_api().rest_api_id(id).mode(PutMode::Overwrite);
                // Without `ignore`, every description would become a documentation part of its own.
                ask.fail_on_warnings(true)
                    .parameters("ignore", "documentation")
                    .body(Blob::new(document.as_bytes()))
                    .send()
            })
            .await?;
        if imported.api_status() == Some(&ApiStatus::Updating) {
            aws.until(at, Waiting::up_to(300, "the import of the API"), || async {
                let now = aws
                    .read(&at.address, "apigateway", "GetRestApi", || {
                        aws.reader().apigateway().get_rest_api().rest_api_id(id).send()
                    })
                    .await?;
                Ok(Some(()).filter(|()| now.api_status() != Some(&ApiStatus::Updating)))
            })
            .await?;
        }
        let have = Settings::of_imported(at, &imported, aws)?;
        if let Some(operations) = want.patch(&have).operations() {
            aws.write(at, "apigateway", "UpdateRestApi", || {
                let ask = aws.apigateway().update_rest_api().rest_api_id(id);
                ask.set_patch_operations(Some(operations.clone())).send()
            })
            .await?;
        }
        Ok(())
    }
}

impl Settings {
    /// The document to import: the draft, and every setting that can be told in it.
    fn imported_with(&self, draft: &Draft) -> Value {
        let mut document = openapi::write(draft);
        // OpenAPI wants a version; it is shown in the console only.
        document["info"] = json!({ "title": self.name, "description": self.description, "version": "1" });
        document["x-amazon-apigateway-binary-media-types"] = json!(self.binary_media_types);
        document["x-amazon-apigateway-api-key-source"] = json!(self.api_key_source.word());
        document["x-amazon-apigateway-endpoint-configuration"] =
            json!({ "disableExecuteApiEndpoint": !self.execute_api });
        if let Some(bytes) = self.minimum_compression_bytes {
            document["x-amazon-apigateway-minimum-compression-size"] = bytes.into();
        }
        if let Some(policy) = &self.policy {
            document["x-amazon-apigateway-policy"] = json!(policy);
        }
        document
    }

    fn patch(&self, live: &Self) -> Patch {
        let mut to = Patch::default();
        if self.name != live.name {
            to.replace("/name", &self.name);
        }
        if self.description != live.description {
            to.replace("/description", &self.description);
        }
        for kind in live.binary_media_types.difference(&self.binary_media_types) {
            to.remove(format!("/binaryMediaTypes/{}", escaped(kind)), None);
        }
        for kind in self.binary_media_types.difference(&live.binary_media_types) {
            to.add(format!("/binaryMediaTypes/{}", escaped(kind)), "");
        }
        if self.minimum_compression_bytes != live.minimum_compression_bytes {
            let bytes = self.minimum_compression_bytes.map(|bytes| bytes.to_string());
            to.replace("/minimumCompressionSize", bytes.unwrap_or_default());
        }
        if self.api_key_source != live.api_key_source {
            to.replace("/apiKeySource", self.api_key_source.word());
        }
        if self.endpoint != live.endpoint {
            let old = live.endpoint.word();
            to.replace(
                format!("/endpointConfiguration/types/{}", old.as_str()),
                self.endpoint.word().as_str(),
            );
        }
        if self.execute_api != live.execute_api {
            to.replace("/disableExecuteApiEndpoint", !self.execute_api);
        }
        if self.policy != live.policy {
            to.replace("/policy", self.policy.as_ref().map_or_else(String::new, Policy::document));
        }
        to
    }
}

impl KeySource {
    fn word(self) -> &'static str {
        match self {
            Self::Header => "HEADER",
            Self::Authorizer => "AUTHORIZER",
        }
    }
}

impl Endpoint {
    pub(crate) fn read(found: &EndpointType) -> Self {
        match found {
            EndpointType::Regional => Self::Regional,
            EndpointType::Private => Self::Private,
            _ => Self::Edge,
        }
    }

    pub(crate) fn word(self) -> EndpointType {
        match self {
            Self::Regional => EndpointType::Regional,
            Self::Edge => EndpointType::Edge,
            Self::Private => EndpointType::Private,
        }
    }
}
