//! A secret that a person types, or that a pipe brings: never an argument, which the list of processes shows.

use std::io::{self, BufRead, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use secrecy::zeroize::Zeroizing;

use super::CliError;

/// The longest line that is read from a pipe, in bytes.
const MAX_LINE: u64 = 4_096;

/// Where secrets come from.
pub(super) trait SecretInput: Send {
    /// Reads one. A person is asked for it, twice if it is new.
    ///
    /// # Errors
    /// When nothing is entered, or two different ones are.
    fn read(&mut self, what: &str, is_new: bool) -> Result<Zeroizing<String>, CliError>;
}

/// The standard input of the process.
pub(super) struct Stdin;

impl SecretInput for Stdin {
    fn read(&mut self, what: &str, is_new: bool) -> Result<Zeroizing<String>, CliError> {
        let stdin = io::stdin();
        if !isatty(&stdin) {
            return line(&mut stdin.lock(), what);
        }
        let first = ask(&format!("new {what}: "), what)?;
        if is_new && *ask(&format!("{what} once more: "), what)? != *first {
            return Err(CliError::Use(format!("the {what}s differ; nothing was changed")));
        }
        Ok(first)
    }
}

/// The first line, without its end.
fn line(input: &mut dyn BufRead, what: &str) -> Result<Zeroizing<String>, CliError> {
    let mut line = Zeroizing::new(String::new());
    io::Read::take(input, MAX_LINE).read_line(&mut line)?;
    let end = line.trim_end_matches(['\n', '\r']).len();
    line.truncate(end);
    if line.is_empty() {
        return Err(CliError::Use(format!("no {what} was entered; type it, or write it to the standard input")));
    }
    Ok(line)
}

fn ask(prompt: &str, what: &str) -> Result<Zeroizing<String>, CliError> {
    let (mut stderr, stdin) = (io::stderr(), io::stdin());
    write!(stderr, "{prompt}")?;
    stderr.flush()?;
    let entered = {
        let _silence = Silence::begin()?;
        line(&mut stdin.lock(), what)
    };
    writeln!(stderr)?;
    entered
}

/// The terminal without echo, until it is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing is left to do for a terminal that has gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_pipe_brings_one_line() {
        for (text, expected) in [("secret\n", "secret"), ("secret", "secret"), (" a b \r\nnext\n", " a b ")] {
            assert_eq!(*line(&mut text.as_bytes(), "password").expect("a line"), expected);
        }
        for text in ["", "\n"] {
            let error = line(&mut text.as_bytes(), "password").expect_err("nothing");
            assert!(error.to_string().starts_with("no password was entered"), "{error}");
        }
    }
}
