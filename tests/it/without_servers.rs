//! `cargo test` on a machine without database servers: tests that need one fail, and one line says what to start.

use std::process::Command;

use rstest::rstest;

#[rstest]
#[case::postgresql("store::postgres::claims::", "DUEHERALD_TEST_POSTGRES", 10)]
#[case::mariadb("a_zero_date_in_mariadb_rejects", "DUEHERALD_TEST_MARIADB", 1)]
fn without_a_server_tests_fail_and_one_line_says_what_to_start(
    #[case] tests: &str,
    #[case] variable: &str,
    #[case] at_least: usize,
) {
    let mut this = Command::new(std::env::current_exe().expect("it is running"));
    let output = this.arg(tests).env_remove(variable).output().expect("it starts again");
    let [printed, complained] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
    let advice = format!(
        "{variable} is not set: tests that need this server fail. Run `./tests/run only CARGO_TEST_ARGUMENTS`, which \
         starts it."
    );
    assert_eq!(complained.trim(), advice);
    assert_eq!(output.status.code(), Some(101), "{printed}");
    assert!(printed.contains("test result: FAILED. 0 passed;") && printed.contains(" 0 ignored;"), "{printed}");
    assert!(!printed.contains("panicked"), "{printed}");
    assert!(printed.matches("... FAILED").count() >= at_least, "{printed}");
}
