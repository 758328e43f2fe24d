//! Names of time zones as people write them.

use chrono_tz::{TZ_VARIANTS, Tz};

/// Reads the name of a time zone of the IANA data.
///
/// # Errors
/// What is wrong, reading on from what was written: a name that is none, or one that means another zone than whoever
/// writes it thinks.
pub fn read_time_zone(written: &str) -> Result<Tz, String> {
    let zone: Option<Tz> = written.parse().ok();
    let Some(zone) = zone else {
        return Err(match (offset_in(written), nearest(written)) {
            (Some(hours), _) => format!(
                "is a distance from UTC ({hours:+}), not a time zone of the IANA data; write a place, such as {}",
                place_at(hours)
            ),
            (None, Some(name)) => format!("is no time zone of the IANA data; is {name} meant?"),
            (None, None) => "is no time zone of the IANA data; write a place, such as Asia/Shanghai".to_owned(),
        });
    };
    match zone.name().strip_prefix("Etc/").unwrap_or(zone.name()) {
        // POSIX counts westwards.
        name if name.starts_with("GMT") && offset_in(name).is_some_and(|hours| hours != 0) => {
            let hours = -offset_in(name).unwrap_or_default();
            Err(format!(
                "means UTC{hours:+}, as the signs of the Etc zones are the other way round; write a place, such as {}",
                place_at(hours)
            ))
        }
        "EST" => {
            Err("is UTC-5 all the year, without summer time; write America/New_York, or America/Panama".to_owned())
        }
        "MST" => Err("is UTC-7 all the year, without summer time; write America/Denver, or America/Phoenix".to_owned()),
        "HST" => Err("is UTC-10 all the year; write Pacific/Honolulu".to_owned()),
        _ => Ok(zone),
    }
}

/// The hours in `GMT+8`, `UTC-05:00` or `+8`.
fn offset_in(written: &str) -> Option<i32> {
    let upper = written.trim().to_ascii_uppercase();
    let upper = upper.strip_prefix("ETC/").unwrap_or(&upper);
    let rest = upper.strip_prefix("GMT").or_else(|| upper.strip_prefix("UTC")).unwrap_or(upper);
    let sign = match rest.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let hours = rest[1..].split(':').next()?;
    let hours = hours.get(..2).unwrap_or(hours);
    hours.parse::<i32>().ok().filter(|hours| (0..=14).contains(hours)).map(|hours| sign * hours)
}

/// A place at that distance for most of the year.
fn place_at(hours: i32) -> &'static str {
    match hours {
        -10 => "Pacific/Honolulu",
        -9 => "America/Anchorage",
        -8 => "America/Los_Angeles",
        -7 => "America/Denver",
        -6 => "America/Chicago",
        -5 => "America/New_York",
        -4 => "America/Halifax",
        -3 => "America/Sao_Paulo",
        0 => "Europe/London",
        1 => "Europe/Paris",
        2 => "Europe/Athens",
        3 => "Europe/Istanbul",
        4 => "Asia/Dubai",
        5 => "Asia/Karachi",
        6 => "Asia/Dhaka",
        7 => "Asia/Jakarta",
        9 => "Asia/Tokyo",
        10 => "Australia/Sydney",
        12 => "Pacific/Auckland",
        _ => "Asia/Shanghai",
    }
}

/// The name that is spelled most like `written`: case, underscores, spaces and hyphens do not matter, and a city
/// without its continent will do.
fn nearest(written: &str) -> Option<&'static str> {
    let plain = |name: &str| name.to_lowercase().replace(['_', '-', ' '], "");
    let wanted = plain(written);
    let distance = |zone: &&Tz| {
        let name = plain(zone.name());
        let city = name.rsplit('/').next().unwrap_or_default();
        strsim::damerau_levenshtein(&wanted, &name).min(strsim::damerau_levenshtein(&wanted, city))
    };
    let best = TZ_VARIANTS.iter().min_by_key(distance)?;
    (distance(&best) <= wanted.chars().count() / 5).then(|| best.name())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::read_time_zone;

    #[rstest]
    #[case(
        "Etc/GMT+8",
        "means UTC-8, as the signs of the Etc zones are the other way round; write a place, such as America/Los_Angeles"
    )]
    #[case(
        "Etc/GMT-8",
        "means UTC+8, as the signs of the Etc zones are the other way round; write a place, such as Asia/Shanghai"
    )]
    #[case(
        "GMT+8",
        "is a distance from UTC (+8), not a time zone of the IANA data; write a place, such as Asia/Shanghai"
    )]
    #[case(
        "UTC-05:00",
        "is a distance from UTC (-5), not a time zone of the IANA data; write a place, such as America/New_York"
    )]
    #[case(
        "+0800",
        "is a distance from UTC (+8), not a time zone of the IANA data; write a place, such as Asia/Shanghai"
    )]
    #[case("EST", "is UTC-5 all the year, without summer time; write America/New_York, or America/Panama")]
    #[case("America/NewYork", "is no time zone of the IANA data; is America/New_York meant?")]
    #[case("new york", "is no time zone of the IANA data; is America/New_York meant?")]
    #[case("asia/shanghai", "is no time zone of the IANA data; is Asia/Shanghai meant?")]
    #[case("Europe/Berln", "is no time zone of the IANA data; is Europe/Berlin meant?")]
    #[case("home", "is no time zone of the IANA data; write a place, such as Asia/Shanghai")]
    fn a_name_that_is_not_what_it_seems_is_told(#[case] written: &str, #[case] told: &str) {
        assert_eq!(read_time_zone(written).unwrap_err(), told);
    }

    #[rstest]
    #[case("Asia/Shanghai")]
    #[case("America/New_York")]
    #[case("UTC")]
    #[case("Etc/UTC")]
    #[case("Etc/GMT")]
    #[case("EST5EDT")]
    fn a_zone_is_read(#[case] written: &str) {
        assert_eq!(read_time_zone(written).map(|zone| zone.name()), Ok(written));
    }
}
