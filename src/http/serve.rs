//! A router behind a listener: whoever connects gets a bounded time, a bounded share, and no word about why it was
//! closed.
//!
//! | how long | for what |
//! |---|---|
//! | [`HEAD_TIMEOUT`] | until the head of the first request has arrived |
//! | [`REQUEST_TIMEOUT`] | to read and answer one request |
//! | [`ANSWER_TIMEOUT`] | the same with the way of the answer to a slow client |
//! | [`IDLE_TIMEOUT`] | from one answer until the head of the next request has arrived |
//! | [`LIFETIME`] | in all; the request in flight is still answered |

use std::any::Any;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CONNECTION, TRANSFER_ENCODING};
use axum::http::{HeaderValue, Request, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::{RequestBodyTimeoutLayer, TimeoutLayer};

use super::connections::{Connection, ConnectionLimits, Connections, count_closed};
use super::{DRAIN, LIFETIME, MAX_BODY, MAX_HEAD, REQUEST_TIMEOUT};
use crate::clock::Clock;

/// How long nobody is let in after the system refused a socket: until others have closed theirs.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves `router` on `listener` until `stop` is cancelled, then lets requests in flight finish, for [`DRAIN`] at most.
/// Refuses bodies of more than [`MAX_BODY`] bytes.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    serve_bounded(listener, router.layer(RequestBodyLimitLayer::new(MAX_BODY)), limits, clock, stop).await;
}

/// The same for a router that bounds the bodies that it reads.
pub async fn serve_bounded(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    let connections = Connections::new(limits, Arc::clone(&clock));
    // However this ends, also when its task panics, no connection outlives it.
    let _close = CloseAll(Arc::clone(&connections));
    let (service, tracker) = (TowerToHyperService::new(guarded(router)), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            // The client went away before it was let in.
            Err(error) if is_of_client(&error) => continue,
            Err(error) => {
                tracing::warn!(%error, "no connection could be accepted; trying again");
                clock.sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let admitted = tokio::select! {
            admitted = connections.admit(peer.ip()) => admitted,
            () = stop.cancelled() => break,
        };
        let Some(connection) = admitted else { continue };
        // Small answers leave at once; a socket that is gone already fails at the first read.
        let _ = stream.set_nodelay(true);
        let visitor = Visitor { service: service.clone(), connection, peer };
        tracker.spawn(converse(stream, visitor, Arc::clone(&clock), stop.clone()));
    }
    // Nobody waits in a queue that nobody reads any more.
    drop(listener);
    tracker.close();
    tokio::select! {
        () = tracker.wait() => {}
        () = clock.sleep(DRAIN) => {
            tracing::warn!(seconds = DRAIN.as_secs(), "stopped with requests still open");
        }
    }
}

struct CloseAll(Arc<Connections>);

impl Drop for CloseAll {
    fn drop(&mut self) {
        self.0.close_all();
    }
}

fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Answers one connection's requests until either side closes it, or its time is over.
async fn converse(stream: TcpStream, visitor: Visitor, clock: Arc<dyn Clock>, stop: CancellationToken) {
    let connection = Arc::clone(&visitor.connection);
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).max_buf_size(MAX_HEAD);
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), visitor));
    let mut lifetime = pin!(clock.sleep(LIFETIME));
    let mut is_last = false;
    loop {
        let Some(left) = connection.time_left() else { return count_closed("timeout") };
        tokio::select! {
            // Errors of a visitor's connection are not logged.
            _ = &mut serving => return,
            () = connection.close.cancelled() => return,
            () = connection.changed.notified() => continue,
            () = clock.sleep(left) => continue,
            () = stop.cancelled(), if !is_last => {}
            () = &mut lifetime, if !is_last => {}
        }
        is_last = true;
        serving.as_mut().graceful_shutdown();
    }
}

/// The answers to one connection's requests.
struct Visitor {
    service: TowerToHyperService<Router>,
    connection: Arc<Connection>,
    peer: SocketAddr,
}

impl hyper::service::Service<Request<Incoming>> for Visitor {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let turn = RequestGuard::begin(&self.connection);
        request.extensions_mut().insert(ConnectInfo(self.peer));
        let answer = self.service.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Body::new(GuardedBody { body, _turn: turn }))) })
    }
}

/// From the arrival of a request until its answer has left.
struct RequestGuard(Arc<Connection>);

impl RequestGuard {
    fn begin(connection: &Arc<Connection>) -> Self {
        connection.begin_request();
        Self(Arc::clone(connection))
    }
}

impl Drop for RequestGuard {
    fn drop(&mut self) {
        self.0.end_request();
    }
}

/// A body that ends the turn with it.
struct GuardedBody {
    body: Body,
    _turn: RequestGuard,
}

impl hyper::body::Body for GuardedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Adds what holds for every page: plain framing, bounded time, and a panic ends one request only.
fn guarded(router: Router) -> Router {
    router
        .layer(from_fn(plainly_framed))
        .layer(RequestBodyTimeoutLayer::new(REQUEST_TIMEOUT))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, REQUEST_TIMEOUT))
        .layer(CatchPanicLayer::custom(after_panic))
}

/// Refuses a request whose body a front server may have ended elsewhere than hyper does, with all that comes behind it:
/// chunks within chunks, which hyper takes for chunks (RFC 9112, 6.1 forbids them).
async fn plainly_framed(request: Request<Body>, next: Next) -> Response {
    let mut encodings = request.headers().get_all(TRANSFER_ENCODING).iter();
    let is_plain = match (encodings.next(), encodings.next()) {
        (None, _) => true,
        (Some(encoding), None) => encoding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    };
    if is_plain {
        return next.run(request).await;
    }
    (StatusCode::BAD_REQUEST, [(CONNECTION, HeaderValue::from_static("close"))]).into_response()
}

// By value, because that is how the layer hands it over. What the panic says is not logged: it may quote anything.
fn after_panic(_payload: Box<dyn Any + Send>) -> Response {
    tracing::error!("a request ended in a panic; the lines before on stderr say where");
    (StatusCode::INTERNAL_SERVER_ERROR, "internal error\n").into_response()
}
