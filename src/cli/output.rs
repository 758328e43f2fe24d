//! The streams that commands print and log to; their reader may go away while the command works.

use std::io::{self, ErrorKind, Write};

/// The standard output. Once its reader has closed the pipe, as `| head` does, the rest is dropped: a command that
/// works while it prints does its work to the end, and exits with its own code.
pub(super) struct Output<W> {
    stream: W,
    is_closed: bool,
}

impl<W: Write> Output<W> {
    pub(super) fn new(stream: W) -> Self {
        Self { stream, is_closed: false }
    }

    /// `None` when the reader has gone.
    fn unless_closed<T>(&mut self, write: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<Option<T>> {
        if self.is_closed {
            return Ok(None);
        }
        match write(&mut self.stream) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(None)
            }
            done => done.map(Some),
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        Ok(self.unless_closed(|stream| stream.write(text))?.unwrap_or(text.len()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.unless_closed(W::flush).map(drop)
    }
}

/// The standard error for log lines. A line that cannot be written is lost: the reader of the log may be gone, or its
/// disk full, and the daemon has to go on. The subscriber would else report that on the standard error too, and panic.
pub(super) struct LogOutput<W>(pub(super) W);

impl<W: Write> Write for LogOutput<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        _ = self.0.write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{LogOutput, Output};
    use std::io::{self, ErrorKind, Write};

    /// Takes one write, then fails.
    struct Stream(Option<ErrorKind>, usize);

    impl Write for Stream {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.1 += 1;
            match self.0 {
                Some(kind) if self.1 > 1 => Err(kind.into()),
                _ => Ok(text.len()),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_takes_the_rest_and_a_full_disk_is_an_error() {
        let mut closed = Output::new(Stream(Some(ErrorKind::BrokenPipe), 0));
        assert!((0..3).all(|_| closed.write_all(b"line\n").is_ok() && closed.flush().is_ok()));
        assert_eq!(closed.stream.1, 2, "it is not tried again");
        let mut full = Output::new(Stream(Some(ErrorKind::StorageFull), 0));
        assert!(full.write_all(b"line\n").is_ok());
        assert_eq!(full.write_all(b"line\n").unwrap_err().kind(), ErrorKind::StorageFull);
    }

    #[test]
    fn a_log_line_that_cannot_be_written_is_lost() {
        let mut log = LogOutput(Stream(Some(ErrorKind::StorageFull), 0));
        assert!((0..3).all(|_| log.write_all(b"line\n").is_ok()));
    }
}
