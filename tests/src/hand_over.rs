//! What people set elsewhere is what `dn outputs` prints, and never the value of a key.

use contract::outreach::MAILGUN_EVENTS;
use serde_json::Value;

use crate::project::Project;

#[test]
fn the_front_end_and_mailgun_are_told_what_to_use() {
    let project = Project::applied();
    let ran = project.dn(&["outputs", "sandbox", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.text);
    let read: Value = serde_json::from_str(&ran.text).expect("JSON");
    let output =
        |address: &str, name: &str| read["outputs"][address][name].as_str().unwrap_or_default().to_owned();
    let front_end = read["front_end"].as_object().expect("variables");
    let names: Vec<&str> = front_end.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "REACT_APP_DN_API_KEY",
            "REACT_APP_OUTREACH_ADD_CONTACT_PATH",
            "REACT_APP_S3_BUCKET",
            "REACT_APP_S3_REGION",
        ]
    );
    assert_eq!(front_end["REACT_APP_DN_API_KEY"]["api_key"], output("dn_api/api key/dn-api-crm", "id"));
    assert_eq!(front_end["REACT_APP_OUTREACH_ADD_CONTACT_PATH"], "/financial/add-contact");
    assert_eq!(front_end["REACT_APP_S3_BUCKET"], output("reports/bucket/reports", "name"));
    assert_eq!(front_end["REACT_APP_S3_REGION"], "us-east-1");
    let base = output("outreach/rest api/outreach", "url");
    assert!(base.starts_with("https://") && base.ends_with("/dev"), "{base}");
    assert_eq!(read["apis"]["outreach"], base);
    assert_eq!(read["apis"]["dn-api"], output("dn_api/rest api/dn-api", "url"));
    assert_eq!(read["mailgun_webhook"]["url"], format!("{base}/outreach/webhook"));
    assert_eq!(read["mailgun_webhook"]["events"].as_array().map(Vec::len), Some(MAILGUN_EVENTS.len()));
    assert_eq!(read["dns"][0]["value"], "10 inbound-smtp.us-east-1.amazonaws.com");

    let text = project.dn(&["outputs", "sandbox"]).text;
    for line in ["REACT_APP_S3_REGION", "--include-value", &format!("  {base}/outreach/webhook")] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

/// With browser access to the reports there is one variable more.
#[test]
fn the_pool_of_who_signs_in_is_told_where_there_is_one() {
    let mut environment = crate::stage::environment();
    let names = |environment: &stacks::Environment| -> Vec<String> {
        let told = stacks::hand_over(environment).expect("addresses");
        told.front_end.into_iter().map(|(name, _)| name).collect()
    };
    assert!(!names(&environment).contains(&"REACT_APP_S3_IDENTITY_POOL_ID".to_owned()));
    environment.reports.sign_in_provider = Some("arn:aws:iam::000000000000:oidc-provider/x".to_owned());
    assert!(names(&environment).contains(&"REACT_APP_S3_IDENTITY_POOL_ID".to_owned()));
}
