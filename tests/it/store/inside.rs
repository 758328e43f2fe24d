//! A claim that finds itself inside a transaction that is not its own. A relay between store and server plays a connection that was
//! left in one: it begins a transaction by itself, as if an operation that was dropped had.

use std::path::PathBuf;
use std::sync::Arc;

use dueherald::clock::{Clock, SimClock};
use dueherald::plan::RateLimit;
use dueherald::store::{ClaimRequest, PostgresStore, Store};
use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;

use super::bench::START;
use super::sample::{instant, plan_due, request, send};

/// `begin` as a message of PostgreSQL's simple protocol.
const BEGIN: &[u8] = b"Q\0\0\0\x0abegin\0";

/// The answer to it: done, and ready inside a transaction.
const BEGUN: &[u8] = b"C\0\0\0\x0aBEGIN\0Z\0\0\0\x05T";

/// Hands on what both say. When told to, it begins a transaction on each of its connections and swallows the answer.
struct Relay {
    port: u16,
    begin: watch::Sender<u32>,
}

impl Relay {
    async fn to(server: PgConnectOptions) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let (begin, told) = watch::channel(0);
        let socket: PathBuf = server.get_socket().expect("the tests' server has a socket").clone();
        let socket = socket.join(format!(".s.PGSQL.{}", server.get_port()));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = UnixStream::connect(&socket).await.expect("the server answers");
                tokio::spawn(relay(client, server, told.clone()));
            }
        });
        Self { port, begin }
    }

    /// From now on every connection that is there is inside a transaction.
    fn begin_everywhere(&self) {
        self.begin.send_modify(|times| *times += 1);
    }
}

async fn relay(mut client: TcpStream, mut server: UnixStream, mut told: watch::Receiver<u32>) {
    // What was told before is not about this connection.
    told.mark_unchanged();
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        tokio::select! {
            biased;
            changed = told.changed() => {
                if changed.is_err() {
                    return;
                }
                server.write_all(BEGIN).await.expect("it takes it");
                let mut answer = Vec::new();
                while !answer.ends_with(BEGUN) {
                    answer.push(server.read_u8().await.expect("it answers"));
                }
                // What the store asked before.
                client.write_all(&answer[..answer.len() - BEGUN.len()]).await.expect("the store is there");
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
    let options: PgConnectOptions = database.url().parse().expect("a URL");
    let name = options.get_database().expect("it has a name").to_owned();
    let relay = Relay::to(options).await;
    let url = format!("postgres://postgres@127.0.0.1:{}/{name}?sslmode=disable", relay.port);
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
            relay.begin_everywhere();
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
