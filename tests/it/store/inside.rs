//! Connections that are not as the store left them: inside a transaction that is not its own, or with other settings. A
//! relay between store and server sends the statement by itself, as if an operation that was dropped had.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dueherald::clock::{Clock, SimClock};
use dueherald::plan::RateLimit;
use dueherald::store::{ClaimRequest, OutboxStore, PostgresStore, SchemaStore, StopStore};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use super::bench::START;
use super::sample::{instant, plan_due, request, send};
use crate::postgres::TestDatabase;

/// A statement that the relay sends, with the tag of the server's answer and the state of the session after it.
#[derive(Debug, Clone, Copy)]
struct Injected {
    statement: &'static str,
    tag: &'static str,
    state: u8,
}

const BEGIN: Injected = Injected { statement: "begin", tag: "BEGIN", state: b'T' };
const SET_JIT: Injected = Injected { statement: "set jit = on", tag: "SET", state: b'I' };

impl Injected {
    /// As a message of PostgreSQL's simple protocol.
    fn message(self) -> Vec<u8> {
        message(b'Q', self.statement)
    }

    /// The end of the answer to it: done, and ready.
    fn answer(self) -> Vec<u8> {
        let mut answer = message(b'C', self.tag);
        answer.extend([b'Z', 0, 0, 0, 5, self.state]);
        answer
    }
}

fn message(kind: u8, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len() + 5).expect("a short text");
    [&[kind][..], &length.to_be_bytes(), text.as_bytes(), &[0]].concat()
}

/// Passes on what both send. On request it sends a statement on each of its connections and swallows the answer.
struct Relay {
    inject: watch::Sender<Injected>,
    connections: Arc<AtomicU32>,
}

impl Relay {
    /// A relay before a database, with the URL that leads through it.
    async fn before(database: &TestDatabase) -> (Self, String) {
        let server: PgConnectOptions = database.url().parse().expect("a URL");
        let name = server.get_database().expect("it has a name").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (inject, injected) = watch::channel(BEGIN);
        let connections = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&connections);
        let socket: PathBuf = server.get_socket().expect("the tests' server has a socket").clone();
        let socket = socket.join(format!(".s.PGSQL.{}", server.get_port()));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("the server answers");
                count.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(relay(client, server, injected.clone()));
            }
        });
        (Self { inject, connections }, format!("postgres://postgres@127.0.0.1:{port}/{name}?sslmode=disable"))
    }

    /// Sends this on every connection that is open, before anything that the store sends from now on.
    fn inject(&self, statement: Injected) {
        self.inject.send_replace(statement);
    }
}

async fn relay(mut client: TcpStream, mut server: UnixStream, mut injected: watch::Receiver<Injected>) {
    // Statements injected before are not for this connection.
    injected.mark_unchanged();
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            biased;
            changed = injected.changed() => {
                if changed.is_err() {
                    return;
                }
                let statement = *injected.borrow_and_update();
                server.write_all(&statement.message()).await.expect("it takes it");
                let (mut answer, end) = (Vec::new(), statement.answer());
                while !answer.ends_with(&end) {
                    answer.push(server.read_u8().await.expect("it answers"));
                }
                // The answer to the store's own earlier statements.
                client.write_all(&answer[..answer.len() - end.len()]).await.expect("the store is there");
            }
            read = server.read(&mut answered) => match read {
                Ok(length) if length > 0 && client.write_all(&answered[..length]).await.is_ok() => {}
                _ => return,
            },
            read = client.read(&mut asked) => match read {
                Ok(length) if length > 0 && server.write_all(&asked[..length]).await.is_ok() => {}
                _ => return,
            },
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_inside_another_transaction_fails_and_the_next_one_is_on_record() {
    let database = crate::postgres::database().await;
    let (relay, url) = Relay::before(&database).await;
    let clock: Arc<dyn Clock> = Arc::new(SimClock::at(instant(START)));
    let direct = PostgresStore::connect(&database.url().into(), 1, Some(Arc::clone(&clock))).await;
    let direct = direct.expect("the database is there");
    direct.migrate().await.expect("the migrations run");
    let rate = RateLimit { per_second: 100, burst: 100, per_day: None };
    for (form, request) in
        [("one statement", request(5)), ("a transaction", ClaimRequest { rate: Some(rate), ..request(5) })]
    {
        // With a given clock, and with the database's own, which is later, as a daemon has it.
        for given in [Some(Arc::clone(&clock)), None] {
            let store = PostgresStore::connect(&url.clone().into(), 1, given).await.expect("the relay is there");
            plan_due(&direct, 20).await;
            store.stops().await.expect("the connection is there");
            relay.inject(BEGIN);
            let refused = store.claim(&request, &send).await.expect_err("it is inside another transaction").to_string();
            assert!(refused.contains("another transaction"), "{form}: {refused}");
            let claimed = store.claim(&request, &send).await.expect("it has a connection of its own").sending;
            assert!(!claimed.is_empty(), "{form}: it finds what is due");
            for one in &claimed {
                let view = super::sample::view(&direct, one.attempt.reminder()).await;
                assert_eq!(view.state.as_str(), "sending", "{form}: others see it");
                assert_eq!(view.attempts, 1, "{form}: the one that failed is undone");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_with_other_settings_is_closed_after_its_operation() {
    let database = crate::postgres::database().await;
    let (relay, url) = Relay::before(&database).await;
    let store = PostgresStore::connect(&url.into(), 1, None).await.expect("the relay is there");
    store.migrate().await.expect("the migrations run");
    store.stops().await.expect("the connection is there");
    let opened = || relay.connections.load(Ordering::Relaxed);
    let before = opened();
    store.stops().await.expect("the connection is there");
    assert_eq!(opened(), before, "a connection that is as it was is used again");
    relay.inject(SET_JIT);
    store.stops().await.expect("the answer does not depend on it");
    store.stops().await.expect("there is another connection");
    assert_eq!(opened(), before + 1, "the changed one is not used again");
}
