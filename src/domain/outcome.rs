//! Outcomes of attempts, with gateway codes and reject scopes.

use std::fmt;

use chrono::TimeDelta;

/// A gateway's short code for what happened, for example `smtp-450`, `http-500`, `connect-refused`. Made of the
/// protocol's numbers and our own fixed words only, never of a gateway's free text, which may quote an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Code(String);

impl Code {
    /// Keeps ASCII letters, digits and `-_.`, at most 64 of them.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let kept = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        Self(text.chars().filter(kept).take(64).collect())
    }

    /// The code as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The scope of a rejection: decides whether another try, or another gateway, could succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RejectScope {
    /// This recipient: final.
    Recipient,
    /// This message, for its text, its size or a policy of this gateway: the channel's next gateway may take it, this
    /// one never will.
    Content,
    /// This recipient, who told the provider to let nothing through any more: final, and a reason to suppress the
    /// address.
    OptedOut,
    /// The gateway as a whole (wrong password, account closed, quota gone, our address or sender refused): the reminder
    /// is tried again later or elsewhere.
    Gateway,
}

/// The outcome of one hand-over to a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The gateway documented that it took the message over.
    Accepted {
        /// Its own number for the message, if it gave one.
        provider_id: Option<String>,
    },
    /// A documented refusal.
    Rejected {
        /// The gateway's code.
        code: Code,
        /// The scope of the refusal.
        scope: RejectScope,
    },
    /// A documented "not now": throttled, greylisted, mailbox full for the moment.
    RetryAfter {
        /// The gateway's code.
        code: Code,
        /// How long to wait, if the gateway gave a time.
        after: Option<TimeDelta>,
    },
    /// Proven not sent: no byte of the request that could make a message left this machine.
    NotSent {
        /// The code of the obstacle.
        code: Code,
    },
    /// Anything else: the message may or may not have gone.
    Unknown {
        /// The code of the observed failure.
        code: Code,
    },
}

impl Outcome {
    /// The outcome's class as it is counted and shown.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Rejected { .. } => "rejected",
            Self::RetryAfter { .. } => "retry_after",
            Self::NotSent { .. } => "not_sent",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// The gateway's code; an acceptance has none.
    #[must_use]
    pub fn code(&self) -> Option<&Code> {
        match self {
            Self::Accepted { .. } => None,
            Self::Rejected { code, .. }
            | Self::RetryAfter { code, .. }
            | Self::NotSent { code }
            | Self::Unknown { code } => Some(code),
        }
    }
}
