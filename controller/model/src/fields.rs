//! A spec laid out row by row: the one form that is compared, printed, hashed and searched for references.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{Address, text};

/// What changing a field does to the resource that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// AWS changes it where it is.
    InPlace,
    /// The resource is deleted and made again.
    Replace,
    /// Refused: the change would destroy what cannot be made again. The hint of the field says what to do.
    Blocked,
}

/// One row: a named value and what changing it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Field {
    pub name: String,
    pub value: Value,
    pub impact: Impact,
}

/// One difference. `None` means "is not there".
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub field: String,
    pub live: Value,
    pub want: Value,
    pub impact: Impact,
}

/// The rows of a spec in the order in which its kind lists them.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Fields {
    rows: Vec<Field>,
}

impl Fields {
    /// A field that AWS changes in place. `None` inside the value means "must be absent".
    ///
    /// # Panics
    /// When the value cannot be written as JSON (a map with keys that are no strings): a bug in the kind.
    pub fn field(&mut self, name: &str, value: &impl Serialize) {
        self.row(name, value, Impact::InPlace);
    }

    /// A field that is fixed at birth: changing it means a new resource.
    pub fn fixed(&mut self, name: &str, value: &impl Serialize) {
        self.row(name, value, Impact::Replace);
    }

    /// A field whose change would destroy something that cannot be made again.
    pub fn blocked(&mut self, name: &str, value: &impl Serialize) {
        self.row(name, value, Impact::Blocked);
    }

    /// A keyed collection, one row an entry: `name.key`.
    pub fn each<V: Serialize>(&mut self, name: &str, values: &BTreeMap<String, V>) {
        for (key, value) in values {
            self.row(&format!("{name}.{key}"), value, Impact::InPlace);
        }
    }

    fn row(&mut self, name: &str, value: &impl Serialize, impact: Impact) {
        let value = serde_json::to_value(value).expect("specs are made of values that JSON can hold");
        self.rows.push(Field { name: name.to_owned(), value, impact });
    }

    pub fn rows(&self) -> &[Field] {
        &self.rows
    }

    /// The value of a row, or null.
    pub fn get(&self, name: &str) -> &Value {
        self.rows.iter().find(|row| row.name == name).map_or(&Value::Null, |row| &row.value)
    }

    /// What must change so that `live` becomes `self`, in the order of the rows.
    #[must_use]
    pub fn diff(&self, live: &Self) -> Vec<Change> {
        let seen: BTreeMap<&str, &Field> = live.rows.iter().map(|row| (row.name.as_str(), row)).collect();
        let wanted: BTreeMap<&str, &Field> = self.rows.iter().map(|row| (row.name.as_str(), row)).collect();
        let ours = self.rows.iter().map(|want| {
            let live = seen.get(want.name.as_str()).map_or(&Value::Null, |row| &row.value);
            (want.name.as_str(), live, &want.value, want.impact)
        });
        let theirs = live
            .rows
            .iter()
            .filter(|row| !wanted.contains_key(row.name.as_str()))
            .map(|row| (row.name.as_str(), &row.value, &Value::Null, row.impact));
        ours.chain(theirs)
            .filter(|(_, live, want, _)| live != want)
            .map(|(field, live, want, impact)| Change {
                field: field.to_owned(),
                live: live.clone(),
                want: want.clone(),
                impact,
            })
            .collect()
    }

    /// Replaces every reference that `look_up` knows.
    #[must_use]
    pub fn resolve(mut self, look_up: &dyn Fn(&text::Reference) -> Option<String>) -> Self {
        for row in &mut self.rows {
            row.value = text::resolve_value(std::mem::take(&mut row.value), look_up);
        }
        self
    }

    /// The resources that these fields refer to: the edges of the plan.
    #[must_use]
    pub fn references(&self) -> std::collections::BTreeSet<Address> {
        let mut found = std::collections::BTreeSet::new();
        self.rows.iter().for_each(|row| text::references_in(&row.value, &mut found));
        found.into_iter().filter(|one| one.orders).map(|one| one.address).collect()
    }

    /// Sixteen hexadecimal digits that differ when any field differs.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Sha256::new();
        let mut text = Vec::new();
        for row in &self.rows {
            text.clear();
            text.extend_from_slice(row.name.as_bytes());
            text.push(0);
            serde_json::to_writer(&mut text, &row.value).expect("a value is JSON");
            text.push(0);
            hash.update(&text);
        }
        hex(&hash.finalize()[..8])
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(visibility: u32, tags: &[(&str, &str)]) -> Fields {
        let mut to = Fields::default();
        to.fixed("fifo", &false);
        to.field("visibility", &visibility);
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        to.each::<String>("tag", &tags);
        to
    }

    #[test]
    fn a_difference_names_its_row_and_nothing_else() {
        let want = layout(30, &[("a", "1")]);
        assert!(want.diff(&want.clone()).is_empty());
        let changes = want.diff(&layout(45, &[("b", "2")]));
        let shown: Vec<_> = changes.iter().map(|c| format!("{} {} -> {}", c.field, c.live, c.want)).collect();
        assert_eq!(shown, ["visibility 45 -> 30", "tag.a null -> \"1\"", "tag.b \"2\" -> null"]);
    }

    #[test]
    fn the_fingerprint_moves_with_every_row() {
        let base = layout(30, &[]).fingerprint();
        assert_eq!(base, layout(30, &[]).fingerprint());
        assert_ne!(base, layout(31, &[]).fingerprint());
        assert_ne!(base, layout(30, &[("a", "1")]).fingerprint());
    }
}
