use super::*;

#[test]
fn what_is_counted_wrong_is_refused() {
    for (value, right) in [
        (json!({ "Quantity": "0" }), true),
        (json!({ "Quantity": "1", "Items": [{ "CNAME": "a" }] }), true),
        (json!({ "Aliases": { "Quantity": "2", "Items": [{ "CNAME": "a" }] } }), false),
        (json!({ "Quantity": "1", "Items": [{ "Origin": { "CustomHeaders": { "Quantity": "1" } } }] }), false),
        (json!({ "Name": "a group", "Items": [{ "PublicKey": "K1" }] }), true),
    ] {
        assert_eq!(check_quantities(&value).is_ok(), right, "{value}");
    }
}

#[test]
fn a_path_names_its_operation() {
    let named = |method: &str, path: &str, query: &[(&str, &str)]| {
        let query = query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let path = format!("/2020-05-31/{path}");
        let request = Request { method: method.to_owned(), path, query, ..Request::default() };
        route(&request).map(|(operation, _)| operation)
    };
    assert_eq!(named("POST", "distribution", &[("WithTags", "")]), Some("CreateDistributionWithTags"));
    assert_eq!(named("PUT", "distribution/E1/config", &[]), Some("UpdateDistribution"));
    assert_eq!(named("PUT", "distribution/E1", &[]), None);
    assert_eq!(named("PUT", "key-group/1", &[]), Some("UpdateKeyGroup"));
    assert_eq!(named("PUT", "key-group/1/config", &[]), None);
    assert_eq!(named("GET", "public-key/K1/config", &[]), Some("GetPublicKeyConfig"));
    assert_eq!(named("POST", "tagging", &[("Operation", "Untag")]), Some("UntagResource"));
    assert_eq!(named("GET", "streaming-distribution", &[]), None);
}
