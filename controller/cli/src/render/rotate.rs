//! Where a rotation is: text and JSON.

use super::words::{duration, instant};

mod api_key;
mod signing_key;

pub(crate) use api_key::{KeyRotation, key_rotation_json, key_rotation_text, used};
pub(crate) use signing_key::{Rotation, rotation_json, rotation_text};

fn ms(seconds: i64) -> u64 {
    u64::try_from(seconds.saturating_mul(1000)).unwrap_or_default()
}

/// An instant that is yet to come.
fn moment(at_s: i64, now_s: i64) -> String {
    let left = u64::try_from(at_s - now_s).unwrap_or_default();
    format!("{} ({} from now)", instant(ms(at_s)), duration(left))
}
