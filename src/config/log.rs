//! `[log]`: log format and filter.

use super::reading::Section;
use super::value::{Value, text, word};

/// `[log]`: what the daemon tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// In which form.
    pub format: LogFormat,
    /// Which lines, as `tracing-subscriber` has it: `info`, or `warn,dueherald=debug`.
    pub filter: String,
}

/// Forms of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines, one object a line.
    Json,
}

pub(super) fn read(mut section: Section<'_, '_, '_>) -> Option<Log> {
    let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let format = section.or("format", LogFormat::Text, |value| word(value, &formats));
    let filter = section.or("filter", "info".to_owned(), filter);
    section.finish();
    Some(Log { format: format?, filter: filter? })
}

fn filter(value: &Value<'_>) -> Result<String, String> {
    let filter = text(value)?;
    match filter.parse::<tracing_subscriber::filter::Targets>() {
        Ok(_) => Ok(filter),
        Err(_) => Err(format!(r#"{} is no filter; write for example "info" or "warn,dueherald=debug""#, value.shown())),
    }
}
