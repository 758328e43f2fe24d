//! The intents that a reply can express.

use std::fmt;
use std::str::FromStr;

use super::UnknownWord;
use super::reminder::words;

/// The wish that a person expresses by a reply to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intent {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// Perhaps no more messages: it holds a word of refusal and is not understood. The borrower's messages on that
    /// channel wait until a person has read it.
    Unclear,
    /// Something else: it is for staff to read.
    Other,
}
words!(Intent { Stop => "stop", Start => "start", Unclear => "unclear", Other => "other" });
