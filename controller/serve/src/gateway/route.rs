//! Which resource and method a path belongs to.

use percent_encoding::percent_decode_str;

use crate::deployed::{Method, Resource};

/// The path below `/STAGE`, or `None` for another stage. Leading slashes count as one.
#[must_use]
pub fn below_stage<'p>(stage: &str, path: &'p str) -> Option<&'p str> {
    let rest = path.trim_start_matches('/').strip_prefix(stage)?;
    match rest {
        "" => Some("/"),
        rest => rest.starts_with('/').then_some(rest),
    }
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
        assert_eq!(below_stage("dev", "/dev/a"), Some("/a"));
        assert_eq!(below_stage("dev", "/dev"), Some("/"));
        assert_eq!(below_stage("dev", "/device"), None);
        assert_eq!(below_stage("dev", "/prod/a"), None);
    }
}
