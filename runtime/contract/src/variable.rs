//! The environment variables of functions: one typed struct for each function, which the handler reads and the stack
//! fills in.
//!
//! A variable that names a resource also grants what its type says: `WEBHOOK_TOKENS_TABLE: Table<WebhookTokens, Write>`
//! is the name of the table, the permission to write to it, and the only way for the handler to get a client that can.
//! So a handler cannot use what its stack does not set, and cannot do what its role does not allow.

use std::{fmt, marker::PhantomData};

use crate::{
    resource::{ContactListUse, KeyUse, Named, Secret},
    setting::Setting,
    table::{self, Shaped},
};

/// What a variable stands for, from which its value and the permissions of its function are derived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A value of the environment, or one that follows from it.
    Setting(Setting),
    /// The name of a table.
    Table(table::Table, Access),
    /// The name of a secret whose value may be read.
    Secret(Secret),
    /// The alias of the key of unsubscribe tokens.
    Key(KeyUse),
    /// The name of the contact list.
    ContactList(ContactListUse),
    /// The name of the control bucket; who has it may look at everything and change nothing but its own report.
    Control,
    /// The name of the control bucket, for who rotates keys: lock, journal, and a report of its own.
    RotationControl,
    /// The name of the secret of the signing key; who has it may make versions of it and move their labels, read none,
    /// and change the public keys that CloudFront trusts.
    RotatedKey,
    /// The ARN of the topic that people are told by.
    AlarmTopic,
}

/// What may be done with the rows of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    ReadWrite,
}

/// One variable of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    pub name: &'static str,
    pub meaning: Meaning,
}

/// A variable that cannot be read. The message names it and never shows its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub variable: &'static str,
    pub why: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.variable, self.why)
    }
}

/// The type of one variable.
pub trait Variable: Sized {
    const MEANING: Meaning;

    /// # Errors
    /// What is wrong with the text, without showing it. `None` is a variable that is not set.
    fn parse(text: Option<String>) -> Result<Self, String>;
}

/// All variables of one function.
pub trait Variables: Sized {
    const DECLARED: &'static [Declared];

    /// Reads them all from where `look_up` finds them (R115).
    ///
    /// # Errors
    /// Every variable that is missing or malformed.
    fn read(look_up: &dyn Fn(&str) -> Option<String>) -> Result<Self, Vec<Problem>>;
}

/// Declares the variables of a function: fields with the name that each has in the process environment.
macro_rules! variables {
    ($(#[$doc:meta])* $vis:vis struct $name:ident {
        $( $(#[$about:meta])* $field:ident: $type:ty = $variable:literal, )*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        $vis struct $name { $( $(#[$about])* pub $field: $type, )* }

        impl $crate::variable::Variables for $name {
            const DECLARED: &'static [$crate::variable::Declared] = &[$(
                $crate::variable::Declared {
                    name: $variable,
                    meaning: <$type as $crate::variable::Variable>::MEANING,
                },
            )*];

            #[allow(unused_variables, unused_mut, reason = "a function may have no variable")]
            fn read(
                look_up: &dyn Fn(&str) -> Option<String>,
            ) -> Result<Self, Vec<$crate::variable::Problem>> {
                let mut problems = Vec::new();
                $(
                    let $field = <$type as $crate::variable::Variable>::parse(look_up($variable))
                        .map_err(|why| problems.push($crate::variable::Problem { variable: $variable, why }));
                )*
                if !problems.is_empty() {
                    return Err(problems);
                }
                Ok(Self { $( $field: $field.map_err(|()| Vec::new())?, )* })
            }
        }
    };
}
pub(crate) use variables;

pub(crate) fn required(text: Option<String>) -> Result<String, String> {
    match text {
        Some(text) if !text.trim().is_empty() => Ok(text),
        Some(_) => Err("is empty".to_owned()),
        None => Err("is not set".to_owned()),
    }
}

/// May read rows.
#[derive(Clone, Copy, Debug)]
pub enum Read {}

/// May write rows, and read none.
#[derive(Clone, Copy, Debug)]
pub enum Write {}

/// May do both.
#[derive(Clone, Copy, Debug)]
pub enum ReadWrite {}

/// How a table may be used, as a type.
pub trait Mode: 'static {
    const ACCESS: Access;
}

impl Mode for Read {
    const ACCESS: Access = Access::Read;
}

impl Mode for Write {
    const ACCESS: Access = Access::Write;
}

impl Mode for ReadWrite {
    const ACCESS: Access = Access::ReadWrite;
}

/// The modes that may read.
pub trait Reads: Mode {}

impl Reads for Read {}
impl Reads for ReadWrite {}

/// The modes that may write.
pub trait Writes: Mode {}

impl Writes for Write {}
impl Writes for ReadWrite {}

/// The name of a table, and what may be done with it.
pub struct Table<T, M> {
    name: String,
    of: PhantomData<fn() -> (T, M)>,
}

impl<T, M> Table<T, M> {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<T, M> Clone for Table<T, M> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), of: PhantomData }
    }
}

impl<T, M> fmt::Debug for Table<T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({})", self.name)
    }
}

impl<T: Shaped, M: Mode> Variable for Table<T, M> {
    const MEANING: Meaning = Meaning::Table(T::TABLE, M::ACCESS);

    fn parse(text: Option<String>) -> Result<Self, String> {
        required(text).map(|name| Self { name, of: PhantomData })
    }
}

/// The name of a secret whose value the function may read.
pub struct SecretName<S> {
    name: String,
    of: PhantomData<fn() -> S>,
}

impl<S> SecretName<S> {
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl<S> Clone for SecretName<S> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), of: PhantomData }
    }
}

impl<S> fmt::Debug for SecretName<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretName({})", self.name)
    }
}

impl<S: Named> Variable for SecretName<S> {
    const MEANING: Meaning = Meaning::Secret(S::SECRET);

    fn parse(text: Option<String>) -> Result<Self, String> {
        required(text).map(|name| Self { name, of: PhantomData })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Audit, WebhookTokens};

    variables! {
        struct Example {
            tokens: Table<WebhookTokens, Write> = "TOKENS",
            audit: Table<Audit, ReadWrite> = "AUDIT",
        }
    }

    #[test]
    fn every_variable_that_is_missing_or_empty_is_named() {
        let problems = Example::read(&|name| (name == "AUDIT").then(|| " ".to_owned())).unwrap_err();
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["TOKENS: is not set", "AUDIT: is empty"]);
    }

    #[test]
    fn what_is_set_is_read() {
        let read = Example::read(&|name| Some(format!("dn-{name}"))).unwrap();
        assert_eq!((read.tokens.name(), read.audit.name()), ("dn-TOKENS", "dn-AUDIT"));
        assert_eq!(Example::DECLARED[0].meaning, Meaning::Table(crate::table::WEBHOOK_TOKENS, Access::Write));
    }
}
