//! The template engine as this project uses it: strict, escaping by file type, bounded.

use std::fmt;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, escape_formatter};

use super::limits::LimitedOutput;
use super::{RenderCause, RenderError, builtins};

/// The work that one part of a message may cost. One unit pays for one step or 64 bytes of text, so no value gets
/// longer than 9.6 MB; the built-in mails pass with 1,000 instalments, which is more than an e-mail of the usual limit
/// holds.
const FUEL: u64 = 150_000;

/// Printed in place of a guess where a template prints what is not there.
const NOT_ALWAYS_THERE: &str = "prints a value that is not always known; put it in {% if … %}";

pub(super) fn environment() -> Environment<'static> {
    let mut env = Environment::empty();
    builtins::add(&mut env);
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_auto_escape_callback(|path| if path.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None });
    env.set_formatter(format_value);
    env.set_fuel(Some(FUEL));
    // A tag alone on its line leaves no line behind.
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    env.set_syntax(syntax.expect("the usual delimiters are valid"));
    // The engine's debug information copies the whole context, names and amounts included.
    env.set_debug(false);
    env
}

/// Prints text as it is or escaped for HTML, and refuses `none`, which would read "Dear none".
fn format_value(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() {
        return Err(Error::new(ErrorKind::InvalidOperation, NOT_ALWAYS_THERE));
    }
    let written = match (state.auto_escape(), value.as_str()) {
        (AutoEscape::Html, Some(text)) if !value.is_safe() => write_html(out, text),
        (AutoEscape::None, Some(text)) => out.write_str(text),
        _ if matches!(value.kind(), ValueKind::Seq | ValueKind::Map | ValueKind::Iterable) => {
            return Err(Error::new(ErrorKind::InvalidOperation, "prints a whole object; name one of its fields"));
        }
        _ => return escape_formatter(out, state, value),
    };
    written.map_err(Error::from)
}

/// Escapes what has a meaning in HTML text and quoted attributes. Not the slash: links stay readable in the source.
fn write_html(out: &mut Output<'_>, text: &str) -> fmt::Result {
    let mut rest = text;
    while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
        let (plain, special) = rest.split_at(at);
        out.write_str(plain)?;
        out.write_str(match special.as_bytes()[0] {
            b'&' => "&amp;",
            b'<' => "&lt;",
            b'>' => "&gt;",
            b'"' => "&quot;",
            _ => "&#39;",
        })?;
        rest = &special[1..];
    }
    out.write_str(rest)
}

/// Why a message could not be made: still with the engine's own words, which may quote data.
#[derive(Debug)]
pub(super) enum RenderFault {
    /// The engine gave up on this file or on one that it includes.
    Engine(String, Box<Error>),
    /// The result of this file is no message.
    Result(String, &'static str),
    /// The result is too long.
    Size(RenderError),
    /// A value does not fit the registered text; in words without the value.
    Value(String),
}

/// Renders a template whose output takes `limit` bytes at most.
pub(super) fn render(env: &Environment<'_>, path: &str, context: Value, limit: usize) -> Result<String, RenderFault> {
    let mut output = LimitedOutput::new(limit);
    let rendered = env.get_template(path).and_then(|template| {
        template.render_captured_to(context, &mut output)?;
        Ok(())
    });
    rendered.map_err(|error| RenderFault::engine(path, error))?;
    Ok(output.into_text())
}

impl RenderFault {
    /// Whether the result is too long, rather than the template wrong.
    pub(super) fn is_size(&self) -> bool {
        match self {
            Self::Engine(_, error) => innermost(error).kind() == ErrorKind::WriteFailure,
            Self::Size(_) => true,
            Self::Result(..) | Self::Value(_) => false,
        }
    }

    pub(super) fn engine(path: &str, error: Error) -> Self {
        Self::Engine(path.to_owned(), Box::new(error))
    }

    /// For the time of sending: fixed words and names only, no value.
    pub(super) fn masked(self) -> RenderError {
        self.worded(false)
    }

    /// For the time of loading, when all data is made up: with what the engine says.
    pub(super) fn in_full(self) -> RenderError {
        self.worded(true)
    }

    fn worded(self, in_full: bool) -> RenderError {
        match self {
            Self::Result(template, problem) => {
                RenderError { template, line: None, problem: problem.to_owned(), cause: RenderCause::Template }
            }
            Self::Size(error) => error,
            Self::Value(problem) => {
                RenderError { template: String::new(), line: None, problem, cause: RenderCause::Value }
            }
            Self::Engine(path, error) => {
                let error = innermost(&error);
                let is_size = error.kind() == ErrorKind::WriteFailure;
                let cause = if is_size { RenderCause::Size } else { RenderCause::Template };
                RenderError {
                    template: error.name().map_or(path, |name| name.replace(".txt.html", ".txt")),
                    line: error.line(),
                    problem: wording(error, in_full),
                    cause,
                }
            }
        }
    }
}

/// An error in a block or an included file comes wrapped; the one that counts is at the bottom.
fn innermost(error: &Error) -> &Error {
    let mut inner = error;
    while let Some(cause) = std::error::Error::source(inner).and_then(|source| source.downcast_ref::<Error>()) {
        inner = cause;
    }
    inner
}

fn wording(error: &Error, in_full: bool) -> String {
    let hint = match error.kind() {
        ErrorKind::UndefinedError => "uses a name that does not exist here",
        ErrorKind::SyntaxError => "is not well formed",
        ErrorKind::TemplateNotFound => "includes or extends a file that does not exist",
        ErrorKind::WriteFailure => {
            return "prints more than a message may hold; see max_sms_parts and max_email_bytes of [templates]"
                .to_owned();
        }
        ErrorKind::OutOfFuel => {
            "does too much work for one message; look for a loop that does not end or a text that grows"
        }
        ErrorKind::UnknownFilter => "uses a filter that does not exist",
        ErrorKind::UnknownTest => "uses a test that does not exist",
        ErrorKind::UnknownFunction => "calls a function that does not exist",
        ErrorKind::UnknownMethod => "calls a method that does not exist",
        ErrorKind::InvalidOperation if error.detail() == Some(NOT_ALWAYS_THERE) => return NOT_ALWAYS_THERE.to_owned(),
        _ => "asks for something that cannot be done",
    };
    match error.detail() {
        Some(detail) if in_full => format!("{hint} ({detail})"),
        _ => hint.to_owned(),
    }
}
