//! The control plane as AWS's documents describe it, the edges behind it, and the links that are out there.

use std::collections::{BTreeMap, BTreeSet};

use crate::{CURRENT, Group, Key, Observed, Owner, PREVIOUS, Secret, Version};

/// A pseudo-random sequence; the seed is an input.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From `low` to `high`, both included.
    pub(crate) fn range(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high - low + 1).expect("a range");
        low + i64::try_from((self.next() >> 11) % span).expect("in the range")
    }

    pub(crate) fn percent(&mut self, chance: i64) -> bool {
        self.range(1, 100) <= chance
    }

    /// As `range`, but the ends are what comes up most.
    pub(crate) fn extreme(&mut self, low: i64, high: i64) -> i64 {
        match self.range(0, 3) {
            0 => low,
            1 => high,
            _ => self.range(low, high),
        }
    }
}

/// A link that somebody has.
struct Link {
    key: String,
    signed_s: i64,
    until_s: i64,
}

struct Edge {
    /// Its clock is this much ahead.
    ahead_s: i64,
    /// When it learnt of which members, in order.
    learnt: Vec<(i64, BTreeSet<String>)>,
}

/// One version of the secret.
#[derive(Clone)]
pub(super) struct Put {
    pub(super) key: Option<String>,
    pub(super) labels: BTreeSet<String>,
    pub(super) made_s: i64,
}

/// A call that changes something.
#[derive(Clone, Debug)]
pub(super) enum Call {
    CreateKey { digest: String },
    PutVersion { id: String, key_of: Option<String>, label: &'static str },
    UpdateGroup { members: BTreeSet<String>, version: u64 },
    MoveLabel { label: String, from: Option<String>, to: Option<String> },
    DeleteKey { key: String },
}

pub(super) struct World {
    pub(super) now_s: i64,
    pub(super) keys: BTreeMap<String, Key>,
    pub(super) members: BTreeSet<String>,
    pub(super) group_version: u64,
    group_changed_s: i64,
    pub(super) versions: BTreeMap<String, Put>,
    secret_changed_s: i64,
    /// Whether moving a label counts as a change of the secret.
    labels_count: bool,
    lag_max_s: i64,
    edges: Vec<Edge>,
    links: Vec<Link>,
    numbers: u64,
}

impl World {
    /// A stage after its first apply: a key of the environment in the group, and no value.
    pub(super) fn new(dice: &mut Dice, lag_max_s: i64, skew_s: i64) -> Self {
        let bootstrap =
            Key { id: "KBOOT".into(), digest: "boot".into(), made_s: 0, owner: Owner::Environment };
        let members = BTreeSet::from([bootstrap.id.clone()]);
        let mut edge = || {
            let ahead_s = dice.extreme(-skew_s, skew_s);
            Edge { ahead_s, learnt: vec![(i64::MIN, BTreeSet::from(["KBOOT".to_owned()]))] }
        };
        let edges = vec![edge(), edge(), edge()];
        Self {
            now_s: 0,
            keys: BTreeMap::from([(bootstrap.id.clone(), bootstrap)]),
            members,
            group_version: 0,
            group_changed_s: 0,
            versions: BTreeMap::new(),
            secret_changed_s: 0,
            labels_count: dice.percent(50),
            lag_max_s,
            edges,
            links: Vec::new(),
            numbers: 0,
        }
    }

    pub(super) fn fresh_digest(&mut self) -> String {
        self.numbers += 1;
        format!("d{}", self.numbers)
    }

    pub(super) fn group(&self) -> Group {
        Group { members: self.members.clone(), changed_s: self.group_changed_s }
    }

    pub(super) fn secret(&self) -> Secret {
        let labelled = self.versions.iter().filter(|(_, put)| !put.labels.is_empty());
        let version = |(id, put): (&String, &Put)| Version {
            id: id.clone(),
            labels: put.labels.clone(),
            made_s: put.made_s,
        };
        Secret { versions: labelled.map(version).collect(), changed_s: self.secret_changed_s }
    }

    /// Everything at one instant.
    pub(super) fn observed(&self) -> Observed {
        Observed {
            now_s: self.now_s,
            group: Some(self.group()),
            keys: self.keys.values().cloned().collect(),
            keys_in_account: self.keys.len(),
            secret: Some(self.secret()),
            deployed: true,
        }
    }

    pub(super) fn holder(&self, label: &str) -> Option<String> {
        let mut holders = self.versions.iter().filter(|(_, put)| put.labels.contains(label));
        holders.next().map(|(id, _)| id.clone())
    }

    /// The key that signers get now.
    pub(super) fn current_key(&self) -> Option<String> {
        self.versions.get(&self.holder(CURRENT)?)?.key.clone()
    }

