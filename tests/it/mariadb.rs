//! A MariaDB database of a test's own, on the server that `./tests/run` starts.

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::mysql::MySqlConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use crate::postgres::missing_server;

/// The URL of a server on which the tests may make databases.
const SERVER: &str = "DUEHERALD_TEST_MARIADB";

/// A database that is gone when this is dropped, whatever became of the test.
pub(crate) struct TestDatabase {
    server: MySqlConnectOptions,
    url: String,
    name: String,
}

impl TestDatabase {
    /// Where it is.
    pub(crate) fn url(&self) -> String {
        let mut url = reqwest::Url::parse(&self.url).expect("a URL");
        url.set_path(&self.name);
        url.to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let (server, drop) = (self.server.clone(), format!("drop database if exists {}", self.name));
        // A thread of its own: this one is in the middle of a runtime, which cannot wait.
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be had").block_on(run(&server, drop));
        });
        assert!(gone.join().is_ok() || std::thread::panicking(), "the test's database could not be dropped");
    }
}

/// Makes an empty database.
pub(crate) async fn database() -> TestDatabase {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let url = missing_server::setting(SERVER);
    let server: MySqlConnectOptions = url.parse().expect("DUEHERALD_TEST_MARIADB is a MySQL URL");
    let name = format!("dueherald_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    run(&server, format!("drop database if exists {name}")).await;
    run(&server, format!("create database {name} character set utf8mb4")).await;
    TestDatabase { server, url, name }
}

async fn run(server: &MySqlConnectOptions, statement: String) {
    let mut connection = server.connect().await.expect("the server of DUEHERALD_TEST_MARIADB answers");
    connection.execute(AssertSqlSafe(statement)).await.expect("the tests may make and drop databases");
    connection.close().await.expect("the connection closes");
}
