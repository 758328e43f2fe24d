//! A PostgreSQL database of a test's own, on the server that `./tests/run` starts.

#[path = "missing_server.rs"]
pub(crate) mod missing_server;

use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

/// The URL of a server on which the tests may make databases.
const SERVER: &str = "DUEHERALD_TEST_POSTGRES";

/// A database that is gone when this is dropped, whatever became of the test.
pub(crate) struct TestDatabase {
    server: PgConnectOptions,
    name: String,
}

impl TestDatabase {
    /// Where it is.
    pub(crate) fn url(&self) -> String {
        self.server.clone().database(&self.name).to_url_lossy().to_string()
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        let drop = format!("drop database if exists {} with (force)", self.name);
        let server = self.server.clone();
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
    let server: PgConnectOptions = url.parse().expect("DUEHERALD_TEST_POSTGRES is a PostgreSQL URL");
    let name = format!("dueherald_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    run(&server, format!("drop database if exists {name} with (force)")).await;
    run(&server, format!("create database {name}")).await;
    TestDatabase { server, name }
}

async fn run(server: &PgConnectOptions, statement: String) {
    let mut connection = server.connect().await.expect("the server of DUEHERALD_TEST_POSTGRES answers");
    connection.execute(AssertSqlSafe(statement)).await.expect("the tests may make and drop databases");
    connection.close().await.expect("the connection closes");
}
