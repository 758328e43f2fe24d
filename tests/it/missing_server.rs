//! A test without the database server that it needs: it fails, and one line for all such tests says what to start.

use std::io::Write;
use std::panic::resume_unwind;
use std::sync::Once;

/// The value of a variable that names a server. Without it the test fails.
pub(crate) fn setting(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| fail(variable))
}

/// Fails the test without a panic message: hundreds of them would hide the one line that helps.
pub(crate) fn fail(variable: &str) -> ! {
    static ADVICE: Once = Once::new();
    // Written past the test harness, which would show it for one test only, among its results.
    ADVICE.call_once(|| {
        _ = writeln!(
            std::io::stderr(),
            "\n{variable} is not set: tests that need this server fail. Run `./tests/run only CARGO_TEST_ARGUMENTS`, \
             which starts it.\n"
        );
    });
    resume_unwind(Box::new(variable.to_owned()))
}
