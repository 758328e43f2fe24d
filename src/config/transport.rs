//! Whether the connection to a database may be in clear text to another host, and whether its host may be connected to
//! at all.

use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};
#[cfg(feature = "mysql")]
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::database_host::check_written;
use crate::source::sql::Dialect;
use crate::store::server_options;

/// Advice on how to avoid clear text.
const ADVICE: &str = "does not insist on encryption on the way to another host; write sslmode=verify-full \
    (ssl-mode=VERIFY_IDENTITY for \
     MySQL), or allow_plaintext = true beside it if the way is protected otherwise";

/// A server as the driver reads it from a URL and its own environment (`PGHOST`, `PGSSLMODE`): the settings in effect
/// count, not the URL alone.
struct Server {
    /// `None` for a socket of this machine.
    host: Option<String>,
    /// Everything but sslmode=require, verify-ca and verify-full: the others use clear text if the server wants that.
    may_be_plain: bool,
}

impl Server {
    fn of_postgres(options: &PgConnectOptions) -> Self {
        let is_socket = options.get_socket().is_some() || options.get_host().starts_with('/');
        let may_be_plain = match options.get_ssl_mode() {
            PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer => true,
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull => false,
        };
        Self { host: (!is_socket).then(|| options.get_host().to_owned()), may_be_plain }
    }

    #[cfg(feature = "mysql")]
    fn of_mysql(options: &MySqlConnectOptions) -> Self {
        let may_be_plain = match options.get_ssl_mode() {
            MySqlSslMode::Disabled | MySqlSslMode::Preferred => true,
            MySqlSslMode::Required | MySqlSslMode::VerifyCa | MySqlSslMode::VerifyIdentity => false,
        };
        Self { host: options.get_socket().is_none().then(|| options.get_host().to_owned()), may_be_plain }
    }

    fn check(&self, allow_plaintext: bool) -> Result<(), String> {
        let Some(host) = &self.host else { return Ok(()) };
        check_written(host).map_err(|error| error.to_string())?;
        if self.may_be_plain && !allow_plaintext && !is_this_machine(host) { Err(ADVICE.to_owned()) } else { Ok(()) }
    }
}

/// Checks every server that `database.url` names. A URL that the driver does not take fails when it is used.
pub(super) fn check_database(url: &SecretString, allow_plaintext: bool) -> Result<(), String> {
    let servers = server_options(url).unwrap_or_default();
    servers.iter().try_for_each(|options| Server::of_postgres(options).check(allow_plaintext))
}

