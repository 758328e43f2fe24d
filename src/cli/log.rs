//! Where log lines go, and what is logged of a panic.

use std::io::{self, IsTerminal};
use std::panic;

use tracing_subscriber::EnvFilter;

use super::output::LogOutput;
use crate::config::{Log, LogFormat};

/// Log lines go to the standard error, coloured on a terminal only, and not there if `NO_COLOR` is set. A command that
/// ends soon only tells what is wrong.
pub(super) fn start(log: &Log, for_long: bool) {
    let filter = if for_long { EnvFilter::new(&log.filter) } else { EnvFilter::new("warn") };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| LogOutput(io::stderr()));
    match log.format {
        LogFormat::Text => {
            let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            lines.with_ansi(io::stderr().is_terminal() && !is_plain).init();
        }
        LogFormat::Json => lines.json().init(),
    }
    panic::set_hook(Box::new(log_panic));
}

/// Logs where a panic was. Its text is left out: it may quote anything, a phone number for instance.
fn log_panic(panic: &panic::PanicHookInfo<'_>) {
    let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
    tracing::error!(place, "panic: this is a fault of dueherald; please report the place");
}
