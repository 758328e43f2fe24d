//! Follows the quotes of a CSV file from line to line.

/// Why bytes are no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteFlaw {
    /// Longer than a record may be; its bytes are gone.
    TooLong,
    /// A quoted field has text after its closing quote, in the same line.
    TextAfterQuote,
    /// A quoted field has white space before its opening quote.
    SpaceBeforeQuote,
    /// A quoted field that begins on this line does not end properly further down.
    OpenQuote,
}

/// Where a reader of a CSV record stands; carried from line to line while a quoted field is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum QuoteScan {
    FieldStart,
    /// White space since the field's start.
    Space,
    /// A quote in here is an ordinary character.
    Unquoted,
    Quoted,
    /// A quote within a quoted field: its end, or the first half of a doubled one.
    Quote,
}

impl QuoteScan {
    pub(super) fn is_within_quotes(self) -> bool {
        self == Self::Quoted
    }

    /// Goes through one line. When no quote is open at its end, the record ends there.
    pub(super) fn walk(&mut self, line: &[u8], separator: u8) -> Option<QuoteFlaw> {
        for byte in line {
            *self = match (*self, byte) {
                (Self::Quoted, b'"') => Self::Quote,
                (Self::Quoted, _) => Self::Quoted,
                (Self::FieldStart, b'"') | (Self::Quote, b'"') => Self::Quoted,
                (_, byte) if *byte == separator => Self::FieldStart,
                (Self::Quote, _) => return Some(QuoteFlaw::TextAfterQuote),
                (Self::FieldStart | Self::Space, b' ' | b'\t') => Self::Space,
                (Self::Space, b'"') => return Some(QuoteFlaw::SpaceBeforeQuote),
                (Self::FieldStart | Self::Space | Self::Unquoted, _) => Self::Unquoted,
            };
        }
        if *self != Self::Quoted {
            *self = Self::FieldStart;
        }
        None
    }
}
