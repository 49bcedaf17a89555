//! A client of one route, on a connection that is kept.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

/// Asks the same again and again.
pub(crate) struct Client {
    lines: BufReader<TcpStream>,
    ask: String,
}

impl Client {
    pub(crate) fn connect(host: &str, path: &str) -> Self {
        let stream = TcpStream::connect(host).expect("`dn serve` runs there");
        stream.set_nodelay(true).expect("a socket");
        let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: http://localhost:3000\r\n\r\n");
        Self { lines: BufReader::new(stream), ask }
    }

    /// The status of one answer.
    pub(crate) fn get(&mut self) -> u16 {
        self.lines.get_mut().write_all(self.ask.as_bytes()).expect("the connection holds");
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("an answer");
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let mut length = 0;
        loop {
            line.clear();
            self.lines.read_line(&mut line).expect("a header");
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.lines.read_exact(&mut body).expect("a body");
        status
    }
}
