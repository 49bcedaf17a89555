//! The OpenAPI document of the seed against the one that `dn openapi outreach` prints: every path,
//! method, status, parameter, field, type and limit of the seed occurs, and no request that the seed
//! allows is refused without a reason.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::project::{Project, root};

/// The newer of the two: all of the older is in it.
const SEED: &str = "shared/seeds/crm-api-integrations-2025-11.md";

/// Where the two differ on purpose: the place, and the resolution or requirement that says so. What is
/// expected here and not found fails too.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        "SendTemplateEmailRequest subject: narrower by maxLength",
        "R12: a subject has 998 characters at most, whoever wrote it",
    ),
    (
        "webhook post request x-www-form-urlencoded: narrower by required",
        "R32, R36, A9: nothing is taken unsigned",
    ),
    ("webhook post request json: narrower by required", "R32, R36, A9: nothing is taken unsigned"),
];

/// The document of the seed, looked for beside this folder and those above it; the seeds are not part
/// of this project.
fn seed() -> Option<Value> {
    let found: Option<PathBuf> =
        root().ancestors().skip(1).map(|folder| folder.join(SEED)).find(|path| path.is_file());
    let Some(path) = found else {
        eprintln!(
            "\n*** SKIPPED: ../{SEED} is not here: nothing was compared with the seed's OpenAPI document\n"
        );
        return None;
    };
    let text = fs::read_to_string(&path).expect("the seed");
    let documents = text.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let mut documents = documents.filter(|text| text.starts_with("openapi:"));
    let document = documents.next().expect("an OpenAPI document");
    assert!(documents.next().is_none(), "the seed has one document");
    Some(serde_saphyr::from_str(document).expect("YAML"))
}

/// What `dn` prints.
fn ours() -> Value {
    let ran = Project::new().dn(&["openapi", "outreach"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    serde_json::from_str(&ran.text).expect("JSON")
}

/// Two documents, and what of the first the second lacks.
struct Comparison<'a> {
    seed: &'a Value,
    ours: &'a Value,
    lacks: Vec<String>,
}

/// Whose bodies these are: a request may not be judged more strictly, an answer may say more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Of {
    Request,
    Response,
}

/// What makes a schema stricter.
const LIMITS: &[&str] = &[
    "maxLength",
    "minLength",
    "maximum",
    "minimum",
    "maxItems",
    "minItems",
    "pattern",
    "enum",
    "uniqueItems",
    "maxProperties",
    "multipleOf",
];

