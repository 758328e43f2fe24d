//! Level 8: the command line, one file per command.

pub mod check;
pub mod import;
pub mod init;
pub mod template;
