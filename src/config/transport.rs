//! Whether what is sent to a database travels in the clear to another host.

use std::net::IpAddr;

/// What to do where it does.
pub(super) const ADVICE: &str = "turns encryption off on the way to another host; write sslmode=verify-full (ssl-mode=VERIFY_IDENTITY for \
     MySQL), or allow_plaintext = true beside it if the way is protected otherwise";

/// Whether the address of a PostgreSQL or MySQL turns encryption off, or prefers to have none, and leads to another machine.
pub(super) fn is_in_the_clear(address: &str) -> bool {
    let Some((_, query)) = address.split_once('?') else { return false };
    let options: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let option = |names: &[&str]| {
        // As the drivers read it: the last one counts.
        let is_named = |name: &str| names.iter().any(|wanted| name.eq_ignore_ascii_case(wanted));
        options.iter().rev().find(|(name, _)| is_named(name)).map(|(_, value)| value.to_ascii_lowercase())
    };
    let mode = option(&["sslmode", "ssl-mode"]);
    let is_off = mode.is_some_and(|mode| matches!(mode.as_str(), "disable" | "disabled" | "allow"));
    is_off && !hosts(address, option(&["host", "hostaddr", "socket"])).iter().all(|host| is_this_machine(host))
}

/// The hosts that are connected to: one in the options counts before that of the address, which may list several.
fn hosts(address: &str, option: Option<String>) -> Vec<String> {
    let authority = || {
        let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
        let rest = rest.split(['/', '?']).next().unwrap_or_default();
        rest.rsplit_once('@').map_or(rest, |(_, hosts)| hosts).to_owned()
    };
    option.unwrap_or_else(authority).split(',').map(|host| without_port(host).to_owned()).collect()
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((v6, _)) => v6,
        None if host.matches(':').count() == 1 => host.split(':').next().unwrap_or_default(),
        None => host,
    }
}

/// An empty host and a path are sockets of this machine.
pub(super) fn is_this_machine(host: &str) -> bool {
    let is_socket = host.is_empty() || host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f");
    is_socket
        || host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_in_the_clear;
    use rstest::rstest;

    #[rstest]
    #[case::disabled("postgres://u:p@db.example/x?sslmode=disable", true)]
    #[case::disabled_in_capitals("postgres://u@db.example/x?SSLMODE=Disable", true)]
    #[case::preferring_none("postgres://u@db.example/x?sslmode=allow", true)]
    #[case::mysql("mysql://u@db.example/x?ssl-mode=DISABLED", true)]
    #[case::private("postgres://u@10.0.0.5:5432/x?sslmode=disable", true)]
    #[case::one_of_several("postgres://u@127.0.0.1,db.example:5432/x?sslmode=disable", true)]
    #[case::host_option("postgres://u@localhost/x?host=db.example&sslmode=disable", true)]
    #[case::last_counts("postgres://u@db.example/x?sslmode=require&sslmode=disable", true)]
    #[case::verified("postgres://u@db.example/x?sslmode=verify-full", false)]
    #[case::unsaid("postgres://u@db.example/x", false)]
    #[case::loopback("postgres://u@127.0.0.1:5432/x?sslmode=disable", false)]
    #[case::loopback_v6("postgres://u@[::1]:5432/x?sslmode=disable", false)]
    #[case::localhost("postgres://u@localhost/x?sslmode=disable", false)]
    #[case::socket("postgres://u@localhost/x?host=/run/postgresql&sslmode=disable", false)]
    #[case::no_host("postgres:///x?sslmode=disable", false)]
    fn encryption_may_be_off_on_this_machine_only(#[case] address: &str, #[case] expected: bool) {
        assert_eq!(is_in_the_clear(address), expected);
    }
}
