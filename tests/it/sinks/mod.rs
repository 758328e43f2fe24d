//! Peers for tests: a mail server and an SMS gateway on a free port of 127.0.0.1, in the test's own process. They
//! record what they took over, message by message, and misbehave by script.

pub(crate) mod http;
pub(crate) mod smtp;
pub(crate) mod tls;
mod wire;

/// A port on which nobody listens.
pub(crate) async fn closed_port() -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("bound").port()
}
