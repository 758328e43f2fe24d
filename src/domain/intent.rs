use std::fmt;
use std::str::FromStr;

use super::UnknownWord;
use super::reminder::words;

/// What a person wants by an answer to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intent {
    /// No more messages.
    Stop,
    /// Messages again.
    Start,
    /// Something else: it is for staff to read.
    Other,
}
words!(Intent { Stop => "stop", Start => "start", Other => "other" });
