//! One message within a conversation: sender, recipient, content, in as few turns as the server lets us take.

use std::fmt;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail as MailFrom, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailBodyParameter, MailParameter};
use lettre::transport::smtp::response::{Response, Severity};

use super::connection::Pace;
use super::verdict::{SmtpFailure, SmtpStage, queue_id};
use crate::gateway::mail::Mail;

/// How much is said before an answer is awaited: what a server offers, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Pipelining {
    /// One command.
    Command,
    /// Sender, recipient and DATA (RFC 2920): two round trips for a message.
    Envelope,
    /// The message as well, as one chunk (RFC 3030): a single round trip. Once it has left, only an answer tells what
    /// became of it.
    Message,
}

impl Pipelining {
    /// By the answer to EHLO.
    pub(super) fn offered_in(extensions: &Response) -> Self {
        let offers = |word: &str| extensions.message().any(|keyword| keyword.eq_ignore_ascii_case(word));
        match (offers("PIPELINING"), offers("CHUNKING")) {
            (true, true) => Self::Message,
            (true, false) => Self::Envelope,
            // Without pipelining a chunk saves next to nothing.
            (false, _) => Self::Command,
        }
    }
}

/// The hand-over of one message on a connection.
pub(super) struct Transaction<'a> {
    pub(super) smtp: &'a mut AsyncSmtpConnection,
    pub(super) pace: Pace<'a>,
    /// For each turn: a server that took its commands has all it needs.
    pub(super) patience: Duration,
    pub(super) turns: Pipelining,
    /// Whether the server waits for a message that is not going to come.
    pub(super) awaits_content: bool,
}

/// The server's reply to sender and recipient.
type EnvelopeReply = Result<(), (SmtpStage, SmtpFailure)>;

impl Transaction<'_> {
    /// Gives the server's number for the message. An error says at which stage what went wrong.
    pub(super) async fn run(&mut self, mail: &Mail) -> Result<Option<String>, (SmtpStage, SmtpFailure)> {
        let parameters = mail_parameters(self.smtp, mail).map_err(|trouble| (SmtpStage::Sender, trouble))?;
        let sender = MailFrom::new(Some(mail.from.clone()), parameters);
        let recipient = Rcpt::new(mail.to.clone(), vec![]);
        match self.turns {
            Pipelining::Message => return self.whole(WholeTransaction(sender, recipient, &mail.raw)).await,
            Pipelining::Envelope => {
                let (addressed, data) = self.in_one_go(Envelope(sender, recipient)).await;
                let data = data.and_then(go_ahead);
                // Nobody is left to send the message to, but the server may not have looked.
                self.awaits_content = addressed.is_err() && data.is_ok();
                addressed?;
                data.map_err(|trouble| (SmtpStage::Content, trouble))?;
            }
            Pipelining::Command => {
                self.turn(sender).await.and_then(completed).map_err(|trouble| (SmtpStage::Sender, trouble))?;
                self.turn(recipient).await.and_then(completed).map_err(|trouble| (SmtpStage::Recipient, trouble))?;
                self.turn(Data).await.and_then(go_ahead).map_err(|trouble| (SmtpStage::Content, trouble))?;
            }
        }
        let before = self.pace.gate.written();
        let taken = self.turn(Content(&mail.raw)).await.and_then(completed);
        // The dot is the last of what was to leave.
        let dot_left = self.has_left(before);
        // An answer that was there before the message had left is no answer to it.
        let taken = taken.and_then(|response| if dot_left { Ok(response) } else { Err(SmtpFailure::Garbage) });
        let stage = if dot_left { SmtpStage::FinalDot } else { SmtpStage::Content };
        taken.map(|response| queue_id(&response)).map_err(|trouble| (stage, trouble))
    }

    /// All in one turn. From the last byte on it is in doubt unless the server refuses.
    async fn whole(&mut self, whole: WholeTransaction<'_>) -> Result<Option<String>, (SmtpStage, SmtpFailure)> {
        let before = self.pace.gate.written();
        let (addressed, taken) = self.in_one_go(whole).await;
        let has_left = self.has_left(before);
        let last = if has_left { SmtpStage::FinalDot } else { SmtpStage::Content };
        match (addressed, taken.and_then(completed)) {
            (Ok(()), Ok(response)) if has_left => Ok(queue_id(&response)),
            (Ok(()), Err(trouble)) => Err((last, trouble)),
            (Err((stage, refusal @ SmtpFailure::Refusal(_))), Err(_)) => Err((stage, refusal)),
            (Err((stage, trouble)), Err(_)) => Err((if has_left { last } else { stage }, trouble)),
            // It refused whom the message is from or for, and took it all the same.
            (_, Ok(_)) => Err((last, SmtpFailure::Garbage)),
        }
    }

    /// Whether all that was said since so many bytes were written has left.
    fn has_left(&self, before: u64) -> bool {
        self.pace.gate.written() > before && self.pace.gate.held() == 0
    }

    async fn turn(&mut self, command: impl fmt::Display) -> Result<Response, SmtpFailure> {
        self.pace.bound(self.patience, self.smtp.command(command)).await
    }

    /// Says several things and reads the answers: to sender, recipient, and what came behind them. A refusal is
    /// followed by the answers to the rest; after any other trouble none is waited for.
    async fn in_one_go(&mut self, commands: impl fmt::Display) -> (EnvelopeReply, Result<Response, SmtpFailure>) {
        let Self { smtp, pace, patience, .. } = self;
        let begun = pace.clock.elapsed();
        let left = || patience.saturating_sub(pace.clock.elapsed().saturating_sub(begun));
        let at = |stage| move |trouble| (stage, trouble);
        let sender = pace.bound(*patience, smtp.command(commands)).await.and_then(completed).map(drop);
        let mut addressed = sender.map_err(at(SmtpStage::Sender));
        let is_answer = |addressed: &EnvelopeReply| matches!(addressed, Ok(()) | Err((_, SmtpFailure::Refusal(_))));
        if is_answer(&addressed) {
            let recipient = pace.bound(left(), smtp.read_response()).await.and_then(completed).map(drop);
            addressed = addressed.and(recipient.map_err(at(SmtpStage::Recipient)));
        }
        let rest = match is_answer(&addressed) {
            true => pace.bound(left(), smtp.read_response()).await,
            false => Err(SmtpFailure::Lost),
        };
        (addressed, rest)
    }
}

