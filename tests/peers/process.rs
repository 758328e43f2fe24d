//! Programs of others as processes that end with the test, and ports for them.

use std::fs::OpenOptions;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A program that runs until this value is dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Process {
    /// Starts it. What it says is appended to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(log).expect("the log can be written");
        let copy = file.try_clone().expect("a handle can be copied");
        let child = command.stdin(Stdio::null()).stdout(file).stderr(copy).spawn();
        Self(child.unwrap_or_else(|error| panic!("{:?} cannot be started: {error}", command.get_program())))
    }

    /// Whether it ended by itself.
    pub(crate) fn is_gone(&mut self) -> bool {
        self.0.try_wait().expect("it is ours").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Not every program heeds a TERM at once, and what it leaves behind is in the test's folder.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// So many ports of the loopback that nobody listens on. All are held until the last is found, so that they differ.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let listeners = [(); N].map(|()| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it listens").port())
}
