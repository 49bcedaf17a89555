//! Reads as much of a raw message as a local reader of mail needs: headers, and its parts in text and HTML.

use aws_smithy_types::base64;

/// What is in a raw message.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// In order, unfolded and decoded.
    pub headers: Vec<(String, String)>,
    pub text: Option<String>,
    pub html: Option<String>,
}

impl Message {
    pub(super) fn parse(raw: &str) -> Self {
        let raw = raw.replace("\r\n", "\n");
        let (head, body) = raw.split_once("\n\n").unwrap_or((&raw, ""));
        let mut message = Self { headers: headers(head), ..Self::default() };
        let own = message.headers.clone();
        message.take(&own, body);
        message
    }

    pub(super) fn header(&self, name: &str) -> &str {
        find(&self.headers, name)
    }

    /// Adds one part, or the parts in it; the first of each kind counts.
    fn take(&mut self, headers: &[(String, String)], body: &str) {
        let kind = find(headers, "content-type");
        let lower = kind.to_ascii_lowercase();
        if lower.starts_with("multipart/") {
            let Some(boundary) = parameter(kind, "boundary") else { return };
            for part in body.split(&format!("--{boundary}")).skip(1) {
                if part.starts_with("--") {
                    break;
                }
                let part = part.strip_prefix('\n').unwrap_or(part);
                // A part without headers begins with the empty line that ends them.
                let (head, body) = match part.strip_prefix('\n') {
                    Some(body) => ("", body),
                    None => part.split_once("\n\n").unwrap_or((part, "")),
                };
                self.take(&self::headers(head), body);
            }
            return;
        }
        if find(headers, "content-disposition").to_ascii_lowercase().starts_with("attachment") {
            return;
        }
        let body = || decoded(body, find(headers, "content-transfer-encoding"));
        if lower.starts_with("text/html") {
            self.html.get_or_insert_with(body);
        } else if lower.is_empty() || lower.starts_with("text/plain") {
            self.text.get_or_insert_with(body);
        }
    }
}

fn find<'h>(headers: &'h [(String, String)], name: &str) -> &'h str {
    let found = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str()).unwrap_or_default()
}

fn headers(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\n ", " ").replace("\n\t", " ");
    let pairs = unfolded.lines().filter_map(|line| line.split_once(':'));
    pairs.map(|(name, value)| (name.trim().to_owned(), words(value.trim()))).collect()
}

/// `boundary="x"` in the value of a header.
fn parameter<'v>(value: &'v str, name: &str) -> Option<&'v str> {
    value.split(';').skip(1).find_map(|pair| {
        let (key, value) = pair.trim().split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.trim_matches('"'))
    })
}

fn decoded(body: &str, encoding: &str) -> String {
    match encoding.to_ascii_lowercase().as_str() {
        "base64" => {
            let packed: String = body.split_whitespace().collect();
            let bytes = base64::decode(packed).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        "quoted-printable" => quoted(&body.replace("=\n", "")),
        _ => body.to_owned(),
    }
}

/// `=C3=A4` as the bytes that it stands for.
fn quoted(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|code| std::str::from_utf8(code).ok());
        match code.filter(|_| *first == b'=').and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Encoded words (RFC 2047) as text; the blanks between two of them are not part of it.
fn words(value: &str) -> String {
    let (mut out, mut rest, mut after_word) = (String::new(), value, false);
    while let Some((before, from)) = rest.split_once("=?") {
        let Some((word, after)) = word(from) else { break };
        if !(after_word && before.trim().is_empty()) {
            out.push_str(before);
        }
        out.push_str(&word);
        (rest, after_word) = (after, true);
    }
    out + rest
}

/// `UTF-8?B?…?=` and what comes after it.
fn word(text: &str) -> Option<(String, &str)> {
    let mut parts = text.splitn(3, '?');
    let (_, encoding, rest) = (parts.next()?, parts.next()?, parts.next()?);
    let (body, after) = rest.split_once("?=")?;
    let word = match encoding {
        "B" | "b" => String::from_utf8_lossy(&base64::decode(body).ok()?).into_owned(),
        "Q" | "q" => quoted(&body.replace('_', " ")),
        _ => return None,
    };
    Some((word, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_two_parts_is_read() {
        let raw = "From: A <a@example.com>\r\nSubject: =?UTF-8?B?R3LDvMOfZQ==?= =?UTF-8?Q?_an_alle?=\r\n\
            List-Unsubscribe: <mailto:a@b>,\r\n <https://b>\r\n\
            Content-Type: multipart/alternative; boundary=\"x\"\r\n\r\npreamble\r\n--x\r\n\
            Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
            sch=C3=B6n =\r\nlang\r\n--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n\
            PGI+aGk8L2I+\r\n--x--\r\n";
        let message = Message::parse(raw);
        assert_eq!(message.header("subject"), "Grüße an alle");
        assert_eq!(message.header("List-Unsubscribe"), "<mailto:a@b>, <https://b>");
        assert_eq!(message.text.as_deref(), Some("schön lang\n"));
        assert_eq!(message.html.as_deref(), Some("<b>hi</b>"));
    }

    #[test]
    fn a_plain_message_and_a_broken_one_are_read() {
        let plain = Message::parse("Subject: a =? b\n\nhello =\n");
        assert_eq!((plain.header("subject"), plain.text.as_deref()), ("a =? b", Some("hello =\n")));
        assert_eq!(Message::parse("nothing"), Message { text: Some(String::new()), ..Message::default() });
        assert_eq!(quoted("a=ZZ=4"), "a=ZZ=4");
    }
}
