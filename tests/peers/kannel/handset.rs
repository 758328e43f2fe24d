//! A phone at Kannel's simulated SMSC, whose protocol is lines: `FROM TO text …`, `FROM TO ucs-2 …`, or in parts
//! `FROM TO udh … data …`, each percent-encoded.

use std::collections::BTreeMap;
use std::time::Duration;

use dueherald::clock::{Clock, SystemClock};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::patience::until;

/// How long the next message may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// One SMS as it goes over the air.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Which of how many parts of which message.
    pub(super) place: Option<(u8, u8, u8)>,
    pub(super) coding: Coding,
    pub(super) bytes: Vec<u8>,
}

/// How its bytes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// Kannel has turned GSM 03.38 back into UTF-8 for the line.
    Text,
    Ucs2,
}

pub(super) struct Handset {
    listens: BufReader<TcpStream>,
    speaks: TcpStream,
}

impl Handset {
    /// Connects to the SMSC's two ports, as soon as they are open.
    pub(super) async fn at(listens: u16, speaks: u16) -> Self {
        let (listens, speaks) = (connected(listens).await, connected(speaks).await);
        Self { listens: BufReader::new(listens), speaks }
    }

    /// Waits for so many messages to so many numbers, in all their parts. Each with its number.
    pub(super) async fn texts(&mut self, count: usize) -> Vec<(String, Vec<Part>)> {
        let mut got: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        let whole = |parts: &Vec<Part>| parts[0].place.is_none_or(|(.., of)| parts.len() == usize::from(of));
        while got.len() < count || !got.values().all(whole) {
            let mut line = String::new();
            let length = tokio::select! {
                length = self.listens.read_line(&mut line) => length.expect("the SMSC is there"),
                () = SystemClock.sleep(PATIENCE) => panic!("only these came in: {got:?}"),
            };
            assert!(length > 0, "the SMSC hung up");
            let (to, part) = read(line.trim_end_matches('\n'));
            got.entry(to).or_default().push(part);
        }
        got.into_iter().collect()
    }

    /// Sends an SMS.
    pub(super) async fn says(&mut self, from: &str, text: &str) {
        let units: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let line = format!("{from} 10690000 ucs2 {}\n", encoded(&units));
        self.speaks.write_all(line.as_bytes()).await.expect("the SMSC is there");
    }
}

async fn connected(port: u16) -> TcpStream {
    let mut stream = None;
    until("Kannel's SMSC listens", async || {
        stream = TcpStream::connect(("127.0.0.1", port)).await.ok();
        stream.is_some()
    })
    .await;
    stream.expect("it is there by now")
}

/// A line of the SMSC: the number it goes to, and what goes there.
fn read(line: &str) -> (String, Part) {
    let words: Vec<_> = line.splitn(4, ' ').collect();
    let [_, to, kind, rest] = words[..] else { panic!("{line:?} is no message") };
    let part = match kind {
        "text" => Part { place: None, coding: Coding::Text, bytes: rest.as_bytes().to_vec() },
        "ucs-2" => Part { place: None, coding: Coding::Ucs2, bytes: decoded(rest) },
        "udh" => {
            let (header, rest) = rest.split_once(' ').expect("a header and what follows");
            let (kind, bytes) = rest.split_once(' ').expect("what it is, and it");
            let [5, 0, 3, reference, of, number] = decoded(header)[..] else { panic!("{line:?} is no part") };
            let coding = if kind == "text" { Coding::Text } else { Coding::Ucs2 };
            let bytes = if kind == "text" { bytes.as_bytes().to_vec() } else { decoded(bytes) };
            assert!(bytes.len() + 6 <= 140 || coding == Coding::Text, "a part has 140 bytes at most");
            Part { place: Some((reference, number, of)), coding, bytes }
        }
        _ => panic!("{line:?} is no message"),
    };
    (to.to_owned(), part)
}

/// The text of a message as a phone shows it.
pub(super) fn put_together(parts: &[Part]) -> (String, Coding) {
    let mut parts = parts.to_vec();
    parts.sort_by_key(|part| part.place);
    let coding = parts[0].coding;
    assert!(parts.iter().all(|part| part.coding == coding), "{parts:?}");
    let bytes: Vec<u8> = parts.into_iter().flat_map(|part| part.bytes).collect();
    let text = match coding {
        Coding::Text => String::from_utf8(bytes).expect("it is UTF-8"),
        Coding::Ucs2 => {
            assert_eq!(bytes.len() % 2, 0);
            let units: Vec<u16> = bytes.chunks(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
            String::from_utf16(&units).expect("no surrogate pair is torn")
        }
    };
    (text, coding)
}

fn encoded(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("%{byte:02X}")).collect()
}

/// Form encoding: a plus is a blank.
fn decoded(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| digit.expect("two digits"));
                u8::from_str_radix(str::from_utf8(&digits).expect("ASCII"), 16).expect("hex digits")
            }
            other => other,
        });
    }
    bytes
}
