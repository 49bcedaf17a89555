//! Listening on the loopback: HTTP/1.1, kept alive, ended gracefully.

use std::{convert::Infallible, io, net::SocketAddr, pin::pin, sync::Arc};

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

/// Who asks, and at which port.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    pub client: SocketAddr,
    pub port: u16,
}

/// Binds a port of the loopback; 0 is any.
///
/// # Errors
/// When the port is taken or may not be used.
pub async fn bind(port: u16) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Answers until `stop` becomes true, then lets what has begun end. Bodies are read up to one byte more than
/// `body_bytes_max`.
pub async fn listen<F, A>(
    listener: TcpListener,
    mut stop: watch::Receiver<bool>,
    body_bytes_max: usize,
    answer: F,
) where
    F: Fn(Request<Bytes>, Peer) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Bytes>> + Send,
{
    let answer = Arc::new(answer);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            () = stopped(&mut stop) => break,
        };
        let (Ok((stream, client)), Ok(local)) = (accepted, listener.local_addr()) else { continue };
        let peer = Peer { client, port: local.port() };
        // Small answers go out at once.
        let _ = stream.set_nodelay(true);
        let (answer, mut stop) = (answer.clone(), stop.clone());
        connections.spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    let request = whole(request, body_bytes_max).await;
                    let response = match request {
                        Some(request) => answer(request, peer).await,
                        // Nobody is there to be answered.
                        None => Response::new(Bytes::new()),
                    };
                    Ok::<_, Infallible>(response.map(Full::new))
                }
            });
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            let mut connection = pin!(connection);
            // A client who hangs up is not our concern.
            tokio::select! {
                _ = connection.as_mut() => {}
                () = stopped(&mut stop) => {
                    connection.as_mut().graceful_shutdown();
                    let _ = connection.await;
                }
            }
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// Resolves when it becomes true, or when nobody can say so any more.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn whole(request: Request<Incoming>, bytes_max: usize) -> Option<Request<Bytes>> {
    let (parts, mut body) = request.into_parts();
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            bytes.extend_from_slice(&data);
        }
        if bytes.len() > bytes_max {
            bytes.truncate(bytes_max + 1);
            break;
        }
    }
    Some(Request::from_parts(parts, bytes.freeze()))
}
