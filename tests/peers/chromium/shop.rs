//! The merchant's own pages, at the other end of a route: one sends on to another host, as a login does.

use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::tls::Authority;

/// Serves every host until the test ends; gives the port.
pub(super) async fn open() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let port = listener.local_addr().expect("it listens").port();
    let acceptor = TlsAcceptor::from(Authority::of("mall.example").server);
    let acceptor = Arc::new(acceptor);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(Arc::clone(&acceptor), stream));
        }
    });
    port
}

async fn serve(acceptor: Arc<TlsAcceptor>, stream: TcpStream) -> std::io::Result<()> {
    let mut stream = acceptor.accept(stream).await?;
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await?);
    }
    let request = String::from_utf8_lossy(&request).to_lowercase();
    let path = request.split(' ').nth(1).unwrap_or_default();
    let answer = if request.contains("\r\nhost: pay.") {
        format!(
            "HTTP/1.1 302 Found\r\nLocation: https://login.mall.example{path}\r\nContent-Length: 0\r\nConnection: \
             close\r\n\r\n"
        )
    } else {
        let referrer = if request.contains("\r\nreferer:") { "referrer" } else { "no referrer" };
        let page = format!(
            "<!doctype html><html lang=zh-CN><meta charset=utf-8><meta name=viewport content=width=device-width>\
             <title>商城收银台</title><h1>商城收银台</h1><p>{path}<p>{referrer}</html>"
        );
        let length = page.len();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{page}"
        )
    };
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}
