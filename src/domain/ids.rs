//! Identifier newtypes and their validation.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Why a text is no identifier. Says what is wrong, never the text itself: a caller may have been handed personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// Longer than [`MAX_ID_CHARS`].
    #[error("is longer than {MAX_ID_CHARS} characters")]
    TooLong,
    /// A control character, or white space at an end.
    #[error("contains a control character or begins or ends with white space")]
    BadCharacter,
}

/// The most characters an identifier may have; enough for a UUID with a prefix, short enough for an index key.
pub const MAX_ID_CHARS: usize = 128;

fn check(text: &str) -> Result<(), IdError> {
    if text.trim().is_empty() {
        return Err(IdError::Empty);
    }
    if text.chars().count() > MAX_ID_CHARS {
        return Err(IdError::TooLong);
    }
    if text.trim().len() != text.len() || text.chars().any(char::is_control) {
        return Err(IdError::BadCharacter);
    }
    Ok(())
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes `text` as it is.
            ///
            /// # Errors
            /// When it is empty, longer than 128 characters, or holds control characters or outer white space.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &*self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.as_ref().to_owned()
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id!(
    /// The brand in whose name a message goes out; the key of `[merchants.*]` in the config.
    MerchantId
);
text_id!(
    /// The lender's own number for a borrower; unique within a merchant.
    BorrowerId
);
text_id!(
    /// The lender's own number for an instalment; unique within a merchant.
    InstallmentId
);
text_id!(
    /// The lender's own number for a payment; unique within a merchant.
    PaymentId
);
text_id!(
    /// The name of a rule: `name` in `[[rules]]`.
    RuleName
);
text_id!(
    /// The key of `[gateways.*]`: one account at one provider.
    GatewayName
);
text_id!(
    /// The name of a source: `name` in `[[sources]]`.
    SourceName
);
text_id!(
    /// The name of a branch of a source: `name` in `[[sources.branches]]`.
    BranchName
);
text_id!(
    /// The key of `[routes.*]`: one way to repay.
    RouteKey
);
text_id!(
    /// The name of a notice, chosen by the person who makes it.
    NoticeName
);
text_id!(
    /// The name of a webhook endpoint; unique within a merchant.
    EndpointName
);
text_id!(
    /// The folder of a template below `templates/messages/` or below the folder named in the config.
    TemplateName
);

/// The number of a reminder in the outbox. Countable, so it is never shown to a borrower: links carry a sealed token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReminderId(pub i64);

impl fmt::Display for ReminderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for ReminderId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