/// Checks the server of a source.
pub(super) fn check_source(dialect: Dialect, url: &SecretString, allow_plaintext: bool) -> Result<(), String> {
    let url = url.expose_secret();
    let server = match dialect {
        Dialect::Postgres => url.parse().ok().map(|options| Server::of_postgres(&options)),
        #[cfg(feature = "mysql")]
        Dialect::MySql => url.parse().ok().map(|options| Server::of_mysql(&options)),
        #[cfg(not(feature = "mysql"))]
        Dialect::MySql => None,
        Dialect::Sqlite => None,
    };
    server.map_or(Ok(()), |server| server.check(allow_plaintext))
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || address.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{check_database, check_source};
    use crate::source::sql::Dialect;
    use rstest::rstest;

    #[rstest]
    #[case::disabled("postgres://u:p@db.example/x?sslmode=disable")]
    #[case::disabled_in_capitals("postgres://u@db.example/x?sslmode=Disable")]
    #[case::a_key_that_the_driver_passes_over("postgres://u@db.example/x?SSLMODE=verify-full")]
    #[case::preferring_none("postgres://u@db.example/x?sslmode=allow")]
    #[case::preferring("postgres://u@db.example/x?sslmode=prefer")]
    #[case::not_set("postgres://u@db.example/x")]
    #[case::private("postgres://u@10.0.0.5:5432/x")]
    #[case::private_v6("postgres://u@[fd12::5]/x")]
    #[case::one_of_several("postgres://u@127.0.0.1,db.example:5432/x")]
    #[case::the_first_of_several("postgres://u@db.example:5432,127.0.0.1/x?target_session_attrs=read-write")]
    #[case::host_option("postgres://u@localhost/x?host=db.example")]
    #[case::several_host_options("postgres://u@localhost/x?host=/run/one,db.example")]
    #[case::hostaddr("postgres://u@localhost/x?hostaddr=10.0.0.5")]
    #[case::last_counts("postgres://u@db.example/x?sslmode=require&sslmode=prefer")]
    #[case::odd_loopback("postgres://u@2130706433/x")]
    fn another_host_needs_encryption(#[case] url: &str) {
        let told = check_database(&url.into(), false).expect_err("in clear text");
        assert!(told.starts_with("does not insist on encryption"), "{told}");
        check_database(&url.into(), true).expect("it is allowed");
    }

    #[rstest]
    #[case::required("postgres://u@db.example/x?sslmode=require")]
    #[case::verified("postgres://u@db.example/x?ssl-mode=verify-full")]
    #[case::several_verified("postgres://u@one:5432,two:5433/x?sslmode=verify-full&target_session_attrs=read-write")]
    #[case::loopback("postgres://u@127.0.0.1:5432/x?sslmode=disable")]
    #[case::loopback_v6("postgres://u@[::1]:5432/x")]
    #[case::mapped_loopback("postgres://u@[::ffff:127.0.0.1]:5432/x")]
    #[case::localhost("postgres://u@localhost/x")]
    #[case::socket("postgres://u@localhost/x?host=/run/postgresql")]
    #[case::encoded_socket("postgres://u@%2Frun%2Fpostgresql/x")]
    #[case::sockets("postgres://u@localhost/x?host=/run/one,/run/two")]
    fn this_machine_and_an_encrypted_way_pass(#[case] url: &str) {
        check_database(&url.into(), false).expect("it passes");
    }

    #[rstest]
    #[case::not_set(Dialect::Postgres, "postgres://u@db.example/x")]
    #[case::no_list_of_servers(Dialect::Postgres, "postgres://u@127.0.0.1,localhost/x")]
    #[case::attributes(Dialect::Postgres, "postgres://u@db.example/x?target_session_attrs=read-only")]
    #[cfg_attr(feature = "mysql", case::mysql(Dialect::MySql, "mysql://u@db.example/x"))]
    #[cfg_attr(feature = "mysql", case::mysql_preferred(Dialect::MySql, "mysql://u@db.example/x?ssl-mode=PREFERRED"))]
    #[cfg_attr(feature = "mysql", case::mysql_disabled(Dialect::MySql, "mysql://u@db.example/x?sslmode=DISABLED"))]
    fn a_source_at_another_host_needs_encryption(#[case] dialect: Dialect, #[case] url: &str) {
        let told = check_source(dialect, &url.into(), false).expect_err("in clear text");
        assert!(told.starts_with("does not insist on encryption"), "{told}");
        check_source(dialect, &url.into(), true).expect("it is allowed");
    }

    #[rstest]
    #[case::verified(Dialect::Postgres, "postgres://u@db.example/x?sslmode=verify-full")]
    #[case::sqlite(Dialect::Sqlite, "sqlite:lending.db")]
    #[cfg_attr(feature = "mysql", case::mysql(Dialect::MySql, "mysql://u@db.example/x?ssl-mode=VERIFY_IDENTITY"))]
    #[cfg_attr(feature = "mysql", case::mysql_socket(Dialect::MySql, "mysql://u@db.example/x?socket=/run/mysqld.sock"))]
    #[cfg_attr(feature = "mysql", case::mysql_loopback(Dialect::MySql, "mysql://u@127.0.0.1/x"))]
    fn a_source_on_this_machine_or_encrypted_passes(#[case] dialect: Dialect, #[case] url: &str) {
        check_source(dialect, &url.into(), false).expect("it passes");
    }

    /// Nothing allows it.
    #[rstest]
    #[case("postgres://u@169.254.169.254/x?sslmode=verify-full")]
    #[case("postgres://u@[fe80::1]/x?sslmode=verify-full")]
    #[case("postgres://u@db.example,100.100.100.200/x?sslmode=verify-full")]
    fn a_database_is_at_no_metadata_address(#[case] url: &str) {
        let told = check_database(&url.into(), true).expect_err("forbidden");
        assert!(told.contains("never connected to"), "{told}");
    }
}
