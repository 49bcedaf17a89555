//! Which resource and method a path belongs to.

use percent_encoding::percent_decode_str;

use super::Domain;
use crate::deployed::{Mapping, Method, Resource};

/// The path below a stage or base path (neither slashes around it nor none at all matter), or `None` for another one.
/// Leading slashes count as one.
#[must_use]
pub fn below<'p>(base: &str, path: &'p str) -> Option<&'p str> {
    let base = base.trim_matches('/');
    let whole = path.trim_start_matches('/');
    if base.is_empty() {
        return Some(if whole.is_empty() { "/" } else { &path[path.len() - whole.len() - 1..] });
    }
    match whole.strip_prefix(base)? {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
}

/// Where a custom domain leads a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Led {
    /// The host is none of the custom domains.
    Not,
    /// The domain does not know the path.
    Nowhere,
    To {
        api: String,
        stage: String,
        domain: Domain,
    },
}

/// Where the host of a request leads it, by its first segment, else by what the whole domain leads to.
#[must_use]
pub fn led(mappings: &[Mapping], host: &str, path: &str) -> Led {
    let host = host.split(':').next().unwrap_or_default();
    let ours: Vec<&Mapping> = mappings.iter().filter(|one| one.host.eq_ignore_ascii_case(host)).collect();
    if ours.is_empty() {
        return Led::Not;
    }
    let mut segments = path.trim_start_matches('/').split('/');
    let first = segments.next().unwrap_or_default();
    let exact = ours.iter().find(|one| !one.base.is_empty() && one.base == first);
    let Some(found) = exact.or_else(|| ours.iter().find(|one| one.base.is_empty())) else {
        return Led::Nowhere;
    };
    let mut base = if found.base.is_empty() { String::new() } else { format!("/{}", found.base) };
    let stage = found.stage.clone().unwrap_or_else(|| {
        let said = if found.base.is_empty() { first } else { segments.next().unwrap_or_default() };
        base = format!("{base}/{said}");
        said.to_owned()
    });
    Led::To { api: found.api.clone(), stage, domain: Domain { host: host.to_owned(), base } }
}

/// A resource, its method, and the path's parameters.
pub type Found<'r> = (&'r Resource, &'r Method, Vec<(String, String)>);

/// The resource and method, and the path's parameters, decoded. Plain segments win over `{parameters}`, those over
/// `{greedy+}`; the method itself over `ANY`. A slash at the end does not count.
#[must_use]
pub fn find<'r>(resources: &'r [Resource], method: &str, path: &str) -> Option<Found<'r>> {
    let segments: Vec<&str> = path.trim_end_matches('/').split('/').skip(1).collect();
    let matching = resources.iter().filter_map(|resource| {
        let (rank, parameters) = fits(&resource.path, &segments)?;
        Some((rank, resource, parameters))
    });
    let (_, resource, parameters) = matching.min_by(|one, other| one.0.cmp(&other.0))?;
    let method = resource.methods.get(method).or_else(|| resource.methods.get("ANY"))?;
    Some((resource, method, parameters))
}

/// How specific a fit is: a number for each segment, the smaller the more specific.
type Rank = Vec<u8>;

fn fits(pattern: &str, segments: &[&str]) -> Option<(Rank, Vec<(String, String)>)> {
    let wanted: Vec<&str> = pattern.trim_end_matches('/').split('/').skip(1).collect();
    let (mut rank, mut parameters) = (Vec::new(), Vec::new());
    for (index, want) in wanted.iter().enumerate() {
        let rest = segments.get(index..).filter(|rest| !rest.is_empty())?;
        match want.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None if *want == decode(rest[0]) => rank.push(0),
            None => return None,
            Some(name) => match name.strip_suffix('+') {
                Some(name) => {
                    rank.push(2);
                    parameters.push((name.to_owned(), decode(&rest.join("/"))));
                    return Some((rank, parameters));
                }
                None if rest[0].is_empty() => return None,
                None => {
                    rank.push(1);
                    parameters.push((name.to_owned(), decode(rest[0])));
                }
            },
        }
    }
    (wanted.len() == segments.len()).then_some((rank, parameters))
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str, methods: &[&str]) -> Resource {
        let methods = methods.iter().map(|method| ((*method).to_owned(), Method::default()));
        Resource { id: path.to_owned(), path: path.to_owned(), methods: methods.collect() }
    }

    #[track_caller]
    fn check(method: &str, path: &str, wanted: Option<(&str, &[(&str, &str)])>) {
        let resources = [
            resource("/{any+}", &["GET"]),
            resource("/", &["GET"]),
            resource("/users/{id}", &["GET", "ANY"]),
            resource("/users/me", &["GET"]),
            resource("/users/{id}/files/{path+}", &["PUT"]),
        ];
        let found = find(&resources, method, path);
        let found = found.map(|(resource, _, parameters)| (resource.path.clone(), parameters));
        let wanted = wanted.map(|(path, parameters)| {
            let pairs = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            (path.to_owned(), pairs.collect())
        });
        assert_eq!(found, wanted, "{method} {path}");
    }

    #[test]
    fn the_most_specific_resource_answers() {
        check("GET", "/", Some(("/", &[])));
        check("GET", "/users/me", Some(("/users/me", &[])));
        check("GET", "/users/me/", Some(("/users/me", &[])));
        check("GET", "/users/a%20b", Some(("/users/{id}", &[("id", "a b")])));
        check("DELETE", "/users/7", Some(("/users/{id}", &[("id", "7")])));
        check(
            "PUT",
            "/users/7/files/a/b%2Fc",
            Some(("/users/{id}/files/{path+}", &[("id", "7"), ("path", "a/b/c")])),
        );
        check("GET", "/elsewhere/at/all", Some(("/{any+}", &[("any", "elsewhere/at/all")])));
    }

    #[test]
    fn a_method_that_the_resource_lacks_is_nobodys() {
        check("POST", "/users/me", None);
        check("POST", "/elsewhere", None);
    }

    #[test]
    fn the_stage_comes_first() {
        assert_eq!(below("dev", "/dev/a"), Some("/a"));
        assert_eq!(below("dev", "/dev"), Some("/"));
        assert_eq!(below("dev", "/device"), None);
        assert_eq!(below("dev", "/prod/a"), None);
        assert_eq!((below("", "/a"), below("", "//a"), below("", "/")), (Some("/a"), Some("/a"), Some("/")));
        assert_eq!(below("/outreach", "/outreach/a"), Some("/a"));
    }

    #[test]
    fn a_custom_domain_leads_by_its_base_path() {
        let mapping = |host: &str, base: &str, api: &str, stage: Option<&str>| Mapping {
            host: host.to_owned(),
            base: base.to_owned(),
            api: api.to_owned(),
            stage: stage.map(str::to_owned),
        };
        let mappings = [
            mapping("api.example.com", "mail", "a1", Some("dev")),
            mapping("api.example.com", "said", "a2", None),
            mapping("one.example.com", "", "a3", Some("prod")),
        ];
        let led = |host: &str, path: &str| match led(&mappings, host, path) {
            Led::To { api, stage, domain } => format!("{api} {stage} {}", domain.base),
            other => format!("{other:?}"),
        };
        assert_eq!(led("127.0.0.1:9000", "/dev/a"), "Not");
        assert_eq!(led("API.example.com:9000", "/mail/a"), "a1 dev /mail");
        assert_eq!(led("api.example.com", "/mailer/a"), "Nowhere");
        assert_eq!(led("api.example.com", "/said/test/a"), "a2 test /said/test");
        assert_eq!(led("one.example.com", "/a"), "a3 prod ");
    }
}
