//! What functions use beside tables: secrets, the key of unsubscribe tokens, the contact list.

use serde::{Deserialize, Serialize};

use crate::variable::{Meaning, Variable, required};

/// A secret: the last part of its address, and the stack that declares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Secret {
    pub stack: &'static str,
    pub name: &'static str,
}

/// A secret as a type.
pub trait Named: 'static {
    const SECRET: Secret;
}

macro_rules! secrets {
    ($($(#[$doc:meta])* $name:ident = $stack:literal $secret:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Named for $name {
            const SECRET: Secret = Secret { stack: $stack, name: $secret };
        }
    )+};
}

secrets! {
    /// API key, domain and webhook signing key of Mailgun.
    Mailgun = "outreach" "mailgun";
    /// The login that payouts are fetched with.
    Korrect = "dn_api" "korrect";
    /// The key of the hashes that stand for addresses in logs (A33). It is made up when the secret is, and stays.
    LogHashes = "shared" "log-hashes";
    /// The OAuth client that YouTube tokens are made with.
    Youtube = "dn_api" "youtube";
}

/// The value of the secret `log-hashes`.
#[derive(Clone, Serialize, Deserialize)]
pub struct LogKey {
    pub key: String,
}

/// The stack and name of the key that seals unsubscribe tokens (R60).
pub const UNSUBSCRIBE_KEY: (&str, &str) = ("shared", "unsubscribe");

/// Key and value in the encryption context of every unsubscribe token: roles may use the key for nothing else.
pub const TOKEN_PURPOSE: (&str, &str) = ("purpose", "unsubscribe");

/// The stack and name of the one contact list of an account (A12).
pub const CONTACT_LIST: (&str, &str) = ("shared", "contacts");

/// What may be done with the key of unsubscribe tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    Encrypt,
    Decrypt,
}

/// What may be done with the contacts of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactListUse {
    /// Get and list contacts.
    Read,
    /// Get, create and update contacts.
    Update,
}

macro_rules! named {
    ($($(#[$doc:meta])* $type:ident means $meaning:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $type(String);

        impl $type {
            pub fn name(&self) -> &str {
                &self.0
            }
        }

        impl Variable for $type {
            const MEANING: Meaning = $meaning;

            fn parse(text: Option<String>) -> Result<Self, String> {
                required(text).map(Self)
            }
        }
    )+};
}

named! {
    /// The key, to seal tokens with.
    SealingKey means Meaning::Key(KeyUse::Encrypt);
    /// The key, to open tokens with.
    OpeningKey means Meaning::Key(KeyUse::Decrypt);
    /// The contact list, to look contacts up in.
    ReadContactList means Meaning::ContactList(ContactListUse::Read);
    /// The contact list, to keep contacts in.
    UpdateContactList means Meaning::ContactList(ContactListUse::Update);
    /// The control bucket, for who compares everything with what was applied.
    ControlBucket means Meaning::Control;
    /// The control bucket, for who rotates keys: the lock, the journal and a report of its own.
    RotationBucket means Meaning::RotationControl;
    /// The secret of the signing key, for who rotates it: versions are made and labelled, and no value is read.
    RotatedKey means Meaning::RotatedKey;
    /// The ARN of the topic that people are told by.
    AlarmTopic means Meaning::AlarmTopic;
}
