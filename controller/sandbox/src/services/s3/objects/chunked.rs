//! Bodies that the SDK cuts into chunks with a check sum behind them (`aws-chunked`).

use bytes::Bytes;

use crate::{services::Refusal, wire::Request};

/// The object inside a request's body.
pub(super) fn body(request: &Request) -> Result<Bytes, Refusal> {
    let chunked = request.header("content-encoding").split(',').any(|one| one.trim() == "aws-chunked")
        || request.header("x-amz-content-sha256").starts_with("STREAMING-");
    if !chunked {
        return Ok(request.body.clone());
    }
    let unreadable = || Refusal::new("IncompleteBody", "The request body terminated unexpectedly");
    unchunk(&request.body).map(Bytes::from).ok_or_else(unreadable)
}

/// `size[;signature] CRLF data CRLF`, repeated, up to a size of 0 and trailers.
fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?.split(';').next()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined_and_trailers_left_out() {
        let body = b"3;chunk-signature=x\r\na\r\n\r\n2\r\nbc\r\n0\r\nx-amz-checksum-crc32:AAAA==\r\n\r\n";
        assert_eq!(unchunk(body).unwrap(), b"a\r\nbc");
        assert_eq!(unchunk(b"0\r\n\r\n").unwrap(), b"");
        for torn in [&b"3\r\nab"[..], b"", b"z\r\n", b"1\r\nab\r\n0\r\n"] {
            assert_eq!(unchunk(torn), None);
        }
    }
}
