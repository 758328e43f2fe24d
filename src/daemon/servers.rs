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
use crate::http::console::Console;
use crate::http::health::TaskKind;
use crate::http::hooks::{self, Hooks};
use crate::http::public::Public;
use crate::http::{self, ConnectionLimits, api, callbacks, console, public};

/// Serves the pages for borrowers, the callbacks of providers and, where there are tokens, the API.
pub(super) async fn serve_web(app: &Arc<App>, shares: Shares, supervisor: &Supervisor) -> Result<(), DaemonError> {
    let public = Public::of(app);
    let callbacks = callbacks::router(Inbox::of(app), &public.limits);
    let pages = public::router(public).merge(callbacks);
    serve("server:public", app.config.http.public, pages, shares.public, &app.clock, supervisor).await?;
    let (api, hooks) = (&app.config.api, Hooks::of(app));
    if api.is_enabled || !api.tokens.is_empty() || hooks.is_some() || has_token(app).await {
        let server = Server { task: "server:api", address: api.listen, limits: shares.api, bounds_bodies: true };
        let router = hooks.map_or_else(Router::new, hooks::router).merge(api::router(Api::of(app)));
        server.start(router, &app.clock, supervisor)?;
    }
    Ok(())
}

/// Serves the console of the staff.
pub(super) fn serve_console(app: &Arc<App>, shares: Shares, supervisor: &Supervisor) -> Result<(), DaemonError> {
    let address = app.config.console.listen;
    let server = Server { task: "server:console", address, limits: shares.console, bounds_bodies: false };
    server.start(console::router(Console::of(app).map_err(DaemonError::Console)?), &app.clock, supervisor)
}

/// Whether the database has a token. One that cannot be asked has none: `[api] enabled` does not depend on it.
async fn has_token(app: &App) -> bool {
    match app.store.tokens().await {
        Ok(tokens) => tokens.iter().any(|token| token.revoked_at.is_none()),
        Err(error) => {
            tracing::error!(%error, "the tokens of the API cannot be read");
            false
        }
    }
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
    Server { task, address, limits, bounds_bodies: false }.start(router, clock, supervisor)
}

/// A server to be started.
struct Server<'s> {
    task: &'s str,
    address: SocketAddr,
    limits: ConnectionLimits,
    /// Whether its router bounds the bodies that it reads.
    bounds_bodies: bool,
}

impl Server<'_> {
    fn start(self, router: Router, clock: &Arc<dyn Clock>, supervisor: &Supervisor) -> Result<(), DaemonError> {
        let Self { task, address, limits, bounds_bodies } = self;
        let failed = |error| DaemonError::Listen { address, error };
        let listener = listen(address).and_then(tokio::net::TcpListener::into_std).map_err(failed)?;
        tracing::info!(address = %listener.local_addr().unwrap_or(address), "listening");
        let clock = Arc::clone(clock);
        supervisor.spawn(task, TaskKind::Server, move |stop| {
            let (listener, router, clock) = (copy(&listener), router.clone(), Arc::clone(&clock));
            async move {
                match listener {
                    Ok(listener) if bounds_bodies => http::serve_bounded(listener, router, limits, clock, stop).await,
                    Ok(listener) => http::serve(listener, router, limits, clock, stop).await,
                    Err(error) => tracing::error!(%address, %error, "server failed"),
                }
            }
        });
        Ok(())
    }
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
