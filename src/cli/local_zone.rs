//! The time zone of the machine, in which the operator reads what belongs to no merchant.

use std::fs;
use std::path::Path;

use chrono_tz::Tz;

/// The zone by `TZ`, or else by the links that systems have; UTC where none of them names one.
pub(super) fn local_zone() -> Tz {
    let link = fs::read_link("/etc/localtime").ok();
    let link = link.as_deref().and_then(Path::to_str);
    named(std::env::var("TZ").ok().as_deref(), link, fs::read_to_string("/etc/timezone").ok().as_deref())
}

fn named(variable: Option<&str>, link: Option<&str>, file: Option<&str>) -> Tz {
    let zone = |name: &str| {
        let name = name.trim().trim_start_matches(':');
        let name = name.rsplit_once("zoneinfo/").map_or(name, |(_, name)| name);
        name.trim_start_matches("posix/").parse::<Tz>().ok()
    };
    // A variable that names no place, such as `CST-8`, is the user's wish all the same, and none that we know.
    let wished = variable.filter(|name| !name.is_empty());
    let of_system = || link.and_then(zone).or_else(|| file.and_then(zone));
    wished.map_or_else(of_system, zone).unwrap_or(Tz::UTC)
}

#[cfg(test)]
mod tests {
    use chrono_tz::{Asia, Europe, Tz};
    use rstest::rstest;

    use super::named;

    #[rstest]
    #[case(Some("Asia/Shanghai"), None, None, Asia::Shanghai)]
    #[case(Some(":/usr/share/zoneinfo/Europe/Berlin"), Some("/usr/share/zoneinfo/Etc/UTC"), None, Europe::Berlin)]
    #[case(Some(""), Some("../usr/share/zoneinfo/Asia/Shanghai"), None, Asia::Shanghai)]
    #[case(None, None, Some("Europe/Berlin\n"), Europe::Berlin)]
    #[case(Some("CST-8"), Some("/usr/share/zoneinfo/Europe/Berlin"), None, Tz::UTC)]
    #[case(None, Some("/etc/other"), None, Tz::UTC)]
    fn the_zone_of_a_machine(
        #[case] variable: Option<&str>,
        #[case] link: Option<&str>,
        #[case] file: Option<&str>,
        #[case] expected: Tz,
    ) {
        assert_eq!(named(variable, link, file), expected);
    }
}
