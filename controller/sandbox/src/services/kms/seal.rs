//! Encrypt and Decrypt of symmetric keys: authenticated with the key and the encryption context, as large as
//! AWS's ciphertexts, and the same text for the same input at the same time.

use std::collections::BTreeMap;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{KEYS, World, arn, invalid, named, state_of};
use crate::services::{Refusal, strings, text};

const PLAIN_MAX: usize = 4096;
const SEALED_MAX: usize = 6144;

/// What AWS's ciphertexts of small texts are longer than the text: 32 bytes become 184.
const OVERHEAD: usize = 152;

/// Where the key id, the nonce and the sealed text begin.
const ID_AT: usize = 4;
const ID_LEN: usize = 36;
const NONCE_AT: usize = ID_AT + ID_LEN;
const TAG_LEN: usize = 16;
const TEXT_AT: usize = OVERHEAD - TAG_LEN;

/// What a ciphertext of ours begins with.
const MARK: [u8; ID_AT] = [1, 2, 2, 0];

pub(super) fn encrypt(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let id = usable(input, world)?;
    let plain = bytes(input, "Plaintext", PLAIN_MAX)?;
    let context = context(input);
    let nonce = Sha256::new()
        .chain_update(world.now_ms.to_be_bytes())
        .chain_update(&context)
        .chain_update(&plain)
        .finalize();
    let nonce = &nonce[..NONCE_LEN];

    let mut blob = Vec::with_capacity(OVERHEAD + plain.len());
    blob.extend(MARK);
    blob.extend(format!("{id:ID_LEN$}").into_bytes());
    blob.extend(nonce);
    blob.resize(TEXT_AT, 0);
    let mut sealed = plain;
    let aad = Aad::from([&blob[..], &context].concat());
    key(&id)?
        .seal_in_place_append_tag(nonce_of(nonce)?, aad, &mut sealed)
        .map_err(|_| Refusal::new("KMSInternalException", "the text cannot be sealed").status(500))?;
    blob.extend(sealed);
    Ok(json!({
        "CiphertextBlob": STANDARD.encode(blob),
        "KeyId": arn(world, &id),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

pub(super) fn decrypt(input: &Value, world: &World<'_>) -> Result<Value, Refusal> {
    let blob = bytes(input, "CiphertextBlob", SEALED_MAX)?;
    let forged = || Refusal::new("InvalidCiphertextException", String::new());
    if blob.len() < OVERHEAD || blob[..ID_AT] != MARK {
        return Err(forged());
    }
    let sealed_by = std::str::from_utf8(&blob[ID_AT..NONCE_AT]).map_err(|_| forged())?.trim_end();
    let given = json!({ "KeyId": sealed_by });
    let id = match text(input, "KeyId") {
        "" => usable(&given, world).map_err(|_| forged())?,
        _ => usable(input, world)?,
    };
    if id != sealed_by {
        let message = "The key ID in the request does not identify a CMK that can perform this operation.";
        return Err(Refusal::new("IncorrectKeyException", message));
    }
    let aad = Aad::from([&blob[..TEXT_AT], &context(input)].concat());
    let mut sealed = blob[TEXT_AT..].to_vec();
    let nonce = nonce_of(&blob[NONCE_AT..NONCE_AT + NONCE_LEN])?;
    let plain = key(&id)?.open_in_place(nonce, aad, &mut sealed).map_err(|_| forged())?;
    Ok(json!({
        "Plaintext": STANDARD.encode(plain),
        "KeyId": arn(world, &id),
        "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
    }))
}

/// The key that the request names, able to seal and open.
fn usable(input: &Value, world: &World<'_>) -> Result<String, Refusal> {
    let id = named(input, world)?;
    let arn = arn(world, &id);
    match state_of(world, &id) {
        "Enabled" => {}
        "Disabled" => return Err(Refusal::new("DisabledException", format!("{arn} is disabled."))),
        state => {
            let message =
                format!("{arn} is {}.", if state == "PendingDeletion" { "pending deletion" } else { state });
            return Err(Refusal::new("KMSInvalidStateException", message));
        }
    }
    let symmetric = world.get(KEYS, &id).is_some_and(|key| key["spec"] == "SYMMETRIC_DEFAULT");
    if symmetric {
        return Ok(id);
    }
    Err(Refusal::new("InvalidKeyUsageException", format!("{arn} key usage is not ENCRYPT_DECRYPT here.")))
}

fn bytes(input: &Value, member: &str, most: usize) -> Result<Vec<u8>, Refusal> {
    let bytes =
        STANDARD.decode(text(input, member)).map_err(|_| invalid(format!("{member} is no base64")))?;
    if (1..=most).contains(&bytes.len()) {
        return Ok(bytes);
    }
    Err(invalid(format!(
        "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must have \
         length greater than or equal to 1 and less than or equal to {most}"
    )))
}

/// The pairs in the order of their names, whatever their order in the request.
fn context(input: &Value) -> Vec<u8> {
    let pairs: BTreeMap<String, String> = strings(input.get("EncryptionContext"));
    json!(pairs).to_string().into_bytes()
}

/// Follows from the key id, so that a kept account opens what it sealed before.
fn key(id: &str) -> Result<LessSafeKey, Refusal> {
    let material = Sha256::new().chain_update("the embedded account's key ").chain_update(id).finalize();
    let key = UnboundKey::new(&AES_256_GCM, &material);
    key.map(LessSafeKey::new)
        .map_err(|_| Refusal::new("KMSInternalException", "the key cannot be made").status(500))
}

fn nonce_of(bytes: &[u8]) -> Result<Nonce, Refusal> {
    Nonce::try_assume_unique_for_key(bytes)
        .map_err(|_| Refusal::new("InvalidCiphertextException", String::new()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        services::{asking, kms::SERVICE},
        store::Documents,
        weather::Weather,
    };

    fn with_key(work: impl FnOnce(&mut World<'_>, &str)) {
        let (documents, weather) = (Documents::default(), Weather::default());
        let mut world = World::new(&documents, 1_000, "000000000000", "us-east-1", &weather);
        let made = asking::ask(&SERVICE, &mut world, "CreateKey", json!({})).expect("a key");
        let id = text(&made["KeyMetadata"], "KeyId").to_owned();
        work(&mut world, &id);
    }

    fn sealed(world: &mut World<'_>, id: &str, plain: &[u8]) -> Value {
        let input = json!({
            "KeyId": id, "Plaintext": STANDARD.encode(plain), "EncryptionContext": { "b": "2", "a": "1" },
        });
        asking::ask(&SERVICE, world, "Encrypt", input).expect("a ciphertext")["CiphertextBlob"].clone()
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_context_in_any_order() {
        with_key(|world, id| {
            let blob = sealed(world, id, b"text");
            let length = STANDARD.decode(blob.as_str().expect("base64")).expect("base64").len();
            assert_eq!(length, 4 + OVERHEAD);
            let input = json!({ "CiphertextBlob": blob, "EncryptionContext": { "a": "1", "b": "2" } });
            let opened = asking::ask(&SERVICE, world, "Decrypt", input).expect("a text");
            assert_eq!(opened["Plaintext"], json!(STANDARD.encode("text")));
        });
    }

    #[test]
    fn another_context_key_or_byte_is_refused() {
        with_key(|world, id| {
            let blob = sealed(world, id, b"text");
            let refused = |world: &mut World<'_>, input, code| {
                asking::refused(&SERVICE, world, "Decrypt", input, (code, ""));
            };
            for context in [json!({ "a": "1" }), json!({ "a": "1", "b": "3" }), json!({}), Value::Null] {
                let input = json!({ "CiphertextBlob": blob, "EncryptionContext": context });
                refused(world, input, "InvalidCiphertextException");
            }
            let bytes = STANDARD.decode(blob.as_str().expect("base64")).expect("base64");
            for at in 0..bytes.len() {
                let mut altered = bytes.clone();
                altered[at] ^= 1;
                let input = json!({
                    "CiphertextBlob": STANDARD.encode(altered), "EncryptionContext": { "a": "1", "b": "2" },
                });
                refused(world, input, "InvalidCiphertextException");
            }
            let other = asking::ask(&SERVICE, world, "CreateKey", json!({})).expect("a key");
            let input = json!({
                "CiphertextBlob": blob, "KeyId": other["KeyMetadata"]["KeyId"],
                "EncryptionContext": { "a": "1", "b": "2" },
            });
            refused(world, input, "IncorrectKeyException");
        });
    }

    #[test]
    fn a_key_that_is_off_or_of_another_sort_seals_nothing() {
        with_key(|world, id| {
            let input = |id: &str| json!({ "KeyId": id, "Plaintext": STANDARD.encode("text") });
            asking::ask(&SERVICE, world, "DisableKey", json!({ "KeyId": id })).expect("disabled");
            asking::refused(&SERVICE, world, "Encrypt", input(id), ("DisabledException", id));
            let pending = json!({ "KeyId": id });
            asking::ask(&SERVICE, world, "ScheduleKeyDeletion", pending).expect("pending");
            asking::refused(&SERVICE, world, "Encrypt", input(id), ("KMSInvalidStateException", "pending"));
            let mac = json!({ "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" });
            let mac = asking::ask(&SERVICE, world, "CreateKey", mac).expect("a key");
            let mac = text(&mac["KeyMetadata"], "KeyId").to_owned();
            asking::refused(&SERVICE, world, "Encrypt", input(&mac), ("InvalidKeyUsageException", ""));
            let none = json!({ "KeyId": mac, "Plaintext": "" });
            asking::refused(&SERVICE, world, "Encrypt", none, ("InvalidKeyUsageException", ""));
        });
    }
}