/// All that comes before the message.
struct Envelope(MailFrom, Rcpt);

impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(sender, recipient) = self;
        write!(f, "{sender}{recipient}{Data}")
    }
}

/// The same with the message.
struct WholeTransaction<'a>(MailFrom, Rcpt, &'a str);

impl fmt::Display for WholeTransaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(sender, recipient, raw) = self;
        let end = if raw.ends_with("\r\n") { "" } else { "\r\n" };
        write!(f, "{sender}{recipient}BDAT {} LAST\r\n{raw}{end}", raw.len() + end.len())
    }
}

/// A message as it stands on the wire, the final dot with it (RFC 5321, 4.5.2): one write, where lettre makes two and
/// goes over it byte by byte.
struct Content<'a>(&'a str);

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest.starts_with('.') {
            f.write_str(".")?;
        }
        while let Some(end) = memchr::memmem::find(rest.as_bytes(), b"\r\n.") {
            let (line, next) = rest.split_at(end + 2);
            f.write_str(line)?;
            f.write_str(".")?;
            f.write_str(&next[..1])?;
            rest = &next[1..];
        }
        f.write_str(rest)?;
        f.write_str(if self.0.ends_with("\r\n") { ".\r\n" } else { "\r\n.\r\n" })
    }
}

/// RFC 6531 is needed only where an address is not ASCII; the message itself always is.
fn mail_parameters(smtp: &AsyncSmtpConnection, mail: &Mail) -> Result<Vec<MailParameter>, SmtpFailure> {
    if [&mail.from, &mail.to].iter().all(|address| AsRef::<str>::as_ref(*address).is_ascii()) {
        return Ok(vec![]);
    }
    if !smtp.server_info().supports_feature(Extension::SmtpUtfEight) {
        return Err(SmtpFailure::Connect("smtputf8-missing"));
    }
    Ok(vec![MailParameter::SmtpUtfEight, MailParameter::Body(MailBodyParameter::EightBitMime)])
}

/// 2xx. lettre lets 3xx pass as well.
pub(super) fn completed(response: Response) -> Result<Response, SmtpFailure> {
    answered(response, Severity::PositiveCompletion)
}

/// 3xx: the server waits for the message.
fn go_ahead(response: Response) -> Result<Response, SmtpFailure> {
    answered(response, Severity::PositiveIntermediate)
}

fn answered(response: Response, severity: Severity) -> Result<Response, SmtpFailure> {
    if response.code().severity == severity { Ok(response) } else { Err(SmtpFailure::Garbage) }
}
