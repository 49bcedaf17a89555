//! Bodies of forms in both encodings that mailbox providers use (RFC 8058, 3.1).

use std::convert::Infallible;

use bytes::Bytes;
use multer::Multipart;
use support::{Failed, Request};

/// Fields in the order of the body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// When it is in no encoding of forms.
    pub(crate) async fn of(request: &Request) -> Result<Self, Failed> {
        // Without a type it can only be what RFC 8058 says it is.
        let of = request.header("content-type").unwrap_or("application/x-www-form-urlencoded");
        match of.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "application/x-www-form-urlencoded" => {
                Ok(Self(form_urlencoded::parse(&request.body).into_owned().collect()))
            }
            "multipart/form-data" => {
                let boundary = multer::parse_boundary(of).map_err(|_| malformed())?;
                Self::of_multipart(Bytes::copy_from_slice(&request.body), boundary).await
            }
            _ => Err(Failed::invalid("The body is no form")),
        }
    }

    async fn of_multipart(body: Bytes, boundary: String) -> Result<Self, Failed> {
        let body = futures::stream::once(async { Ok::<_, Infallible>(body) });
        let mut parts = Multipart::new(body, boundary);
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.map_err(|_| malformed())? {
            let name = part.name().unwrap_or_default().to_owned();
            let value = part.text().await.map_err(|_| malformed())?;
            fields.push((name, value));
        }
        Ok(Self(fields))
    }

    /// The first value of a field.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.values(name).next()
    }

    /// Every value of a field.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// Whether it asks for what RFC 8058 defines.
    pub(crate) fn is_one_click(&self) -> bool {
        let asks = |(name, value): &(String, String)| {
            name.eq_ignore_ascii_case("List-Unsubscribe") && value.trim().eq_ignore_ascii_case("One-Click")
        };
        self.0.iter().any(asks)
    }
}

fn malformed() -> Failed {
    Failed::invalid("The body is no form")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::trial::request;

    async fn read(of: Option<&str>, body: &[u8]) -> Result<Form, Failed> {
        let mut request = request("POST", "");
        request.body = body.to_vec();
        if let Some(of) = of {
            request.headers.insert("content-type", of.parse().expect("a header"));
        }
        Form::of(&request).await
    }

    #[tokio::test]
    async fn one_click_is_read_in_every_legal_encoding() {
        let part = "--x1\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n\
                    --x1--\r\n";
        let plain = b"List-Unsubscribe=One-Click".as_slice();
        for (of, body) in [
            (Some("application/x-www-form-urlencoded"), plain),
            (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), plain),
            (Some("application/x-www-form-urlencoded"), b"a=b&List%2DUnsubscribe=One%2dClick".as_slice()),
            (Some("application/x-www-form-urlencoded"), b"List-Unsubscribe=One-Click\r\n".as_slice()),
            (None, plain),
            (Some("multipart/form-data; boundary=x1"), part.as_bytes()),
            (Some("Multipart/Form-Data; Boundary=\"x1\""), part.as_bytes()),
        ] {
            assert!(read(of, body).await.expect("a form").is_one_click(), "{of:?}");
        }
    }

    #[tokio::test]
    async fn anything_else_is_not_one_click() {
        for (of, body) in [
            (None, b"".as_slice()),
            (None, b"List-Unsubscribe=Two".as_slice()),
            (Some("application/x-www-form-urlencoded"), b"{\"List-Unsubscribe\":\"One-Click\"}".as_slice()),
        ] {
            assert!(!read(of, body).await.expect("a form").is_one_click(), "{body:?}");
        }
        for (of, body) in [
            (Some("application/json"), b"{\"List-Unsubscribe\":\"One-Click\"}".as_slice()),
            (Some("multipart/form-data"), b"List-Unsubscribe=One-Click".as_slice()),
            (Some("multipart/form-data; boundary=x"), b"List-Unsubscribe=One-Click".as_slice()),
            (Some("text/plain"), b"List-Unsubscribe=One-Click".as_slice()),
        ] {
            assert_eq!(read(of, body).await.expect_err("no form").code.status(), 400, "{of:?}");
        }
    }

    proptest! {
        #[test]
        fn no_body_is_more_than_refused(body in any::<Vec<u8>>(), multipart in any::<bool>()) {
            let kinds = ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"];
            let of = kinds[usize::from(multipart)];
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            if let Err(failed) = runtime.block_on(read(Some(of), &body)) {
                prop_assert_eq!(failed.code.status(), 400);
            }
        }
    }
}
