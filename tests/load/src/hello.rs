//! The server to compare with: axum and nothing else, on the same runtime as ours.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Bytes;
use axum::routing::get;

use crate::Result;

/// Serves until it is killed. A `POST` reads its body, so that a request of any size can be compared.
pub fn serve(listen: SocketAddr) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = Router::new()
            .route("/", get(|| async { "Hello, World!" }).post(|_: Bytes| async { "Hello, World!" }));
        let listener = tokio::net::TcpListener::bind(listen).await?;
        Ok(axum::serve(listener, app).await?)
    })
}
