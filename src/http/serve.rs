//! The accept loop: a bounded number of connections, in all and per client, deadlines on
//! heads and on answers that nobody reads, and a stop that lets open requests end.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::options::{GRACE, HEAD_BYTES_MAX, HEAD_TIME_MAX, HEADERS_MAX};
use super::patience::Patience;
use crate::net::guard::Network;
use crate::net::places::{NoPlace, Place, Places};

/// After a failed accept (no file handles left), the wait before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) SocketAddr);

/// Who is let in to the listener.
#[derive(Clone, Debug)]
pub(super) struct Entrance {
    pub(super) places: Places,
    /// Many people stand behind these.
    pub(super) proxies: Arc<[Network]>,
    /// Who does not read its answer for so long is left.
    pub(super) unread_max: Duration,
}

impl Entrance {
    /// Whose share a connection counts against; nobody's when it is a proxy's.
    fn client(&self, peer: IpAddr) -> Option<IpAddr> {
        let peer = peer.to_canonical();
        let is_proxy = self.proxies.iter().any(|network| network.contains(peer));
        (!is_proxy).then_some(peer)
    }
}

/// Serves `router` until the stop signal, then waits at most [`GRACE`] for what is open.
pub(super) async fn serve(
    listener: TcpListener,
    router: Router,
    entrance: Entrance,
    shutdown: CancellationToken,
) {
    let open = GracefulShutdown::new();
    while let Some((stream, peer)) = next_connection(&listener, &shutdown).await {
        let place = match entrance.places.take(entrance.client(peer.ip())) {
            Ok(place) => Arc::new(place),
            Err(why) => {
                refuse(&stream, peer, why);
                continue;
            }
        };
        let stream = Patience::new(stream, entrance.unread_max);
        let serving = open.watch(connection(stream, peer, router.clone(), &place));
        tokio::spawn(async move {
            tokio::select! {
                ended = serving => if let Err(error) = ended {
                    tracing::debug!(%peer, %error, "a connection ended early");
                },
                () = place.evicted().cancelled() => {
                    tracing::debug!(%peer, "a connection gave way to another");
                }
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(GRACE, open.shutdown()).await.is_err() {
        tracing::warn!("requests were still open when the time for them was over");
    }
}

async fn next_connection(
    listener: &TcpListener,
    shutdown: &CancellationToken,
) -> Option<(TcpStream, SocketAddr)> {
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => return None,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(pair) => return Some(pair),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Says no in one small write; a connection that is new takes it at once.
fn refuse(stream: &TcpStream, peer: SocketAddr, why: NoPlace) {
    tracing::debug!(%peer, ?why, "a connection was refused");
    let answer: &[u8] = match why {
        NoPlace::OfClient => {
            b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 30\r\nConnection: close\r\n\
              Content-Length: 0\r\n\r\n"
        }
        NoPlace::AllBusy => {
            b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 30\r\nConnection: close\r\n\
              Content-Length: 0\r\n\r\n"
        }
    };
    // Whoever does not get it sees the connection close all the same.
    let _: io::Result<usize> = stream.try_write(answer);
}

fn connection(
    stream: Patience<TcpStream>,
    peer: SocketAddr,
    router: Router,
    place: &Arc<Place>,
) -> http1::Connection<
    TokioIo<Patience<TcpStream>>,
    impl hyper::service::Service<
        Request<Incoming>,
        Response = Response,
        Error = Infallible,
        Future: Send,
    > + use<>,
> {
    let place = Arc::clone(place);
    let service = service_fn(move |request: Request<Incoming>| {
        let under_way = UnderWay::begin(&place);
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let answered = router.clone().oneshot(request);
        async move {
            let response = answered.await?;
            Ok::<_, Infallible>(response.map(|body| {
                Body::new(Answer {
                    body,
                    _under_way: under_way,
                })
            }))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_headers(HEADERS_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
}

/// A request, from its head to the end of its answer: meanwhile its connection gives
/// way to nobody who only waits.
struct UnderWay(Arc<Place>);

impl UnderWay {
    fn begin(place: &Arc<Place>) -> Self {
        place.set_busy(true);
        Self(Arc::clone(place))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.set_busy(false);
    }
}

/// The body of an answer, which keeps its request under way.
struct Answer {
    body: Body,
    _under_way: UnderWay,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::http::Options;
    use crate::http::options::UNREAD_TIME_MAX;

    /// More than the system keeps of one connection that nobody reads.
    static LONG: [u8; 32 * 1024 * 1024] = [b'x'; 32 * 1024 * 1024];

    fn entrance(places: Places, proxies: Arc<[Network]>) -> Entrance {
        Entrance {
            places,
            proxies,
            unread_max: UNREAD_TIME_MAX,
        }
    }

    /// A door on a port of its own.
    async fn open(entrance: Entrance) -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let waiting = get(|| async { std::future::pending::<&str>().await });
        let router = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/long", get(|| async { &LONG[..] }))
            .route("/waits", waiting);
        let stop = CancellationToken::new();
        tokio::spawn(serve(listener, router, entrance, stop.clone()));
        (address, stop)
    }

    async fn ask(address: SocketAddr, path: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut text = Vec::new();
        let reading = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut text));
        reading.await.expect("in time").expect("read");
        String::from_utf8_lossy(&text).into_owned()
    }

    #[tokio::test]
    async fn silent_connections_give_way_and_a_request_under_way_does_not() {
        let proxies = Options::default().proxies;
        let (address, _stop) = open(entrance(Places::new(4, 2), proxies)).await;
        let busy = ask(address, "/waits").await;
        let mut silent = Vec::new();
        for _ in 0..20 {
            silent.push(TcpStream::connect(address).await.expect("connected"));
            let page = answer(ask(address, "/").await).await;
            assert!(page.starts_with("HTTP/1.1 200") && page.contains("content-length: 4"));
        }
        let first = silent.remove(0);
        assert_eq!(answer(first).await, "", "closed for others");
        let mut byte = [0];
        let still_open = busy.try_read(&mut byte).map_err(|error| error.kind());
        assert_eq!(still_open, Err(io::ErrorKind::WouldBlock));
    }

    #[tokio::test]
    async fn a_client_has_its_share() {
        let (address, _stop) = open(entrance(Places::new(100, 2), Arc::default())).await;
        let first = ask(address, "/waits").await;
        let _second = ask(address, "/waits").await;
        let refused = answer(TcpStream::connect(address).await.expect("connected")).await;
        assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
        drop(first);
        served(address).await;
    }

    /// A place is given back once the door has seen the end.
    async fn served(address: SocketAddr) {
        let served = async {
            loop {
                // One that is refused may be reset before its answer is read.
                let mut stream = TcpStream::connect(address).await.expect("connected");
                let mut text = String::new();
                let asked = stream.write_all(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n");
                let asked = asked.await.is_ok();
                if asked && stream.read_to_string(&mut text).await.is_ok() && text.contains(" 200 ")
                {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        let in_time = tokio::time::timeout(Duration::from_secs(10), served).await;
        assert!(in_time.is_ok(), "the place is given back");
    }

    #[tokio::test]
    async fn who_does_not_read_its_answer_is_left_and_who_waits_for_one_is_not() {
        let entrance = Entrance {
            unread_max: Duration::from_millis(100),
            ..entrance(Places::new(100, 2), Arc::default())
        };
        let (address, _stop) = open(entrance).await;
        let waits = ask(address, "/waits").await;
        let _unread = ask(address, "/long").await;
        served(address).await;
        let mut byte = [0];
        let still_open = waits.try_read(&mut byte).map_err(|error| error.kind());
        assert_eq!(still_open, Err(io::ErrorKind::WouldBlock));
    }

    #[test]
    fn a_proxy_has_no_share_of_its_own() {
        let mut proxies = Options::default().proxies.to_vec();
        proxies.push("172.18.0.0/16".parse().expect("a network"));
        let entrance = entrance(Places::new(1, 1), proxies.into());
        for (peer, has_share) in [
            ("127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("::1", false),
            ("172.18.3.4", false),
            ("172.19.0.1", true),
            ("2001:db8::1", true),
        ] {
            let peer = peer.parse().expect("an address");
            assert_eq!(entrance.client(peer).is_some(), has_share, "{peer}");
        }
    }
}
