//! Policies: what a link allows. CloudFront signs over bytes, so their order and spelling are fixed.

use std::fmt;

use crate::Url;

/// The policy that CloudFront rebuilds from a link by itself: one address until one time.
#[must_use]
pub fn canned(url: &Url, until_s: i64) -> String {
    format!(
        r#"{{"Statement":[{{"Resource":"{url}","Condition":{{"DateLessThan":{{"AWS:EpochTime":{until_s}}}}}}}]}}"#
    )
}

/// A policy that travels in its link, for what a canned one cannot say.
#[derive(Clone, Debug)]
pub struct Custom {
    /// What may be read; `*` stands for any characters.
    pub resource: Url,
    /// Seconds since 1970 at which it ends.
    pub until_s: i64,
    /// Seconds since 1970 before which it does not work yet.
    pub from_s: Option<i64>,
    /// Where it may be used from.
    pub from_address: Option<IpRange>,
}

impl Custom {
    /// The policy as it is signed.
    #[must_use]
    pub fn document(&self) -> String {
        let mut conditions = format!(r#""DateLessThan":{{"AWS:EpochTime":{}}}"#, self.until_s);
        if let Some(from) = self.from_s {
            conditions += &format!(r#","DateGreaterThan":{{"AWS:EpochTime":{from}}}"#);
        }
        if let Some(range) = &self.from_address {
            conditions += &format!(r#","IpAddress":{{"AWS:SourceIp":"{range}"}}"#);
        }
        format!(r#"{{"Statement":[{{"Resource":"{}","Condition":{{{conditions}}}}}]}}"#, self.resource)
    }
}

/// IPv4 addresses, as `192.0.2.0/24`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IpRange(String);

impl IpRange {
    /// One address, or a range of them; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        let address: std::net::Ipv4Addr = address.parse().ok()?;
        let bits: u8 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        Some(Self(format!("{address}/{bits}")))
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, range) in [("12.34.56.78", "12.34.56.78/32"), ("192.168.0.0/24", "192.168.0.0/24")] {
            assert_eq!(IpRange::parse(text).unwrap().to_string(), range);
        }
        for text in ["", "1.2.3", "1.2.3.4/33", "1.2.3.4/", "::1", r#"192.168.0.0/24","x":"0.0.0.0/0"#] {
            assert_eq!(IpRange::parse(text), None, "{text}");
        }
    }
}
