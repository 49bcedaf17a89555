//! Signed links of CloudFront: who has one may read one report until it expires.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`url`] | what is signed: an HTTPS address as it travels, percent-encoded |
//! | [`policy`] | canned and custom policies, byte for byte as CloudFront rebuilds them |
//! | [`signer`] | a key, and links made with it |
//! | [`keyring`] | the key as it was read from the secret, for a bounded time |
//! | [`pair`] | a new key, made in this process |
//!
//! RSA signs with SHA-256 (`Hash-Algorithm=SHA256`), and so does ECDSA on P-256; SHA-1, CloudFront's default, is not
//! offered. No link outlives [`contract::signing::LINK_LIFE_MAX_S`]: rotation counts on that. Nothing here does I/O or
//! reads a clock.

pub mod keyring;
pub mod pair;
pub mod policy;
pub mod signer;
pub mod url;

pub use keyring::{Keyring, Usable};
pub use pair::{Algorithm, Pair};
pub use policy::{Custom, IpRange};
pub use signer::{Refused, Signer, UnusableKey};
pub use url::{BadUrl, Url};
