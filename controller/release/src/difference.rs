//! The steps of a plan taken apart: what runs other code, and what is configured otherwise.

use model::{Action, Address, Plan, Step};
use serde::Serialize;
use serde_json::Value;

/// A plan as a promotion shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    pub code: Vec<Code>,
    pub configuration: Vec<Configuration>,
}

/// A function that will run other code.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Code {
    pub address: Address,
    /// The digest that is served now; none where the function is made.
    pub live: Option<String>,
    pub want: String,
}

/// Everything else.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Configuration {
    pub address: Address,
    pub action: Action,
    /// Empty for what is made or deleted.
    pub fields: Vec<String>,
}

impl Difference {
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let mut difference = Self::default();
        for step in &plan.steps {
            difference.take(step);
        }
        difference
    }

    fn take(&mut self, step: &Step) {
        // The code is on its way to the bucket.
        if step.kind == "artefact" {
            return;
        }
        let code = step.changes.iter().find(|change| step.kind == "function" && change.field == "code");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        if let Some(code) = code.filter(|_| step.action != Action::Delete) {
            self.code.push(Code {
                address: step.address.clone(),
                live: text(&code.live),
                want: text(&code.want).unwrap_or_default(),
            });
        }
        let fields: Vec<String> = match step.action {
            Action::Create | Action::Delete => Vec::new(),
            Action::Update | Action::Replace => {
                let others = step.changes.iter().filter(|change| Some(*change) != code);
                others.map(|change| change.field.clone()).collect()
            }
        };
        if step.action != Action::Update || !fields.is_empty() {
            let (address, action) = (step.address.clone(), step.action);
            self.configuration.push(Configuration { address, action, fields });
        }
    }
}
