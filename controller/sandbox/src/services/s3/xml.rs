//! XML documents as trees: just enough to check what a client sends.

use quick_xml::{Reader, escape::resolve_predefined_entity, events::Event};

use crate::services::Refusal;

/// An element without its attributes; `text` is empty for one that has children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    pub name: String,
    pub text: String,
    pub children: Vec<Element>,
}

impl Element {
    /// Reads a document whose root is called `root`.
    pub(super) fn parse(body: &[u8], root: &str) -> Result<Self, Refusal> {
        let text = std::str::from_utf8(body).map_err(|_| malformed())?;
        let mut reader = Reader::from_str(text);
        let mut open = vec![Self::default()];
        loop {
            match reader.read_event().map_err(|_| malformed())? {
                Event::Start(start) => open.push(Self::named(start.local_name().as_ref())),
                Event::Empty(empty) => {
                    let element = Self::named(empty.local_name().as_ref());
                    last(&mut open)?.children.push(element);
                }
                Event::End(_) => {
                    let mut done = open.pop().ok_or_else(malformed)?;
                    if !done.children.is_empty() {
                        done.text.clear();
                    }
                    last(&mut open)?.children.push(done);
                }
                Event::Text(text) => last(&mut open)?.text.push_str(&text.xml10_content()),
                Event::CData(text) => last(&mut open)?.text.push_str(&text.xml10_content()),
                Event::GeneralRef(entity) => {
                    let named = || resolve_predefined_entity(&entity.xml10_content()).map(str::to_owned);
                    let found = entity.resolve_char_ref().ok().flatten().map(String::from).or_else(named);
                    last(&mut open)?.text.push_str(&found.ok_or_else(malformed)?);
                }
                Event::Eof => break,
                _ => {}
            }
        }
        let document = open.pop().filter(|_| open.is_empty()).and_then(|top| top.children.into_iter().next());
        document.filter(|found| found.name == root).ok_or_else(malformed)
    }

    fn named(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// The children of this name.
    pub(super) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The first child of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of the first child of this name.
    pub(super) fn text_of(&self, name: &str) -> Option<&str> {
        self.get(name).map(|child| child.text.as_str())
    }

    /// The text of the first child of this name as a number.
    pub(super) fn number_of(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.text_of(name).map(|text| text.parse().map_err(|_| malformed())).transpose()
    }
}

fn last(open: &mut [Element]) -> Result<&mut Element, Refusal> {
    open.last_mut().ok_or_else(malformed)
}

pub(super) fn malformed() -> Refusal {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    Refusal::new("MalformedXML", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_and_namespaces_are_read() {
        let text = "<?xml version='1.0'?><a:Tag xmlns:a='x'><Key>a&amp;b&#33;</Key> <Value/></a:Tag>";
        let tag = Element::parse(text.as_bytes(), "Tag").unwrap();
        assert_eq!(tag.text_of("Key"), Some("a&b!"));
        assert_eq!(tag.text_of("Value"), Some(""));
        assert_eq!(tag.text, "");
    }

    #[test]
    fn what_is_no_document_of_that_name_is_refused() {
        for text in ["", "<Tag>", "<Other/>", "<Tag></Key>", "<Tag>&nope;</Tag>"] {
            assert_eq!(Element::parse(text.as_bytes(), "Tag").unwrap_err().code, "MalformedXML", "{text}");
        }
    }
}
