//! Which hosts a database may be at. Private networks are normal for databases; link-local and metadata addresses never
//! hold one.

use std::net::IpAddr;

use crate::domain::is_never_connected_to;

/// A host that is, or resolves to, a forbidden address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "its host is or leads to an address that is never connected to (link-local, metadata, multicast or unspecified); \
     write the \
     address of the database"
)]
pub struct ForbiddenHost;

/// Checks a host that is written as an address. A name is checked when it is connected to, by [`check_host`].
///
/// # Errors
/// [`ForbiddenHost`].
pub fn check_written(host: &str) -> Result<(), ForbiddenHost> {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if address.is_ok_and(is_never_connected_to) { Err(ForbiddenHost) } else { Ok(()) }
}

/// Resolves a host right before a connection, and refuses it if one of its addresses is forbidden: the driver may
/// choose any of them. A name that does not resolve passes, since the driver's error says so.
///
/// # Errors
/// [`ForbiddenHost`].
pub async fn check_host(host: &str, port: u16) -> Result<(), ForbiddenHost> {
    check_written(host)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let Ok(mut addresses) = tokio::net::lookup_host((host, port)).await else { return Ok(()) };
    if addresses.any(|address| is_never_connected_to(address.ip())) { Err(ForbiddenHost) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::{ForbiddenHost, check_host, check_written};
    use rstest::rstest;

    #[rstest]
    #[case::metadata("169.254.169.254")]
    #[case::link_local_v6("[fe80::1]")]
    #[case::mapped("::ffff:169.254.169.254")]
    #[case::metadata_v6("fd00:ec2::254")]
    #[tokio::test]
    async fn no_database_is_at_a_metadata_address(#[case] host: &str) {
        assert_eq!(check_written(host), Err(ForbiddenHost));
        assert_eq!(check_host(host, 5432).await, Err(ForbiddenHost));
    }

    /// The resolver reads addresses in forms that are no addresses to us.
    #[rstest]
    #[case::one_number("2852039166")]
    #[case::hexadecimal("0xa9fea9fe")]
    #[case::octal("0251.0376.0251.0376")]
    #[tokio::test]
    async fn an_odd_spelling_is_found_when_it_is_resolved(#[case] host: &str) {
        assert_eq!(check_written(host), Ok(()));
        assert_eq!(check_host(host, 5432).await, Err(ForbiddenHost));
    }

    #[rstest]
    #[case::loopback("127.0.0.1")]
    #[case::private("10.20.0.9")]
    #[case::private_v6("[fd12::5]")]
    #[case::name("localhost")]
    #[tokio::test]
    async fn private_networks_hold_databases(#[case] host: &str) {
        assert_eq!(check_host(host, 5432).await, Ok(()));
    }
}
