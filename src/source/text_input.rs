//! A file or stream that people hand in, as UTF-8 text: looked through once before anything of it is taken.
//!
//! Whether a file is UTF-8 is a property of the whole file. In a GBK file many names happen to be UTF-8 (谢 reads as л),
//! so a line that is not casts doubt on every other. The first pass costs a hundredth of an import; a stream, which
//! cannot be read twice, is kept in memory, and beyond 32 MiB in a temporary file without a name.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use tempfile::SpooledTempFile;

use super::SourceError;
use super::encoding::{Decoding, Encoding};

const CHUNK: usize = 64 * 1024;

/// The bytes of a stream that stay in memory.
const IN_MEMORY: usize = 32 * 1024 * 1024;

/// The mark that DOS programs put at the end of a text.
pub(super) const END_MARK: u8 = 0x1a;

/// The caller's knowledge about an input, and its wishes.
#[derive(Debug, Clone, Copy, Default)]
pub struct TextOptions {
    /// The encoding; `None` detects UTF-8 and UTF-16 and refuses everything else.
    pub encoding: Option<Encoding>,
    /// Refuses an input whose last line has no line end.
    pub strict: bool,
}

/// An input as UTF-8 text.
pub struct TextInput {
    text: Box<dyn Read + Send>,
    /// Its size in bytes.
    pub length: u64,
    /// Its encoding.
    pub encoding: Encoding,
}

impl Read for TextInput {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.text.read(buffer)
    }
}

impl TextInput {
    /// Opens a file, or the standard input as `-`.
    ///
    /// # Errors
    /// When it cannot be read, or is not text in its encoding.
    pub fn open(path: &Path, options: TextOptions) -> Result<Self, SourceError> {
        if path == Path::new("-") {
            return Self::of_stream(io::stdin(), options);
        }
        let file = File::open(path).map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() && !about.is_dir() {
            return Self::of_stream(file, options);
        }
        Self::of_seekable(UnchangedFile { file, about }, options)
    }

    /// Reads a stream to its end.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn of_stream(mut stream: impl Read, options: TextOptions) -> Result<Self, SourceError> {
        let mut spool = SpooledTempFile::new(IN_MEMORY);
        io::copy(&mut stream, &mut spool).map_err(unreadable)?;
        Self::of_seekable(spool, options)
    }

    /// Reads a copy of a file.
    pub(super) fn of_spool(spool: SpooledTempFile, options: TextOptions) -> Result<Self, SourceError> {
        Self::of_seekable(spool, options)
    }

    fn of_seekable(mut input: impl Read + Seek + Send + 'static, options: TextOptions) -> Result<Self, SourceError> {
        let length = input.seek(SeekFrom::End(0)).map_err(unreadable)?;
        input.rewind().map_err(unreadable)?;
        let mut head = Vec::new();
        (&mut input).take(4).read_to_end(&mut head).map_err(unreadable)?;
        input.rewind().map_err(unreadable)?;
        let encoding = match options.encoding {
            Some(given) => given.refined_by(&head),
            None => Encoding::of_utf16(&head).unwrap_or(Encoding::UTF_8),
        };
        let mut survey = Survey { doubts_utf8: options.encoding.is_none(), ..Survey::new() };
        if encoding.is_utf8() {
            survey.look_through(&mut input, encoding)?;
        } else {
            survey.look_through(&mut Decoding::new(&mut input, encoding), encoding)?;
        }
        if options.strict && survey.is_cut_off() {
            return Err(SourceError::CutOff);
        }
        input.rewind().map_err(unreadable)?;
        let text: Box<dyn Read + Send> =
            if encoding.is_utf8() { Box::new(input) } else { Box::new(Decoding::new(input, encoding)) };
        Ok(Self { text, length, encoding })
    }
}

fn unreadable(source: io::Error) -> SourceError {
    SourceError::Read { line: 1, source }
}

/// A file that must stay as it was when it was opened. A file that is written over in place would else give a mixture
/// of the old and the new one; no byte that was read after a change is handed out.
struct UnchangedFile {
    file: File,
    about: Metadata,
}

impl Read for UnchangedFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        let now = self.file.metadata()?;
        // A system without times of change still has sizes.
        let modified = |about: &Metadata| about.modified().ok();
        if now.len() != self.about.len() || modified(&now) != modified(&self.about) {
            return Err(io::Error::other(
                "the file was changed while it was read; import it again when it is complete, and put new files in \
                 place by \
                 renaming (mv), not by writing over the old one",
            ));
        }
        Ok(read)
    }
}