    /// Makes a call, or refuses it as AWS does.
    pub(super) fn call(&mut self, dice: &mut Dice, call: &Call) -> Result<(), &'static str> {
        match call {
            Call::CreateKey { digest } => {
                if self.keys.len() >= crate::ACCOUNT_KEYS_MAX {
                    return Err("TooManyPublicKeys");
                }
                self.numbers += 1;
                let id = format!("K{}", self.numbers);
                let (digest, owner) = (digest.clone(), Owner::Rotation);
                self.keys.insert(id.clone(), Key { id, digest, made_s: self.now_s, owner });
                Ok(())
            }
            Call::PutVersion { id, key_of, label } => self.put(id, key_of.as_deref(), label),
            Call::UpdateGroup { members, version } => self.update_group(dice, members, *version),
            Call::MoveLabel { label, from, to } => self.move_label(label, from.as_deref(), to.as_deref()),
            Call::DeleteKey { key } => {
                if self.members.contains(key) {
                    return Err("PublicKeyInUse");
                }
                self.keys.remove(key).map(drop).ok_or("NoSuchPublicKey")
            }
        }
    }

    fn put(&mut self, id: &str, key_of: Option<&str>, label: &str) -> Result<(), &'static str> {
        if self.versions.contains_key(id) {
            // The same request once more does nothing.
            return Ok(());
        }
        let key = match key_of {
            None => None,
            Some(digest) => {
                // Who puts it was told the id when the key was made; it may be deleted by now.
                let found = self.keys.values().find(|key| key.digest == digest);
                Some(found.map_or_else(|| format!("gone {digest}"), |key| key.id.clone()))
            }
        };
        let first = self.versions.is_empty();
        self.versions.insert(id.to_owned(), Put { key, labels: BTreeSet::new(), made_s: self.now_s });
        self.attach(label, id);
        if first {
            self.attach(CURRENT, id);
        }
        self.secret_changed_s = self.now_s;
        Ok(())
    }

    fn detach(&mut self, label: &str) -> Option<String> {
        let holder = self.holder(label)?;
        self.versions.get_mut(&holder)?.labels.remove(label);
        Some(holder)
    }

    fn attach(&mut self, label: &str, to: &str) {
        let from = self.detach(label);
        if let Some(put) = self.versions.get_mut(to) {
            put.labels.insert(label.to_owned());
        }
        if let Some(from) = from.filter(|from| label == CURRENT && from != to) {
            self.attach(PREVIOUS, &from);
        }
    }

    fn move_label(&mut self, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), &'static str> {
        let holder = self.holder(label);
        if to.is_some_and(|to| !self.versions.contains_key(to)) {
            return Err("ResourceNotFoundException");
        }
        if holder.is_some() && holder.as_deref() != from && holder.as_deref() != to {
            return Err("InvalidParameterException");
        }
        if to.is_none() && holder.as_deref() != from {
            return Err("InvalidParameterException");
        }
        match to {
            Some(to) => self.attach(label, to),
            None => drop(self.detach(label)),
        }
        if self.labels_count {
            self.secret_changed_s = self.now_s;
        }
        Ok(())
    }

    fn update_group(
        &mut self,
        dice: &mut Dice,
        members: &BTreeSet<String>,
        version: u64,
    ) -> Result<(), &'static str> {
        if version != self.group_version {
            return Err("PreconditionFailed");
        }
        if members.is_empty() || members.iter().any(|id| !self.keys.contains_key(id)) {
            return Err("InvalidArgument");
        }
        if members.len() > crate::GROUP_KEYS_MAX {
            return Err("TooManyPublicKeysInKeyGroup");
        }
        self.members = members.clone();
        self.group_version += 1;
        self.group_changed_s = self.now_s;
        for edge in &mut self.edges {
            let last = edge.learnt.last().map_or(i64::MIN, |(at, _)| *at);
            let at = last.max(self.now_s + dice.extreme(0, self.lag_max_s));
            edge.learnt.push((at, members.clone()));
        }
        Ok(())
    }

    pub(super) fn hand_out(&mut self, key: String, until_s: i64) {
        self.links.push(Link { key, signed_s: self.now_s, until_s });
    }

    pub(super) fn links(&self) -> usize {
        self.links.len()
    }

    /// Every link that some edge refuses at some time of its life.
    pub(super) fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (number, edge) in self.edges.iter().enumerate() {
            let ends = edge.learnt.iter().skip(1).map(|(at, _)| *at).chain([i64::MAX]);
            let spans: Vec<(i64, i64, &BTreeSet<String>)> =
                edge.learnt.iter().zip(ends).map(|((from, members), to)| (*from, to, members)).collect();
            for link in &self.links {
                let over_s = link.until_s - edge.ahead_s;
                let alive =
                    spans.iter().filter(|(from, to, _)| from < to && *from < over_s && *to > link.signed_s);
                let mut refusing = alive.filter(|(_, _, members)| !members.contains(&link.key));
                if let Some((from, _, _)) = refusing.next() {
                    let Link { key, signed_s, until_s } = link;
                    found.push(match from <= signed_s {
                        true => format!("edge {number} did not know {key} when it signed at {signed_s}"),
                        false => format!(
                            "edge {number} refused a link of {key} from {from}, signed at {signed_s} until {until_s}"
                        ),
                    });
                }
            }
        }
        found
    }
}
