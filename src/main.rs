//! The command `dueherald`.

use std::process::ExitCode;

fn main() -> ExitCode {
    dueherald::cli::main()
}
