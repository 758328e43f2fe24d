//! From what a mail server said, and when, to an [`Outcome`].

use std::error::Error;
use std::io;

use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::response::Response;

use crate::domain::{Code, Outcome, RejectScope};
use crate::gateway::mail::{RefusalKind, Status, classify};
use crate::gateway::net;

/// How far the conversation had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SmtpStage {
    /// Greeting, EHLO, STARTTLS, AUTH.
    Opening,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, and the message up to its final dot: without the dot no server may take it over (RFC 5321, 4.1.1.4).
    Content,
    /// From the first byte of the final dot on, the message may have been taken over (RFC 1047).
    FinalDot,
}

/// A failure of a conversation with the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SmtpFailure {
    /// The deadline of the hand-over.
    Deadline,
    /// No answer in time.
    Silence,
    /// The connection ended.
    Lost,
    /// An answer that is none, or not to what was asked.
    Garbage,
    /// The connection could not be made; the code says why.
    Connect(&'static str),
    /// A refusal in due form.
    Refusal(SmtpRefusal),
}

/// A reply of 4xx or 5xx.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SmtpRefusal {
    code: u16,
    enhanced: Option<Status>,
    /// The reason for the refusal, if the server's code or words give one.
    refused: Option<RefusalKind>,
}

impl SmtpRefusal {
    fn new(code: u16, text: &str) -> Self {
        let enhanced = Status::leading(text);
        Self { code, enhanced, refused: classify(enhanced, text) }
    }

    /// 421 is said before the server hangs up.
    pub(super) fn ends_connection(&self) -> bool {
        self.code == 421
    }

    /// User name or password refused (RFC 4954, 6).
    pub(super) fn is_of_credential(&self) -> bool {
        matches!(self.code, 534 | 535)
    }

    /// Digits only: the text behind them may quote an address.
    fn code(&self) -> Code {
        match self.enhanced {
            Some(enhanced) => Code::new(&format!("smtp-{}-{enhanced}", self.code)),
            None => Code::new(&format!("smtp-{}", self.code)),
        }
    }

    /// The reason for the refusal. Where neither code nor words give one, the stage decides: the fault is ours until
    /// the recipient is named, then the recipient's, and after the message the message's.
    fn refused(&self, stage: SmtpStage) -> RefusalKind {
        if self.code < 500 {
            return RefusalKind::Transient;
        }
        // Of these none is about a recipient: not understood, wrong order, authentication or encryption wanted (RFC
        // 4954).
        let about_session = matches!(self.code, 500 | 502 | 503 | 530 | 534 | 535 | 538);
        match (stage, self.refused) {
            (SmtpStage::Opening | SmtpStage::Sender, Some(RefusalKind::Transient)) => RefusalKind::Transient,
            (SmtpStage::Opening | SmtpStage::Sender, _) => RefusalKind::Client,
            (_, Some(refused)) => refused,
            (_, None) if about_session => RefusalKind::Client,
            // "Transaction failed": a policy that is not named.
            (SmtpStage::Recipient, None) if self.code == 554 => RefusalKind::Content,
            (SmtpStage::Recipient, None) => RefusalKind::Recipient { gone: false },
            (SmtpStage::Content | SmtpStage::FinalDot, None) => RefusalKind::Content,
        }
    }

    fn outcome(&self, stage: SmtpStage) -> Outcome {
        let code = self.code();
        let scope = match self.refused(stage) {
            RefusalKind::Transient => return Outcome::RetryAfter { code, after: None },
            RefusalKind::Recipient { .. } => RejectScope::Recipient,
            RefusalKind::Content => RejectScope::Content,
            RefusalKind::Sender | RefusalKind::Client => RejectScope::Gateway,
        };
        Outcome::Rejected { code, scope }
    }
}

/// The outcome of a hand-over that failed with `trouble` at `stage`.
pub(super) fn outcome(stage: SmtpStage, trouble: &SmtpFailure) -> Outcome {
    let code = match trouble {
        SmtpFailure::Refusal(refusal) => return refusal.outcome(stage),
        SmtpFailure::Deadline => "deadline",
        SmtpFailure::Silence => "smtp-no-answer",
        SmtpFailure::Lost => "smtp-connection-lost",
        SmtpFailure::Garbage => "smtp-garbage",
        SmtpFailure::Connect(code) => code,
    };
    if stage == SmtpStage::FinalDot { net::unknown(code) } else { net::not_sent(code) }
}

