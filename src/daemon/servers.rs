//! The addresses that are listened on.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;

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

/// Serves `router` at `address`. The socket outlives the task, so that a restart loses neither port nor waiting clients.
pub(super) async fn serve(
    task: &str,
    address: SocketAddr,
    router: Router,
    limits: ConnectionLimits,
    clock: &Arc<dyn Clock>,
    supervisor: &Supervisor,
) -> Result<(), DaemonError> {
    let failed = |error| DaemonError::Listen { address, error };
    let listener = tokio::net::TcpListener::bind(address).await.and_then(tokio::net::TcpListener::into_std);
    let listener = listener.map_err(failed)?;
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

fn copy(listener: &TcpListener) -> std::io::Result<tokio::net::TcpListener> {
    listener.try_clone().and_then(tokio::net::TcpListener::from_std)
}
