//! The accept loops, and each connection from its greeting to its end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::options::Options;
use super::session::{End, Session};
use crate::net::driver::{self, Driver};
use crate::net::places::{NoPlace, Place, Places};
use crate::protocol::smtp::Server;
use crate::service::receiving::Receiving;

/// A client may take so long for its TLS handshake.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(30);
/// A refusal is written within this, or not at all.
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(2);
/// Permissions of the LMTP socket.
const LOCAL_SOCKET_MODE: u32 = 0o660;
/// Pause when a connection cannot be accepted: mostly no file handle is left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address is taken, or not ours.
    #[error(
        "cannot listen for mail on {address}: {cause}; is another program using it? \
         `[smtp_listener] listen` chooses another"
    )]
    Address {
        /// Which.
        address: SocketAddr,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The socket cannot be made.
    #[error("cannot make the LMTP socket {}: {cause}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

/// Bound, and ready to run.
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    local: Option<(UnixListener, PathBuf)>,
    door: Door,
}

/// What every connection needs.
#[derive(Clone, Debug)]
struct Door {
    receiving: Receiving,
    options: Arc<Options>,
    places: Places,
    stop: CancellationToken,
}

impl Listener {
    /// Binds the address and the socket.
    ///
    /// # Errors
    /// When one of them cannot be had.
    pub async fn bind(
        options: Options,
        receiving: Receiving,
        stop: CancellationToken,
    ) -> Result<Self, ListenError> {
        let address = options.listen;
        let tcp = TcpListener::bind(address)
            .await
            .map_err(|cause| ListenError::Address { address, cause })?;
        let local = match &options.lmtp_socket {
            None => None,
            Some(path) => {
                let bound = bind_local(path).map_err(|cause| ListenError::Socket {
                    path: path.clone(),
                    cause,
                })?;
                Some((bound, path.clone()))
            }
        };
        let places = Places::new(options.connections_max, options.connections_per_client_max);
        Ok(Self {
            tcp,
            local,
            door: Door {
                receiving,
                options: Arc::new(options),
                places,
                stop,
            },
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    /// Takes connections until it is stopped. Idle ones are told so; mails under way
    /// come to their end.
    pub async fn run(self) {
        let Self { tcp, local, door } = self;
        let tasks = TaskTracker::new();
        if let Some((listener, path)) = local {
            tasks.spawn(run_local(listener, path, door.clone(), tasks.clone()));
        }
        loop {
            let accepted = tokio::select! {
                () = door.stop.cancelled() => break,
                accepted = tcp.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => match door.places.take(Some(peer.ip())) {
                    Ok(place) => {
                        tasks.spawn(serve_tcp(stream, peer, place, door.clone()));
                    }
                    Err(why) => {
                        tracing::debug!(%peer, ?why, "a mail connection was refused");
                        tasks.spawn(refuse(stream, why));
                    }
                },
                Err(error) => pause(&error).await,
            }
        }
        drop(tcp);
        tasks.close();
        tasks.wait().await;
    }
}

fn bind_local(path: &Path) -> io::Result<UnixListener> {
    use std::os::unix::fs::FileTypeExt as _;
    // One that was left behind. The store's lock keeps a second gateway from coming here.
    if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        std::fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    // Whoever may write to it hands mail over: our user and group, whatever the umask says.
    let mode = std::os::unix::fs::PermissionsExt::from_mode(LOCAL_SOCKET_MODE);
    std::fs::set_permissions(path, mode)?;
    Ok(listener)
}

async fn run_local(listener: UnixListener, path: PathBuf, door: Door, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            () = door.stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => match door.places.take(None) {
                Ok(place) => {
                    tasks.spawn(serve_local(stream, place, door.clone()));
                }
                Err(why) => {
                    tasks.spawn(refuse(stream, why));
                }
            },
            Err(error) => pause(&error).await,
        }
    }
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::debug!(%error, path = %path.display(), "the LMTP socket is left behind");
    }
}

async fn pause(error: &io::Error) {
    tracing::warn!(%error, "a mail connection could not be accepted");
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

async fn refuse<S: AsyncWrite + Unpin>(mut stream: S, why: NoPlace) {
    let line: &[u8] = match why {
        NoPlace::OfClient => b"421 4.7.0 Too many connections from your address\r\n",
        NoPlace::AllBusy => b"421 4.3.2 Too many connections, try again later\r\n",
    };
    // Whoever does not read it loses nothing: the connection is closed either way.
    let _: Result<io::Result<()>, _> = tokio::time::timeout(REFUSAL_TIME_MAX, async {
        stream.write_all(line).await?;
        stream.shutdown().await
    })
    .await;
}

impl Door {
    fn session(&self, client: Option<IpAddr>) -> Session {
        Session::new(self.receiving.clone(), Arc::clone(&self.options), client)
    }

    fn driver<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        lmtp: bool,
    ) -> Driver<Server, S> {
        let now = tokio::time::Instant::now().into_std();
        let server = Server::new(self.options.machine(lmtp), now);
        Driver::new(server, stream, driver::Options::default())
    }
}

async fn serve_local(stream: tokio::net::UnixStream, place: Place, door: Door) {
    let mut driver = door.driver(stream, true);
    let mut session = door.session(None);
    session.hold(&mut driver, &place, &door.stop).await;
    driver.close().await;
}

async fn serve_tcp(stream: TcpStream, peer: SocketAddr, place: Place, door: Door) {
    // A reply is one small write; waiting to fill a packet only delays the next command.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a socket option could not be set");
    }
    let mut driver = door.driver(stream, false);
    let mut session = door.session(Some(peer.ip().to_canonical()));
    let end = session.hold(&mut driver, &place, &door.stop).await;
    let (End::StartTls, Some(acceptor)) = (end, &door.options.acceptor) else {
        return driver.close().await;
    };
    // The machine tells it only after everything was handed over to be written.
    let Ok((mut server, stream)) = driver.into_parts() else {
        return;
    };
    let Some(stream) = acceptor.accept(stream, HANDSHAKE_TIME_MAX).await else {
        return;
    };
    server.tls_started(tokio::time::Instant::now().into_std());
    session.encrypted();
    let mut driver = Driver::new(server, stream, driver::Options::default());
    session.hold(&mut driver, &place, &door.stop).await;
    driver.close().await;
}
