//! Where the emulator is wrong about AWS, or lacks something: only what follows from that is left out.

/// What is left out.
pub(super) enum Out {
    /// These checks, named as the tests print them: the example, then a law or a field (`#2`: the second change of
    /// that field). They are run all the same.
    Checks(&'static [&'static str]),
    /// An example cannot be made as it is: this one of its changes is made beforehand, and the other changes of that
    /// field are left out.
    Start { example: &'static str, change: &'static str },
}
use Out::{Checks, Start};

/// Kinds that the emulator lacks, and what it says when asked for them. The embedded account alone judges them.
pub(super) const MISSING_KINDS: &[(&str, &str)] = &[
    // Its API cannot be imported either.
    ("base path mapping", "Unknown API Gateway v1 path"),
    ("contact list", "Unknown SES v2 path"),
    ("identity", ""),
    ("mail account", ""),
    // Tags of dashboards are lost, and a list of them has times that the SDK cannot read.
    ("dashboard", "tag.dn:address"),
    // No document can be imported.
    ("rest api", "Unknown API Gateway v1 path"),
    // A plan without limits shows limits of zero, a patched number comes back as text, and there is no API to
    // name: nothing can be made as declared.
    ("usage plan", "a birth"),
];

/// Kind, what is left out, and what AWS does. An entry that is no longer needed fails the test of that kind.
pub(super) const DEVIATIONS: &[(&str, Out, &str)] = &[
    (
        "alarm",
        Checks(&["plain: ownership", "everything set: ownership", "a rate: ownership"]),
        "the tagging API lists alarms; here it does not know them",
    ),
    (
        "alarm",
        Checks(&["plain: metric#4"]),
        "PutMetricAlarm replaces the whole alarm; here the Statistic of before stays beside ExtendedStatistic",
    ),
    ("alarm", Checks(&["plain: metric#7"]), "alarms on expressions keep Metrics; here they are lost"),
    ("alarm", Start { example: "everything set", change: "metric#7" }, "the same"),
    ("alarm", Start { example: "a rate", change: "metric#3" }, "the same"),
    ("alarm", Checks(&["plain: low_samples"]), "EvaluateLowSampleCountPercentile is kept; here it is lost"),
    ("alarm", Start { example: "everything set", change: "low_samples" }, "the same"),
    (
        "configuration set",
        Checks(&["counting: ownership", "everything: ownership"]),
        "the tagging API lists configuration sets; here it does not know them",
    ),
    (
        "identity provider",
        Checks(&["of a forge: clients", "of a forge: clients#2", "with a path, for nobody yet: clients"]),
        "AddClientIDToOpenIDConnectProvider exists; here IAM does not know it",
    ),
    (
        "identity pool",
        Checks(&["for Firebase: ownership", "everything set: ownership"]),
        "the tagging API lists identity pools; here it does not know them",
    ),
    (
        "api key",
        Checks(&["enabled: ownership", "disabled: ownership"]),
        "the tagging API lists API keys; here it does not know them",
    ),
    (
        "api key",
        Checks(&["enabled: enabled", "disabled: enabled"]),
        "UpdateApiKey keeps `enabled` as a boolean; here as text, and the answer cannot be read",
    ),
    (
        "domain name",
        Checks(&["regional: ownership", "everything set: ownership", "at the edge: ownership"]),
        "the tagging API lists domain names; here it does not know them",
    ),
    (
        "domain name",
        Checks(&[
            "regional: certificate",
            "regional: tls",
            "regional: truststore",
            "regional: dual_stack",
            "regional: routing",
            "everything set: certificate",
            "everything set: truststore",
            "everything set: truststore#2",
            "everything set: truststore#3",
            "everything set: dual_stack",
            "everything set: routing",
            "at the edge: certificate",
            "at the edge: tls",
        ]),
        "UpdateDomainName changes a domain; here it is an unknown path",
    ),
    (
        "receipt rule",
        Checks(&[
            "minimal: enabled",
            "minimal: recipients",
            "minimal: recipients#2",
            "minimal: tls",
            "minimal: scan",
            "minimal: actions",
            "everything: after",
            "everything: recipients",
            "everything: actions",
            "everything: actions#2",
            "everything: actions#3",
            "everything: actions#4",
            "everything: actions#5",
            "role and key: actions",
        ]),
        "UpdateReceiptRule changes a rule; here it is an unknown action",
    ),
    (
        "log group",
        Checks(&["kept for ever: ownership", "everything: ownership"]),
        "the tagging API lists log groups; here it does not know them",
    ),
    (
        "log group",
        Checks(&["kept for ever: key", "everything: key", "everything: key#2"]),
        "AssociateKmsKey and DisassociateKmsKey; here they are missing",
    ),
    (
        "log group",
        Checks(&["kept for ever: deletion_protection"]),
        "PutLogGroupDeletionProtection; here it is missing",
    ),
    (
        "role",
        Checks(&["minimal: description"]),
        "UpdateRole with an empty Description removes it; here an empty parameter counts as left out",
    ),
    (
        "role",
        Start { example: "everything", change: "description" },
        "`&` in a description is escaped in answers; here it makes them unreadable",
    ),
    (
        "role",
        Checks(&["minimal: boundary"]),
        "GetAccountAuthorizationDetails tells the permissions boundary; here it does not",
    ),
    ("role", Start { example: "everything", change: "boundary" }, "the same"),
    (
        "secret",
        Checks(&["plain: ownership", "with a key: ownership"]),
        "the tagging API lists secrets; here it does not know them",
    ),
    (
        "subscription",
        Checks(&[
            "web server: raw",
            "web server: filter",
            "web server: delivery_policy",
            "web server: delete",
        ]),
        "the same: a web server must confirm, and nobody can here, so nothing is changed or deleted",
    ),
    (
        "table",
        Checks(&["plain: encryption", "limited, with a key: encryption"]),
        "SSEDescription has the ARN of the key that AWS manages; here it is that of an alias KMS does not know",
    ),
    ("table", Start { example: "everything set", change: "encryption" }, "the same"),
    (
        "table",
        Start { example: "everything set", change: "point_in_time_recovery" },
        "RecoveryPeriodInDays is kept; here it is lost",
    ),
    (
        "table",
        Checks(&["everything set: billing#3", "limited, with a key: index", "limited, with a key: billing"]),
        "UpdateTable changes the limits of an index; here they stay as they were",
    ),
];
