//! Whose a schedule is, at the end of its description: `Nightly sync [dn/prod outreach/schedule/sync]`.

use model::Address;

use crate::Scope;

/// Project, stage and address, as tags say them elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Marker {
    project: String,
    stage: String,
    address: Address,
}

impl Marker {
    pub(super) fn of(scope: &Scope, address: &Address) -> Self {
        let (project, stage, address) = (scope.project.clone(), scope.stage.clone(), address.clone());
        Self { project, stage, address }
    }

    /// A description with this marker behind it.
    pub(super) fn after(&self, description: &str) -> String {
        let Self { project, stage, address } = self;
        format!("{description} [{project}/{stage} {address}]").trim_start().to_owned()
    }

    /// A description without its marker, and the marker.
    pub(super) fn split(text: &str) -> (&str, Option<Self>) {
        let read = || {
            let (description, inside) = text.strip_suffix(']')?.rsplit_once('[')?;
            let (owner, address) = inside.split_once(' ')?;
            let (project, stage) = owner.split_once('/')?;
            let (project, stage) = (project.to_owned(), stage.to_owned());
            let marker = Self { project, stage, address: address.parse().ok()? };
            Some((description.strip_suffix(' ').unwrap_or(description), marker))
        };
        match read() {
            Some((description, marker)) => (description, Some(marker)),
            None => (text, None),
        }
    }

    fn is_of(&self, scope: &Scope) -> bool {
        self.project == scope.project && self.stage == scope.stage
    }

    /// The address, when it is one of this stage.
    pub(super) fn ours(self, scope: &Scope) -> Option<Address> {
        self.is_of(scope).then_some(self.address)
    }

    /// Whose it is, for people, when it is not this stage's.
    pub(super) fn foreign(&self, scope: &Scope) -> Option<String> {
        let text = || {
            format!("belongs to stage {} of project {}, as its description says", self.stage, self.project)
        };
        (!self.is_of(scope)).then(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(stage: &str) -> Scope {
        Scope {
            project: "dn".to_owned(),
            stage: stage.to_owned(),
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            names: std::collections::BTreeMap::new(),
            tags: model::Tags::new(),
        }
    }

    #[test]
    fn a_marker_is_read_back_and_tells_stages_apart() {
        let address: Address = "outreach/schedule/sync".parse().unwrap();
        let marker = Marker::of(&scope("prod"), &address);
        for description in ["", "Nightly", "Nightly [see wiki]", "a  b"] {
            assert_eq!(Marker::split(&marker.after(description)), (description, Some(marker.clone())));
        }
        assert_eq!(marker.foreign(&scope("prod")), None);
        assert!(marker.foreign(&scope("dev")).unwrap().contains("stage prod of project dn"));
        assert_eq!(marker.clone().ours(&scope("dev")), None);
        assert_eq!(marker.ours(&scope("prod")), Some(address));
    }

    #[test]
    fn what_is_no_marker_is_a_description() {
        for text in
            ["", "Nightly", "Nightly [see wiki]", "[dn/prod nonsense]", "[dn outreach/schedule/sync]", "]"]
        {
            assert_eq!(Marker::split(text), (text, None));
        }
    }
}
