//! How long a message may get, and the writer that stops a template which exceeds it.

use std::io::{self, Write};

use super::segments::segments;
use super::{RenderCause, RenderError};
use crate::domain::{EmailParts, Message, SmsText};
use crate::render::registered_parts;

/// The longest parameter of an approved template, in bytes. Providers take far less.
pub(super) const MAX_PARAMETER_BYTES: usize = 4 * 1024;

/// The most bytes that one unit of an SMS takes in UTF-8. A unit of UCS-2 takes three at most, as four bytes make two
/// units.
const BYTES_PER_UNIT: usize = 3;

/// The parts of an SMS that more is left out for, up to what no borrower can do without.
pub(super) const WANTED_SMS_PARTS: usize = 2;

/// The size limits of a message. A longer one is never cut: it is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageLimits {
    /// The most parts that an SMS is sent and billed as.
    pub sms_parts: usize,
    /// The most bytes of an e-mail: subject, text and HTML together, before they are encoded for transport.
    pub email_bytes: usize,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self { sms_parts: 4, email_bytes: 200 * 1024 }
    }
}

impl MessageLimits {
    /// The bytes after which rendering an SMS stops. What white space around it may be trimmed away is part of them.
    pub(super) fn sms_bytes(&self) -> usize {
        let units = self.sms_parts.saturating_mul(super::Encoding::Gsm7.units_alone());
        units.saturating_mul(BYTES_PER_UNIT).saturating_add(1024)
    }

    /// Whether an SMS is surely short enough, without the count of its parts, which costs a twentieth of a send. A part
    /// holds 66 units of UTF-16 whatever its encoding, and whatever must not be torn apart at its end.
    fn surely_takes(&self, text: &str) -> bool {
        text.encode_utf16().count() <= self.sms_parts.saturating_mul(66)
    }

    /// Checks the size of a whole message.
    ///
    /// # Errors
    /// Says how long it is, and nothing that it holds. `template` names the template in the error.
    pub fn check(&self, template: &str, message: &Message) -> Result<(), RenderError> {
        let sms = |parts: usize| {
            let problem = format!(
                "makes an SMS of {parts} parts, more than the {} of [templates] max_sms_parts; shorten the text or \
                 raise the limit",
                self.sms_parts
            );
            (parts > self.sms_parts).then_some(problem)
        };
        let problem = match message {
            Message::Sms(SmsText(text)) if self.surely_takes(text) => None,
            Message::Sms(SmsText(text)) => sms(segments(text).parts),
            Message::Registered(registered) => sms(registered_parts(registered)),
            Message::Email(EmailParts { subject, text, html, .. }) => {
                let bytes = subject.len() + text.len() + html.len();
                (bytes > self.email_bytes).then(|| {
                    format!(
                        "makes an e-mail of {bytes} bytes, more than the {} of [templates] max_email_bytes; shorten \
                         it or raise \
                         the limit",
                        self.email_bytes
                    )
                })
            }
        };
        problem.map_or(Ok(()), |problem| {
            Err(RenderError { template: template.to_owned(), line: None, problem, cause: RenderCause::Size })
        })
    }
}

/// Collects what a template prints, and fails at the first byte past its limit.
#[derive(Debug)]
pub(super) struct LimitedOutput {
    bytes: Vec<u8>,
    limit: usize,
}

impl LimitedOutput {
    pub(super) fn new(limit: usize) -> Self {
        // Room for most messages at once: a mail would grow its buffer ten times otherwise.
        Self { bytes: Vec::with_capacity(limit.min(8 * 1024)), limit }
    }

    /// The text. The engine writes whole strings only, so it is UTF-8.
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl Write for LimitedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.limit - self.bytes.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{LimitedOutput, MessageLimits, segments};
    use crate::domain::{Message, SmsText};

    #[test]
    fn output_ends_at_its_limit_and_holds_no_byte_more() {
        let mut output = LimitedOutput::new(5);
        output.write_all(b"four").expect("it fits");
        assert!(output.write_all(b"ty").is_err());
        assert_eq!(output.into_text(), "four");
    }

    #[test]
    fn rendering_stops_no_earlier_than_the_limit_of_parts() {
        let limits = MessageLimits { sms_parts: 2, ..MessageLimits::default() };
        // The densest texts for their length in UTF-16: two septets for a unit, and pairs that are never split.
        for densest in ["€", "{", "😀", "a😀", "字"] {
            let count = 2 * 66 / densest.encode_utf16().count();
            let text = densest.repeat(count);
            assert!(limits.surely_takes(&text) && segments(&text).parts <= 2, "{densest}");
        }
        // The longest text of two parts in bytes: three of UTF-8 to each unit of UCS-2.
        let longest = "汉".repeat(2 * 67);
        assert!(limits.check("x", &Message::Sms(SmsText(longest.clone()))).is_ok());
        assert!(limits.check("x", &Message::Sms(SmsText(longest.clone() + "字"))).is_err());
        assert!(longest.len() < limits.sms_bytes());
    }
}
