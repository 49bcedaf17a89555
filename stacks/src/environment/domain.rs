//! A domain of our own in front of the APIs, so that URLs outlive an API.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A domain of our own in front of the APIs: their URLs stay when an API is made anew, and so do the links in mail
/// that was sent. API Gateway's own URLs go on working beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// Such as `api.example.com`; `dn doctor` tells its DNS record until that is published.
    pub name: HostName,
    /// The ARN of an ACM certificate for the name, issued in the stage's Region.
    pub certificate: CertificateArn,
    /// The first part of the paths of an API below the domain, where it is not the API's name.
    #[serde(default)]
    pub paths: BTreeMap<String, BasePath>,
}

impl Domain {
    /// What the paths of an API begin with, without slashes.
    #[must_use]
    pub fn path_of<'d>(&'d self, api: &'d str) -> &'d str {
        self.paths.get(api).map_or(api, |path| path.0.as_str())
    }

    /// What an API is called at: `https://api.example.com/outreach`.
    #[must_use]
    pub fn url_of(&self, api: &str) -> String {
        format!("https://{}/{}", self.name.0, self.path_of(api))
    }

    /// What does not fit the rest of the environment, or the APIs that there are.
    ///
    /// # Errors
    /// Says what, with the name of the field.
    pub(super) fn check(&self, account: &str, region: &str, apis: &[&str]) -> Result<(), String> {
        let arn = &self.certificate.0;
        let [_, _, _, its_region, its_account, ..] = arn.split(':').collect::<Vec<_>>()[..] else {
            return Err(format!("certificate: `{arn}` is no ARN"));
        };
        if its_region != region {
            return Err(format!(
                "certificate: it is in {its_region}, and must be in {region}, where the domain is"
            ));
        }
        if its_account != account {
            return Err(format!(
                "certificate: it belongs to account {its_account}, and the stage to {account}"
            ));
        }
        if let Some(unknown) = self.paths.keys().find(|api| !apis.contains(&api.as_str())) {
            return Err(format!("paths: there is no API `{unknown}`; there are {}", apis.join(", ")));
        }
        let mut taken = BTreeMap::new();
        for api in apis {
            if let Some(other) = taken.insert(self.path_of(api), api) {
                return Err(format!("paths: {other} and {api} are both below `{}`", self.path_of(api)));
            }
        }
        Ok(())
    }
}

/// A host name in lower case, with a dot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct HostName(#[schemars(regex(pattern = r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]+$"))] String);

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = |part: &str| {
            let signs = part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            signs && !part.is_empty() && !part.starts_with('-') && !part.ends_with('-') && part.len() < 64
        };
        if text.contains('.') && text.len() < 254 && text.split('.').all(fits) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no host name: expected one such as api.example.com"))
    }
}

impl HostName {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ARN of a certificate of AWS Certificate Manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct CertificateArn(
    #[schemars(regex(pattern = r"^arn:aws:acm:[a-z0-9-]+:\d{12}:certificate/[0-9a-f-]+$"))] String,
);

impl TryFrom<String> for CertificateArn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(':').collect();
        let good = match parts[..] {
            ["arn", "aws", "acm", region, account, id] => {
                let id = id.strip_prefix("certificate/").unwrap_or_default();
                !region.is_empty()
                    && account.len() == 12
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && !id.is_empty()
                    && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
            }
            _ => false,
        };
        if good {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no certificate of ACM: expected arn:aws:acm:REGION:ACCOUNT:certificate/ID"))
    }
}

impl CertificateArn {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One segment of a path, without slashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct BasePath(#[schemars(regex(pattern = r"^[A-Za-z0-9$_.+!*'()-]+$"))] String);

impl TryFrom<String> for BasePath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = |sign: char| sign.is_ascii_alphanumeric() || "$-_.+!*'()".contains(sign);
        if !text.is_empty() && text.chars().all(fits) {
            return Ok(Self(text));
        }
        Err(format!("`{text}` is no base path: expected letters, digits and $-_.+!*'(), without a slash"))
    }
}

impl From<HostName> for String {
    fn from(name: HostName) -> Self {
        name.0
    }
}

impl From<CertificateArn> for String {
    fn from(arn: CertificateArn) -> Self {
        arn.0
    }
}

impl From<BasePath> for String {
    fn from(path: BasePath) -> Self {
        path.0
    }
}
