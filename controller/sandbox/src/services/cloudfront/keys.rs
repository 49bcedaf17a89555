//! Public keys, and the groups that distributions trust.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Noun, distributions, fill, invalid, stamp, texts};
use crate::services::{Refusal, World, text};

const KEYS_PER_GROUP_MAX: usize = 5;
const KEY_GROUPS_MAX: usize = 10;
const PUBLIC_KEYS_MAX: usize = 10;

pub(super) const PUBLIC_KEY: Noun = Noun {
    path: "public-key",
    root: "PublicKey",
    config: "PublicKeyConfig",
    list: "PublicKeyList",
    collection: "cloudfront/public-keys",
    absent: "NoSuchPublicKey",
    taken: "PublicKeyAlreadyExists",
    update_config: true,
    operations: [
        "CreatePublicKey",
        "GetPublicKey",
        "GetPublicKeyConfig",
        "UpdatePublicKey",
        "DeletePublicKey",
        "ListPublicKeys",
    ],
    settle: settle_key,
    refuse_delete: |world, found| {
        let holds = |group: &Value| texts(&group["config"]).any(|id| id == text(found, "id"));
        match world.all(KEY_GROUP.collection).into_values().any(holds) {
            true => Err(Refusal::new("PublicKeyInUse", "The specified public key is in use.").status(409)),
            false => Ok(()),
        }
    },
    show: |_, found| json!({ "CreatedTime": stamp(found, "created") }),
    summary: |_, found| {
        let mut summary = found["config"].clone();
        summary["Id"] = found["id"].clone();
        summary["CreatedTime"] = stamp(found, "created").into();
        summary["CallerReference"] = Value::Null;
        json!({ "PublicKeySummary": summary })
    },
};

pub(super) const KEY_GROUP: Noun = Noun {
    path: "key-group",
    root: "KeyGroup",
    config: "KeyGroupConfig",
    list: "KeyGroupList",
    collection: "cloudfront/key-groups",
    absent: "NoSuchResource",
    taken: "KeyGroupAlreadyExists",
    update_config: false,
    operations: [
        "CreateKeyGroup",
        "GetKeyGroup",
        "GetKeyGroupConfig",
        "UpdateKeyGroup",
        "DeleteKeyGroup",
        "ListKeyGroups",
    ],
    settle: settle_group,
    refuse_delete: |world, found| {
        let id = text(found, "id");
        let trusts = |behavior: &Value| texts(&behavior["TrustedKeyGroups"]).any(|one| one == id);
        distributions::refuse_used(
            world,
            trusts,
            "ResourceInUse",
            "Cannot delete this resource because it is in use.",
        )
    },
    show: |_, found| json!({ "LastModifiedTime": stamp(found, "changed") }),
    summary: |_, found| {
        let modified = stamp(found, "changed");
        let group =
            json!({ "Id": found["id"], "LastModifiedTime": modified, "KeyGroupConfig": found["config"] });
        json!({ "KeyGroupSummary": { "KeyGroup": group } })
    },
};

fn settle_key(world: &World<'_>, mut config: Value, old: Option<&Value>) -> Result<Value, Refusal> {
    for member in ["CallerReference", "Name", "EncodedKey"] {
        if text(&config, member).is_empty() {
            return Err(invalid(format!("The parameter {member} is required.")));
        }
    }
    check_comment(&config)?;
    if !text(&config, "Name").chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        return Err(invalid("The parameter Name contains characters that are not allowed."));
    }
    // It comes back with one line break at its end, whatever was sent (hashicorp/terraform-provider-aws#20081).
    config["EncodedKey"] = format!("{}\n", text(&config, "EncodedKey").trim_end()).into();
    fill(&mut config, "Comment", json!(""));
    let Some(old) = old else {
        if world.all(PUBLIC_KEY.collection).len() >= PUBLIC_KEYS_MAX {
            let message = "The maximum number of public keys for field-level encryption have been created.";
            return Err(Refusal::new("TooManyPublicKeys", message));
        }
        check_pem(text(&config, "EncodedKey"))?;
        return Ok(config);
    };
    let moved = |member: &&str| config[member] != old["config"][member];
    if ["CallerReference", "Name", "EncodedKey"].iter().any(moved) {
        let message = "You can't change the value of a public key.";
        return Err(Refusal::new("CannotChangeImmutablePublicKeyFields", message));
    }
    Ok(config)
}

pub(super) fn check_comment(config: &Value) -> Result<(), Refusal> {
    match text(config, "Comment").chars().count() {
        0..=128 => Ok(()),
        _ => Err(invalid("The parameter Comment is too long. It can have up to 128 characters.")),
    }
}

/// RSA of 2048 bits with the usual exponent, or ECDSA on P-256: both have DER of one length and one beginning.
fn check_pem(pem: &str) -> Result<(), Refusal> {
    const RSA: &[u8] = &[
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
        0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00,
    ];
    const P256: &[u8] = &[
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
        0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
    ];
    let body = pem
        .trim()
        .strip_prefix("-----BEGIN PUBLIC KEY-----")
        .and_then(|rest| rest.strip_suffix("-----END PUBLIC KEY-----"));
    let der = body.and_then(|body| STANDARD.decode(body.split_whitespace().collect::<String>()).ok());
    let fits =
        |der: &[u8]| (der.len() == 294 && der.starts_with(RSA)) || (der.len() == 91 && der.starts_with(P256));
    match der.is_some_and(|der| fits(&der)) {
        true => Ok(()),
        false => Err(invalid("Your request contains empty/invalid/out of limits RSA Encoded Key")),
    }
}

fn settle_group(world: &World<'_>, mut config: Value, old: Option<&Value>) -> Result<Value, Refusal> {
    if text(&config, "Name").is_empty() {
        return Err(invalid("The parameter Name is required."));
    }
    check_comment(&config)?;
    if old.is_none() && world.all(KEY_GROUP.collection).len() >= KEY_GROUPS_MAX {
        let message = "You have reached the maximum number of key groups for this AWS account.";
        return Err(Refusal::new("TooManyKeyGroups", message));
    }
    let keys: Vec<&str> = texts(&config).collect();
    if keys.is_empty() {
        return Err(invalid("The parameter Items must contain at least one public key."));
    }
    if keys.len() > KEYS_PER_GROUP_MAX {
        let message = "The number of public keys in this key group is more than the maximum allowed.";
        return Err(Refusal::new("TooManyPublicKeysInKeyGroup", message));
    }
    if keys.iter().any(|id| world.get(PUBLIC_KEY.collection, id).is_none()) {
        return Err(invalid(
            "One or more of the public keys that you specified in the key group doesn't exist.",
        ));
    }
    fill(&mut config, "Comment", json!(""));
    Ok(config)
}
