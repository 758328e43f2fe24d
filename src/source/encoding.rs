//! Encodings of the files that people hand in, and the reader that turns them into UTF-8.

use std::fmt;
use std::io::{self, Read};
use std::str::FromStr;

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE};

const CHUNK: usize = 64 * 1024;

/// A character encoding by its WHATWG label, such as `utf-8`, `gb18030` or `utf-16`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoding(&'static encoding_rs::Encoding);

/// A word that names no [`Encoding`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an encoding such as utf-8, gb18030 or utf-16")]
pub struct UnknownEncoding;

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(label: &str) -> Result<Self, UnknownEncoding> {
        // The WHATWG list has no code page numbers for Chinese; Windows and Excel call GBK so.
        let label = if label.eq_ignore_ascii_case("cp936") { "gbk" } else { label };
        encoding_rs::Encoding::for_label_no_replacement(label.as_bytes()).map(Self).ok_or(UnknownEncoding)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0.name())
    }
}

impl Encoding {
    /// UTF-8.
    pub const UTF_8: Self = Self(UTF_8);

    /// Detects UTF-16 by its byte order mark or, without one, by the zeros that every ASCII header has in it.
    pub(super) fn of_utf16(head: &[u8]) -> Option<Self> {
        match head {
            [0xff, 0xfe, ..] => Some(Self(UTF_16LE)),
            [0xfe, 0xff, ..] => Some(Self(UTF_16BE)),
            [1..=255, 0, 1..=255, 0, ..] => Some(Self(UTF_16LE)),
            [0, 1..=255, 0, 1..=255, ..] => Some(Self(UTF_16BE)),
            _ => None,
        }
    }

    /// `utf-16` means either byte order: the first bytes decide.
    pub(super) fn refined_by(self, head: &[u8]) -> Self {
        match Self::of_utf16(head) {
            Some(found) if self.0 == UTF_16LE => found,
            _ => self,
        }
    }

    pub(super) fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }
}

/// Reads an input in another encoding as UTF-8, without a byte order mark. Bytes that are no text of the encoding are
/// an error.
pub(super) struct Decoding<R> {
    input: R,
    encoding: Encoding,
    decoder: Decoder,
    raw: Vec<u8>,
    /// How much of `raw` is decoded.
    at: usize,
    text: Vec<u8>,
    /// How much of `text` was handed out.
    given: usize,
    ended: bool,
    /// Whether the decoder has seen the end; it must not be asked again.
    finished: bool,
    /// Whether invalid bytes follow: an error once the text before them was handed out.
    malformed: bool,
}

impl<R: Read> Decoding<R> {
    pub(super) fn new(input: R, encoding: Encoding) -> Self {
        let decoder = encoding.0.new_decoder_with_bom_removal();
        Self {
            input,
            encoding,
            decoder,
            raw: Vec::new(),
            at: 0,
            text: Vec::new(),
            given: 0,
            ended: false,
            finished: false,
            malformed: false,
        }
    }

    /// Decodes some more into `text`.
    fn decode(&mut self) -> io::Result<()> {
        if self.at == self.raw.len() && !self.ended {
            self.raw.resize(CHUNK, 0);
            let read = loop {
                match self.input.read(&mut self.raw) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    done => break done?,
                }
            };
            self.raw.truncate(read);
            self.at = 0;
            self.ended = read == 0;
        }
        // Three bytes of UTF-8 are the most that one byte can become.
        self.text.resize(3 * CHUNK + 16, 0);
        let source = &self.raw[self.at..];
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(source, &mut self.text, self.ended);
        self.at += read;
        self.text.truncate(written);
        self.given = 0;
        self.finished = self.ended && matches!(result, DecoderResult::InputEmpty);
        self.malformed = matches!(result, DecoderResult::Malformed(..));
        Ok(())
    }
}

impl<R: Read> Read for Decoding<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if self.malformed {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("it has bytes that are no text in {}", self.encoding),
                ));
            }
            if self.finished {
                return Ok(0);
            }
            self.decode()?;
        }
        let size = buffer.len().min(self.text.len() - self.given);
        buffer[..size].copy_from_slice(&self.text[self.given..self.given + size]);
        self.given += size;
        Ok(size)
    }
}
