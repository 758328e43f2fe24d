//! Finds the config file: `--config`, the environment variable, or a default path.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ConfigError;

/// The variable that names the config file where `--config` does not.
pub const FILE_VARIABLE: &str = "DUEHERALD_CONFIG";

/// Where a config is looked for when nobody names one.
const USUAL: [&str; 2] = ["./dueherald.toml", "/etc/dueherald/dueherald.toml"];

/// The config file: the one named by `--config`, else by [`FILE_VARIABLE`], else the first of the usual ones that is
/// there.
///
/// # Errors
/// [`ConfigError::NoFile`]. A file that is named is not looked at here: when it is not there, reading it says so.
pub fn locate(
    option: Option<&Path>,
    variable: Option<OsString>,
    is_there: &dyn Fn(&Path) -> bool,
) -> Result<PathBuf, ConfigError> {
    let named = option.map(Path::to_owned).or_else(|| variable.filter(|name| !name.is_empty()).map(PathBuf::from));
    let usual = || USUAL.iter().map(PathBuf::from).find(|file| is_there(file));
    named.or_else(usual).ok_or_else(|| ConfigError::NoFile { tried: USUAL.iter().map(PathBuf::from).collect() })
}

#[cfg(test)]
mod tests {
    use super::locate;
    use rstest::rstest;
    use std::path::Path;

    #[rstest]
    #[case::option_first(Some("a.toml"), Some("b.toml"), &["./dueherald.toml"], Some("a.toml"))]
    #[case::then_the_variable(None, Some("b.toml"), &["./dueherald.toml"], Some("b.toml"))]
    #[case::an_empty_variable_is_none(None, Some(""), &["./dueherald.toml"], Some("./dueherald.toml"))]
    #[case::here(None, None, &["./dueherald.toml", "/etc/dueherald/dueherald.toml"], Some("./dueherald.toml"))]
    #[case::the_machine(None, None, &["/etc/dueherald/dueherald.toml"], Some("/etc/dueherald/dueherald.toml"))]
    #[case::nowhere(None, None, &[], None)]
    fn a_config_is_looked_for_in_this_order(
        #[case] option: Option<&str>,
        #[case] variable: Option<&str>,
        #[case] there: &[&str],
        #[case] found: Option<&str>,
    ) {
        let is_there = |file: &Path| there.iter().any(|name| Path::new(name) == file);
        let located = locate(option.map(Path::new), variable.map(Into::into), &is_there);
        assert_eq!(located.as_deref().ok(), found.map(Path::new));
    }

    #[test]
    fn without_any_the_way_to_make_one_is_told() {
        let told = locate(None, None, &|_| false).map_err(|error| error.to_string());
        assert!(told.is_err_and(|text| text.contains("dueherald init")));
    }
}