impl Seek for UnchangedFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// The findings of the first pass.
struct Survey {
    line: u64,
    last: Option<u8>,
    /// Whether the text may be GBK that reads as UTF-8 by chance; off once it is known not to be.
    doubts_utf8: bool,
    gbk: GbkScan,
}

impl Survey {
    fn new() -> Self {
        Self { line: 1, last: None, doubts_utf8: false, gbk: GbkScan::default() }
    }

    /// Whether the last line has no line end. The end mark of DOS is one.
    fn is_cut_off(&self) -> bool {
        self.last.is_some_and(|byte| !matches!(byte, b'\n' | b'\r' | END_MARK))
    }

    fn look_through(&mut self, text: &mut impl Read, encoding: Encoding) -> Result<(), SourceError> {
        let mut buffer = vec![0; CHUNK];
        // The beginning of a character whose end is in the next piece.
        let mut held = 0;
        loop {
            let read = match text.read(&mut buffer[held..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(SourceError::Malformed { line: self.line, encoding });
                }
                Err(source) => return Err(SourceError::Read { line: self.line, source }),
                Ok(read) => read,
            };
            let piece = &buffer[..held + read];
            let whole = match str::from_utf8(piece) {
                Ok(_) => piece.len(),
                Err(error) if error.error_len().is_none() && read > 0 => error.valid_up_to(),
                Err(error) => {
                    let lines = line_breaks(&piece[..error.valid_up_to()]);
                    return Err(SourceError::NotUtf8 { line: self.line + lines });
                }
            };
            self.take(&piece[..whole]);
            held = piece.len() - whole;
            buffer.copy_within(whole..whole + held, 0);
            if read == 0 {
                break;
            }
        }
        if self.doubts_utf8 && self.gbk.is_likely() { Err(SourceError::MaybeGbk) } else { Ok(()) }
    }

    fn take(&mut self, piece: &[u8]) {
        self.line += line_breaks(piece);
        self.last = piece.last().copied().or(self.last);
        if self.doubts_utf8 {
            self.doubts_utf8 = self.gbk.walk(piece);
        }
    }
}