fn resolved<'v>(document: &'v Value, schema: &'v Value) -> &'v Value {
    match schema["$ref"].as_str() {
        Some(path) => resolved(document, document.pointer(path.trim_start_matches('#')).expect("a schema")),
        None => schema,
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

impl Comparison<'_> {
    fn lack(&mut self, at: &str, what: &str) {
        self.lacks.push(format!("{at}: {what}"));
    }

    fn same(&mut self, at: &str, want: &Value, have: &Value) {
        if want != have {
            self.lack(at, &format!("{want} is {have}"));
        }
    }

    fn document(&mut self) {
        let (seed, ours) = (self.seed, self.ours);
        for pointer in [
            "/openapi",
            "/info/title",
            "/info/description",
            "/info/version",
            "/info/contact",
            "/servers",
            "/security",
        ] {
            let of = |document: &Value| document.pointer(pointer).cloned().unwrap_or_default();
            self.same(pointer, &of(seed), &of(ours));
        }
        for (name, scheme) in members(&seed["components"]["securitySchemes"]) {
            self.same(name, scheme, &ours["components"]["securitySchemes"][name]);
        }
        for (name, schema) in members(&seed["components"]["schemas"]) {
            let of = if name.ends_with("Request") { Of::Request } else { Of::Response };
            match &ours["components"]["schemas"][name] {
                Value::Null => self.lack(name, "is not there"),
                have => self.schema(name, schema, have, of),
            }
        }
        for (path, methods) in members(&seed["paths"]) {
            for (method, operation) in members(methods) {
                let at = format!("{} {method}", path.trim_start_matches("/outreach/"));
                match &ours["paths"][path][method] {
                    Value::Null => self.lack(&at, "is not there"),
                    have => self.operation(&at, operation, have),
                }
            }
        }
    }

    fn operation(&mut self, at: &str, want: &Value, have: &Value) {
        self.same(&format!("{at} summary"), &want["summary"], &have["summary"]);
        self.same(&format!("{at} tags"), &want["tags"], &have["tags"]);
        // Said for the whole document, or by the operation.
        let security = |operation: &Value, document: &Value| match &operation["security"] {
            Value::Null => document["security"].clone(),
            own => own.clone(),
        };
        let (seed, ours) = (self.seed, self.ours);
        self.same(&format!("{at} security"), &security(want, seed), &security(have, ours));
        for parameter in items(&want["parameters"]) {
            let name = parameter["name"].as_str().unwrap_or_default();
            let at = format!("{at} ?{name}");
            match items(&have["parameters"]).iter().find(|one| one["name"] == name) {
                None => self.lack(&at, "is not there"),
                Some(found) => {
                    self.same(&format!("{at} in"), &parameter["in"], &found["in"]);
                    self.schema(&at, &parameter["schema"], &found["schema"], Of::Request);
                }
            }
        }
        for parameter in items(&have["parameters"]).iter().filter(|one| one["required"] == true) {
            if !items(&want["parameters"]).iter().any(|one| one["name"] == parameter["name"]) {
                self.lack(at, &format!("narrower by ?{}", parameter["name"]));
            }
        }
        for (media, body) in members(&want["requestBody"]["content"]) {
            let kind = media.trim_start_matches("application/");
            self.body(
                &format!("{at} request {kind}"),
                body,
                &have["requestBody"]["content"][media],
                Of::Request,
            );
        }
        for (status, response) in members(&want["responses"]) {
            let at = format!("{at} {status}");
            match &have["responses"][status] {
                Value::Null => self.lack(&at, "is not there"),
                found => {
                    self.same(&at, &response["description"], &found["description"]);
                    for (media, body) in members(&response["content"]) {
                        self.body(&at, body, &found["content"][media], Of::Response);
                    }
                }
            }
        }
    }

    fn body(&mut self, at: &str, want: &Value, have: &Value, of: Of) {
        match have {
            Value::Null => self.lack(at, "its media type is not there"),
            // Named schemas were compared by their names.
            have if want["schema"].get("$ref").is_some() => {
                self.same(at, &want["schema"]["$ref"], &have["schema"]["$ref"])
            }
            have => self.schema(at, &want["schema"], &have["schema"], of),
        }
    }

    fn schema(&mut self, at: &str, want: &Value, have: &Value, of: Of) {
        let (want, have) = (resolved(self.seed, want), resolved(self.ours, have));
        for key in ["type", "format", "default", "example", "additionalProperties"].iter().chain(LIMITS) {
            match (&want[*key], &have[*key]) {
                (Value::Null, Value::Null) => {}
                (Value::Null, _) if of == Of::Response || !LIMITS.contains(key) => {}
                // No number that is sent is below the least one of its type.
                (Value::Null, least) if *key == "minimum" && *least == json!(0) => {}
                (Value::Null, _) => self.lack(at, &format!("narrower by {key}")),
                (want, have) => self.same(&format!("{at} {key}"), want, have),
            }
        }
        let required = |schema: &Value| items(&schema["required"]).to_vec();
        for name in required(want).iter().filter(|name| !required(have).contains(name)) {
            self.lack(at, &format!("{name} is not required"));
        }
        if of == Of::Request && required(have).iter().any(|name| !required(want).contains(name)) {
            self.lack(at, "narrower by required");
        }
        for (name, property) in members(&want["properties"]) {
            match &have["properties"][name] {
                Value::Null => self.lack(at, &format!("{name} is not there")),
                found => self.schema(&format!("{at} {name}"), property, found, of),
            }
        }
        if !want["items"].is_null() {
            self.schema(&format!("{at} []"), &want["items"], &have["items"], of);
        }
        // One of several shapes: told apart by their types.
        let several = |schema: &Value| [items(&schema["oneOf"]), items(&schema["anyOf"])].concat();
        for variant in several(want) {
            match several(have).iter().find(|one| resolved(self.ours, one)["type"] == variant["type"]) {
                None => self.lack(at, &format!("cannot be {}", variant["type"])),
                Some(found) => self.schema(
                    &format!("{at} as {}", variant["type"].as_str().unwrap_or_default()),
                    &variant,
                    found,
                    of,
                ),
            }
        }
    }
}

fn lacks(seed: &Value, ours: &Value) -> Vec<String> {
    let mut comparison = Comparison { seed, ours, lacks: Vec::new() };
    comparison.document();
    comparison.lacks
}

#[test]
fn all_that_the_seed_publishes_is_published() {
    let Some(seed) = seed() else { return };
    let found = lacks(&seed, &ours());
    let expected = |lack: &String| DIFFERENCES.iter().any(|(place, _)| place == lack);
    let unexpected: Vec<&String> = found.iter().filter(|one| !expected(one)).collect();
    assert!(unexpected.is_empty(), "the contract misses: {unexpected:#?}");
    let settled: Vec<_> =
        DIFFERENCES.iter().filter(|(place, _)| !found.iter().any(|one| one == place)).collect();
    assert!(settled.is_empty(), "no longer different: {settled:#?}");
}

/// The paths that it looks at, one taken away or changed at a time.
#[test]
fn whatever_of_the_seed_is_missing_is_named() {
    let Some(seed) = seed() else { return };
    let ours = ours();
    let before = lacks(&seed, &ours);
    let post = "/paths/~1outreach~1send-email/post";
    let email = "/components/schemas/SendEmailRequest";
    let stats = "/paths/~1outreach~1campaign-stats/get";
    for (pointer, member, with, says) in [
        ("/paths", "/outreach/webhook", Value::Null, "webhook post: is not there"),
        (post, "security", json!([]), "send-email post security: [{\"BearerAuth\":[]}] is []"),
        (&format!("{post}/responses"), "403", Value::Null, "send-email post 403: is not there"),
        (&format!("{post}/requestBody/content"), "application/json", Value::Null, "media type is not there"),
        (email, "required", json!(["to"]), "SendEmailRequest: \"subject\" is not required"),
        (email, "required", json!(["to", "subject", "tags"]), "SendEmailRequest: narrower by required"),
        (&format!("{email}/properties"), "replyTo", Value::Null, "SendEmailRequest: replyTo is not there"),
        (&format!("{email}/properties/subject"), "maxLength", json!(99), "subject maxLength: 998 is 99"),
        (&format!("{email}/properties/text"), "maxLength", json!(99), "text: narrower by maxLength"),
        (
            &format!("{email}/properties/to"),
            "anyOf",
            json!([{ "type": "string" }]),
            "to: cannot be \"array\"",
        ),
        (stats, "parameters", json!([]), "campaign-stats get ?limit: is not there"),
        ("/components/schemas", "ErrorResponse", Value::Null, "ErrorResponse: is not there"),
        ("/info", "version", json!("2.0.0"), "/info/version: \"1.0.0\" is \"2.0.0\""),
    ] {
        let mut changed = ours.clone();
        let place = changed.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer} is there"));
        place[member] = with;
        // What is null is not there.
        let found: Vec<String> =
            lacks(&seed, &changed).into_iter().filter(|one| !before.contains(one)).collect();
        assert!(
            found.iter().any(|one| one.contains(says)),
            "{pointer} {member}: {says} is not in {found:#?}"
        );
    }
}
