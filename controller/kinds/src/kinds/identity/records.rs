//! The DNS records that somebody must publish, and what is said while they are not found.

use aws_sdk_sesv2::{
    operation::get_email_identity::GetEmailIdentityOutput,
    types::{DkimStatus, MailFromDomainStatus},
};

/// Where the public keys are, unless SES says otherwise.
const HOSTED_ZONE: &str = "dkim.amazonses.com";

/// Lines of `NAME TYPE VALUE`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Records {
    dkim: Vec<String>,
    mail_from: Vec<String>,
    /// A suggestion: SES does not look for it, but large providers do.
    dmarc: Vec<String>,
}

pub(super) fn of(name: &str, found: &GetEmailIdentityOutput, region: &str) -> Records {
    let mut records = Records::default();
    if let Some(dkim) = found.dkim_attributes().filter(|_| !name.contains('@')) {
        let zone = dkim.signing_hosted_zone().unwrap_or(HOSTED_ZONE);
        let one = |token: &String| format!("{token}._domainkey.{name} CNAME {token}.{zone}");
        records.dkim = dkim.tokens().iter().map(one).collect();
        records.dmarc = vec![format!("_dmarc.{name} TXT \"v=DMARC1; p=none;\"")];
    }
    let from = found.mail_from_attributes().map(|from| from.mail_from_domain());
    if let Some(from) = from.filter(|from| !from.is_empty()) {
        records.mail_from = vec![
            format!("{from} MX 10 feedback-smtp.{region}.amazonses.com"),
            format!("{from} TXT \"v=spf1 include:amazonses.com ~all\""),
        ];
    }
    records
}

impl Records {
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// All of them in one line.
    pub(super) fn all(&self) -> String {
        [&self.dkim, &self.mail_from, &self.dmarc]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" | ")
    }

    /// What a person must do, with the records to publish.
    pub(super) fn findings(&self, name: &str, found: &GetEmailIdentityOutput) -> Vec<String> {
        let mut findings = Vec::new();
        let address = name.contains('@');
        if address && !found.verified_for_sending_status() {
            findings.push(format!("waiting for {name} to open the link that SES sent"));
        }
        let dkim = found.dkim_attributes().and_then(|dkim| dkim.status());
        if !address && !self.dkim.is_empty() && dkim != Some(&DkimStatus::Success) {
            let again = match dkim {
                Some(DkimStatus::Failed) => "SES gave up looking for the DNS records of DKIM",
                _ => "waiting for DNS (DKIM)",
            };
            findings.push(format!("{again}: publish {}", self.dkim.join(", ")));
            findings.push(format!("a DMARC record is advised, such as {}", self.dmarc.join(", ")));
        }
        let from = found.mail_from_attributes().map(|from| from.mail_from_domain_status());
        if !self.mail_from.is_empty() && from != Some(&MailFromDomainStatus::Success) {
            let again = match from {
                Some(MailFromDomainStatus::Failed) => "SES gave up looking for the DNS records of MAIL FROM",
                _ => "waiting for DNS (MAIL FROM)",
            };
            findings.push(format!("{again}: publish {}", self.mail_from.join(", ")));
        }
        if let Some(policies) = found.policies().filter(|policies| !policies.is_empty()) {
            let mut names: Vec<&str> = policies.keys().map(String::as_str).collect();
            names.sort_unstable();
            findings.push(format!("others may send from it: it has policies ({})", names.join(", ")));
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::types::DkimAttributes;

    use super::*;

    #[test]
    fn a_domain_without_mail_from_has_only_the_records_of_its_keys() {
        let dkim = DkimAttributes::builder().tokens("abc").signing_hosted_zone("dkim.eu.amazonses.com");
        let found = GetEmailIdentityOutput::builder()
            .dkim_attributes(dkim.status(DkimStatus::Failed).build())
            .build();
        let records = of("a.org", &found, "eu-central-2");
        assert_eq!(
            records.all(),
            "abc._domainkey.a.org CNAME abc.dkim.eu.amazonses.com | _dmarc.a.org TXT \"v=DMARC1; p=none;\""
        );
        let findings = records.findings("a.org", &found);
        assert!(findings[0].starts_with("SES gave up looking"), "{findings:?}");
        assert_eq!(findings.len(), 2, "{findings:?}");
    }

    #[test]
    fn an_address_waits_for_its_owner() {
        let found = GetEmailIdentityOutput::builder().build();
        let records = of("a@b.org", &found, "us-east-1");
        assert!(records.is_empty());
        assert_eq!(
            records.findings("a@b.org", &found),
            ["waiting for a@b.org to open the link that SES sent"]
        );
    }
}