fn line_breaks(text: &[u8]) -> u64 {
    text.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// Tells UTF-8 from GBK that happens to be valid UTF-8: then everything that is not ASCII is pairs of bytes that are a
/// character in both, hanzi in GBK. No such run stands beside an ASCII letter, as the é of “Zoé” does, and Cyrillic,
/// Greek, Hebrew and Arabic words soon have a letter whose second byte GB2312 does not have. One character of three
/// bytes, as all hanzi are in UTF-8, is proof of UTF-8.
#[derive(Default)]
struct GbkScan {
    before: u8,
    /// Pairs of the run so far.
    run: usize,
    /// Whether there was a run that is no lone symbol such as £ or °.
    has_word: bool,
}

impl GbkScan {
    /// Goes on; `false` when the text cannot be GBK.
    fn walk(&mut self, piece: &[u8]) -> bool {
        if piece.is_ascii() && self.before.is_ascii() {
            self.before = piece.last().copied().unwrap_or(self.before);
            return true;
        }
        for byte in piece.iter().copied() {
            let is_lead = self.before >= 0xc0;
            let possible = match byte {
                0xa1..=0xbf if is_lead => {
                    self.run += 1;
                    self.has_word |= self.run > 1 || self.before > 0xc2;
                    true
                }
                0xc2..=0xdf => !is_lead && !self.before.is_ascii_alphabetic(),
                0x80.. => false,
                _ => {
                    self.run = 0;
                    !is_lead && (self.before.is_ascii() || !byte.is_ascii_alphabetic())
                }
            };
            if !possible {
                return false;
            }
            self.before = byte;
        }
        true
    }

    fn is_likely(&self) -> bool {
        self.has_word
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use encoding_rs::GBK;
    use rstest::rstest;

    use super::{TextInput, TextOptions};

    fn read(bytes: &[u8], encoding: Option<&str>) -> Result<String, String> {
        let options = TextOptions { encoding: encoding.map(|label| label.parse().unwrap()), strict: false };
        // In pieces, so that characters are cut.
        let mut input = TextInput::of_stream(bytes, options).map_err(|error| error.to_string())?;
        let mut text = String::new();
        input.read_to_string(&mut text).map_err(|error| error.to_string())?;
        Ok(text)
    }

    #[rstest]
    #[case::utf8("merchant,name\nmall,谢小毛\n".as_bytes(), None)]
    #[case::named("merchant,name\nmall,谢小毛\n".as_bytes(), Some("utf-8"))]
    #[case::gbk(&GBK.encode("merchant,name\nmall,谢小毛\n").0, Some("gb18030"))]
    #[case::gbk_by_other_names(&GBK.encode("merchant,name\nmall,谢小毛\n").0, Some("cp936"))]
    fn the_text_comes_out_as_utf8(#[case] bytes: &[u8], #[case] encoding: Option<&str>) {
        assert_eq!(read(bytes, encoding).unwrap(), "merchant,name\nmall,谢小毛\n");
    }

    #[rstest]
    #[case::little_endian(true, true, None)]
    #[case::big_endian(false, true, None)]
    #[case::without_mark(true, false, None)]
    #[case::big_endian_without_mark(false, false, None)]
    #[case::named(true, true, Some("utf-16"))]
    #[case::named_of_the_other_order(false, true, Some("utf-16"))]
    fn utf16_is_read_whether_it_has_a_mark_or_not(
        #[case] little: bool,
        #[case] mark: bool,
        #[case] label: Option<&str>,
    ) {
        let text = "merchant,name\n".to_owned() + &"mall,谢小毛😀\n".repeat(20_000);
        let marked = if mark { format!("\u{feff}{text}") } else { text.clone() };
        let bytes: Vec<u8> = marked
            .encode_utf16()
            .flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() })
            .collect();
        assert_eq!(read(&bytes, label).unwrap(), text);
    }

    #[test]
    fn one_line_that_is_not_utf8_refuses_the_whole_file() {
        let mut bytes = b"merchant,name\n".to_vec();
        bytes.extend(b"mall,B1\n".repeat(30_000));
        bytes.extend(&*GBK.encode("mall,王小明\n").0);
        assert!(read(&bytes, None).unwrap_err().starts_with("line 30002 is not UTF-8 text"));
        assert!(read(&[b"merchant\n", &[0xe7, 0x8e][..]].concat(), None).is_err(), "cut within a character");
    }

    #[rstest]
    #[case::all_of_them("name\n姚小毛\n谢小\n")]
    #[case::one("name\n毛\n")]
    #[case::two_rare("id,name\n1,陆卢\n")]
    fn gbk_that_reads_as_utf8_throughout_is_doubted(#[case] text: &str) {
        let bytes = GBK.encode(text).0;
        assert!(str::from_utf8(&bytes).is_ok(), "the case is one");
        assert!(read(&bytes, None).unwrap_err().contains("--encoding gb18030"));
        assert_eq!(read(&bytes, Some("gb18030")).unwrap(), text);
        assert!(read(&bytes, Some("utf-8")).is_ok(), "whoever says so is believed");
    }

    #[rstest]
    #[case::french("name\nZoé Müller\n")]
    #[case::russian("name\nИван Петров\n")]
    #[case::greek("name\nΓιώργος\n")]
    #[case::hebrew("name\nמשה\n")]
    #[case::arabic("name\nمحمد\n")]
    #[case::symbols("price\n£5 ±3°\n")]
    #[case::chinese("name\n谢\n")]
    fn other_scripts_are_not_doubted(#[case] text: &str) {
        assert_eq!(read(text.as_bytes(), None).unwrap(), text);
    }

    #[test]
    fn bytes_that_are_no_text_of_the_given_encoding_are_told() {
        let told = read(b"a\nb\xff\xff\n", Some("gb18030")).unwrap_err();
        assert_eq!(
            told,
            "line 2 is not text in gb18030, so nothing was taken; pass the encoding that the file is written in, or \
             save it as “CSV UTF-8”"
        );
    }

    #[rstest]
    #[case(b"a,b\n1,2", true)]
    #[case(b"a,b\n1,2\n", false)]
    #[case(b"a,b\r\n1,2\r\n\x1a", false)]
    fn strict_refuses_a_last_line_without_an_end(#[case] bytes: &[u8], #[case] refused: bool) {
        let options = TextOptions { strict: true, ..TextOptions::default() };
        assert_eq!(TextInput::of_stream(bytes, options).is_err(), refused);
    }
}
