//! Shared by every client on the network: sockets, TLS with ring, bounded waiting, and codes for failures below the
//! protocol.

use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::GatewayError;
use crate::clock::{Clock, Deadline};
use crate::domain::{Code, Network, Outcome, RejectScope, may_connect};
use crate::tls;

/// Waits for `work`, at most for `limit`; `None` when the time passed first. What is ready wins over the time.
pub(super) async fn within<F: Future>(clock: &dyn Clock, limit: Duration, work: F) -> Option<F::Output> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = clock.sleep(limit) => None,
    }
}

/// As [`within`], and looks at the deadline before each step of `work`: one that was stopped (SIGSTOP, a suspended
/// machine) while its connection was being made does not go on to write its request.
pub(super) async fn before<F: Future>(
    clock: &dyn Clock,
    limit: Duration,
    deadline: &Deadline,
    work: F,
) -> Option<F::Output> {
    let mut work = pin!(work);
    let checked = std::future::poll_fn(|context| match deadline.left() {
        None => Poll::Ready(None),
        Some(_) => work.as_mut().poll(context).map(Some),
    });
    within(clock, limit, checked).await.flatten()
}

/// The code for a host that leads to addresses only that are not connected to.
pub(super) const ADDRESS_NOT_ALLOWED: &str = "address-not-allowed";

/// The remedy for [`ADDRESS_NOT_ALLOWED`], for error messages.
pub(super) const ADVICE_ON_ADDRESS: &str = "its name leads to a private address: write the network into \
    allowed_networks if \
     that is meant (a link-local or metadata address is never connected to)";

/// Looks the host up and connects, address by address, with TCP_NODELAY: SMTP writes little and waits for the answer.
/// Addresses that [`may_connect`] forbids are skipped. An error is the code of the failure.
pub(super) async fn connect(host: &str, port: u16, allowed: &[Network]) -> Result<TcpStream, &'static str> {
    let mut code = "dns";
    for address in tokio::net::lookup_host((host, port)).await.map_err(|_| code)? {
        if !may_connect(host, address.ip(), allowed) {
            code = ADDRESS_NOT_ALLOWED;
            continue;
        }
        match TcpStream::connect(address).await.and_then(|stream| stream.set_nodelay(true).map(|()| stream)) {
            Ok(stream) => return Ok(stream),
            Err(error) => code = connect_code(&error),
        }
    }
    Err(code)
}

/// Speaks TLS on `stream`, with a peer that has to prove that it is `host`.
pub(super) async fn wrap_tls<S>(
    tls: &TlsConnector,
    host: &str,
    stream: S,
) -> io::Result<tokio_rustls::client::TlsStream<S>>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let name = ServerName::try_from(host.to_owned()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    tls.connect(name, stream).await
}

/// TLS that trusts the certificates in `ca_pem` and no others, or else those of the machine.
///
/// # Errors
/// [`GatewayError::Settings`] when there is no certificate to trust.
pub(super) fn tls_config(ca_pem: Option<&str>) -> Result<ClientConfig, GatewayError> {
    let authorities = tls::authorities(ca_pem).map_err(|error| GatewayError::Settings(error.to_string()))?;
    if authorities.is_empty() {
        let problem = "no certificate authority to trust: set ca_pem, or install the machine's (ca-certificates)";
        return Err(GatewayError::Settings(problem.into()));
    }
    Ok(tls::client_config(authorities))
}

/// The code of a failed connection, in our own words: the system's text may contain addresses.
pub(super) fn connect_code(error: &(dyn Error + 'static)) -> &'static str {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return "tls";
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            match io.kind() {
                io::ErrorKind::ConnectionRefused => return "connect-refused",
                io::ErrorKind::TimedOut => return "connect-timeout",
                io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => return "connect-unreachable",
                // An io::Error hides what it wraps from `source`.
                _ => next = io.get_ref().map(|inner| inner as &(dyn Error + 'static)).or(error.source()),
            }
        } else {
            next = error.source();
        }
    }
    "connect-failed"
}

/// Proven not sent.
pub(super) fn not_sent(code: &str) -> Outcome {
    Outcome::NotSent { code: Code::new(code) }
}

/// May or may not have gone.
pub(super) fn unknown(code: &str) -> Outcome {
    Outcome::Unknown { code: Code::new(code) }
}

/// Refused for good.
pub(super) fn rejected(code: &str, scope: RejectScope) -> Outcome {
    Outcome::Rejected { code: Code::new(code), scope }
}

#[cfg(test)]
mod tests {
    use super::{before, connect, within};
    use crate::clock::{Clock, Deadline, SimClock};
    use chrono::{DateTime, Utc};
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test]
    async fn work_is_not_taken_up_again_after_its_deadline() {
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        let deadline = Deadline::new(Arc::new(clock.clone()), clock.elapsed(), SECOND);
        let mut steps = 0;
        let work = poll_fn(|context| {
            steps += 1;
            // Stopped here for longer than it may take, then woken.
            clock.advance(SECOND);
            context.waker().wake_by_ref();
            if steps == 1 { Poll::Pending } else { Poll::Ready("sent too late") }
        });
        // A limit that never passes: only the look at the deadline can end it.
        assert_eq!(before(&SimClock::at(DateTime::<Utc>::UNIX_EPOCH), SECOND, &deadline, work).await, None);
        assert_eq!(steps, 1);
    }

    #[tokio::test]
    async fn sockets_do_not_hold_small_writes_back() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(connect("127.0.0.1", port, &[]).await.unwrap().nodelay().unwrap());
    }

    #[tokio::test]
    async fn what_is_ready_wins_over_the_time() {
        let clock = SimClock::at(DateTime::<Utc>::UNIX_EPOCH);
        assert_eq!(within(&clock, Duration::ZERO, async { "done" }).await, Some("done"));
        assert_eq!(within(&clock, Duration::ZERO, std::future::pending::<()>()).await, None);
    }
}
