//! The addresses that are listened on.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpSocket;

use super::DaemonError;
use super::descriptors::Shares;
use super::supervisor::Supervisor;
use crate::app::App;
use crate::clock::Clock;
use crate::http::api::Api;
use crate::http::callbacks::Inbox;
use crate::http::health::TaskKind;
use crate::http::public::Public;
use crate::http::{self, ConnectionLimits, api, callbacks, public};

/// Serves the pages for borrowers, the callbacks of providers and, where there are tokens, the API.
pub(super) async fn serve_web(app: &Arc<App>, shares: Shares, supervisor: &Supervisor) -> Result<(), DaemonError> {
    let public = Public::of(app);
    let callbacks = callbacks::router(Inbox::of(app), &public.limits);
    let pages = public::router(public).merge(callbacks);
    serve("server:public", app.config.http.public, pages, shares.public, &app.clock, supervisor).await?;
    if !app.config.api.tokens.is_empty() {
        let router = api::router(Api::of(app));
        serve("server:api", app.config.api.listen, router, shares.api, &app.clock, supervisor).await?;
    }
    Ok(())
}

/// Serves `router` at `address`. The socket outlives the task, so that a restart loses neither port nor waiting
/// clients.
pub(super) async fn serve(
    task: &str,
    address: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    clock: &Arc<dyn Clock>,
    supervisor: &Supervisor,
) -> Result<(), DaemonError> {
    let failed = |error| DaemonError::Listen { address, error };
    let listener = listen(address).and_then(tokio::net::TcpListener::into_std).map_err(failed)?;
    tracing::info!(address = %listener.local_addr().unwrap_or(address), "listening");
    let clock = Arc::clone(clock);
    supervisor.spawn(task, TaskKind::Server, move |stop| {
        let (listener, router, clock) = (copy(&listener), router.clone(), Arc::clone(&clock));
        async move {
            match listener {
                Ok(listener) => http::serve(listener, router, limits, clock, stop).await,
                Err(error) => tracing::error!(%address, %error, "server failed"),
            }
        }
    });
    Ok(())
}

/// How many clients may wait to be let in. Who comes when all places are taken believes to be connected, and is not.
const BACKLOG: u32 = 4_096;

fn listen(address: SocketAddr) -> std::io::Result<tokio::net::TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // A restart does not wait for connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn copy(listener: &TcpListener) -> std::io::Result<tokio::net::TcpListener> {
    listener.try_clone().and_then(tokio::net::TcpListener::from_std)
}