impl From<SmtpError> for SmtpFailure {
    fn from(error: SmtpError) -> Self {
        // lettre keeps the reply's text as the error's source.
        let text = || error.source().map(ToString::to_string).unwrap_or_default();
        if let Some(status) = error.status() {
            return Self::Refusal(SmtpRefusal::new(status.into(), &text()));
        }
        if error.is_response() {
            return if text() == "incomplete response" { Self::Lost } else { Self::Garbage };
        }
        match error.source().and_then(|source| source.downcast_ref::<io::Error>()).map(io::Error::kind) {
            // Bytes that are no UTF-8.
            Some(io::ErrorKind::InvalidData) => Self::Garbage,
            _ if error.is_client() => Self::Garbage,
            _ => Self::Lost,
        }
    }
}

/// The server's own number for a message it took over, where it names one the way Postfix (`queued as 4X1`) or Exim
/// (`OK id=1a-2b-3c`) does.
pub(super) fn queue_id(response: &Response) -> Option<String> {
    let line = response.first_line()?;
    let rest = ["queued as ", "id="].iter().find_map(|mark| line.split_once(mark))?.1;
    let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    Some(rest.chars().take_while(kept).take(64).collect::<String>()).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use super::{SmtpFailure, SmtpRefusal, SmtpStage, outcome, queue_id};
    use lettre::transport::smtp::response::Response;
    use rstest::rstest;

    #[rstest]
    #[case(SmtpStage::Recipient, 550, "5.1.1 <zhang@mall.example>: unknown", "rejected smtp-550-5.1.1 Recipient")]
    #[case(SmtpStage::Recipient, 550, "zhang@mall.example unknown", "rejected smtp-550 Recipient")]
    #[case(SmtpStage::Recipient, 501, "5.1.3 bad address", "rejected smtp-501-5.1.3 Recipient")]
    #[case(SmtpStage::Recipient, 554, "5.7.1 Relay access denied", "rejected smtp-554-5.7.1 Gateway")]
    #[case(SmtpStage::Recipient, 554, "5.7.1 looks like spam", "rejected smtp-554-5.7.1 Content")]
    #[case(SmtpStage::Recipient, 530, "5.7.0 Authentication required", "rejected smtp-530-5.7.0 Gateway")]
    #[case(SmtpStage::Recipient, 450, "4.7.1 greylisted", "retry_after smtp-450-4.7.1 -")]
    #[case(SmtpStage::Sender, 550, "5.7.1 we do not know you", "rejected smtp-550-5.7.1 Gateway")]
    #[case(SmtpStage::Opening, 535, "5.7.8 wrong", "rejected smtp-535-5.7.8 Gateway")]
    #[case(SmtpStage::Opening, 554, "go away", "rejected smtp-554 Gateway")]
    #[case(SmtpStage::FinalDot, 552, "5.3.4 too big", "rejected smtp-552-5.3.4 Content")]
    #[case(SmtpStage::FinalDot, 451, "4.3.0 queue full", "retry_after smtp-451-4.3.0 -")]
    fn a_refusal_means(#[case] stage: SmtpStage, #[case] status: u16, #[case] text: &str, #[case] expected: &str) {
        let outcome = outcome(stage, &SmtpFailure::Refusal(SmtpRefusal::new(status, text)));
        let scope = match &outcome {
            crate::domain::Outcome::Rejected { scope, .. } => format!("{scope:?}"),
            _ => "-".into(),
        };
        let code = outcome.code().map(ToString::to_string).unwrap_or_default();
        assert_eq!(format!("{} {code} {scope}", outcome.as_str()), expected);
    }

    #[test]
    fn nothing_is_proven_once_the_final_dot_may_have_left() {
        for trouble in [SmtpFailure::Silence, SmtpFailure::Lost, SmtpFailure::Garbage, SmtpFailure::Deadline] {
            assert_eq!(outcome(SmtpStage::FinalDot, &trouble).as_str(), "unknown");
            for stage in [SmtpStage::Opening, SmtpStage::Sender, SmtpStage::Recipient, SmtpStage::Content] {
                assert_eq!(outcome(stage, &trouble).as_str(), "not_sent");
            }
        }
    }

    #[rstest]
    #[case("250 2.0.0 Ok: queued as 4X1y2Z\r\n", Some("4X1y2Z"))]
    #[case("250 OK id=1tB2c3-000-Ab\r\n", Some("1tB2c3-000-Ab"))]
    #[case("250 thanks, zhang@mall.example\r\n", None)]
    #[case("250 queued as <zhang@mall.example>\r\n", None)]
    fn a_queue_number_is_taken_only_where_it_is_one(#[case] reply: &str, #[case] id: Option<&str>) {
        let response: Response = reply.parse().unwrap();
        assert_eq!(queue_id(&response).as_deref(), id);
    }
}
