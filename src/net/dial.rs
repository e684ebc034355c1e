//! Opening connections: resolve, guard, connect, encrypt. Every connection we open passes here.
//!
//! Invariant: the address connected to is the address the guard has judged.
//! Invariant: each phase has its own deadline, and each failure says its phase.
//! Deliberately absent: retries, pools, anything said on the connection.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::certificate::CertificateFingerprint;
use super::dns::{self, ResolveError};
use super::gate::Gate;
use super::guard::{Guard, Reach};
use super::stream::Stream;
use super::tls::{Tls, TlsError, TlsSetupError};
use crate::domain::saying::Said;
use crate::domain::turns::{Ceilings, Haste};

/// Pause before the next address is tried beside the first (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Different silences after which connections are asked, between half the setting and all.
const KEEPALIVE_STEPS: u32 = 30;

/// Deadlines and trust of a [`Dialer`].
#[derive(Clone, Debug)]
pub struct DialOptions {
    /// For the resolver.
    pub resolve_deadline: Duration,
    /// For all addresses of a host together.
    pub connect_deadline: Duration,
    /// For the TLS handshake.
    pub tls_deadline: Duration,
    /// Silence after which the kernel asks whether the peer still lives. NATs forget
    /// silent connections within minutes.
    pub keepalive: Duration,
    /// How soon it asks again when there is no answer: packets get lost.
    pub keepalive_again: Duration,
    /// How long written bytes may stay unacknowledged, and how long the peer may be silent
    /// while it is asked, before the connection counts as dead.
    pub unacknowledged_max: Duration,
    /// CA files trusted beside the system's roots (PEM).
    pub ca_files: Vec<PathBuf>,
    /// No connection reaches further than this, whatever its target says.
    pub reach: Guard,
    /// How many connections are opened at a time; `None`: any number.
    pub ceilings: Option<Ceilings>,
    /// How long a connection may wait for its turn. Who asks for turns by
    /// [`Dialer::in_turn`] waits as long as it takes.
    pub turn_deadline: Duration,
}

impl Default for DialOptions {
    fn default() -> Self {
        Self {
            resolve_deadline: Duration::from_secs(10),
            connect_deadline: Duration::from_secs(30),
            tls_deadline: Duration::from_secs(30),
            keepalive: Duration::from_secs(60),
            keepalive_again: Duration::from_secs(10),
            unacknowledged_max: Duration::from_secs(90),
            ca_files: Vec::new(),
            reach: Guard::Any,
            ceilings: None,
            turn_deadline: Duration::from_secs(60),
        }
    }
}

/// Where to connect, and how far that may reach.
#[derive(Clone, Debug)]
pub struct Target {
    /// Name or address; also the name the certificate must be for.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How far the connection may reach.
    pub guard: Guard,
    /// Accept exactly this certificate and no other, for servers without a known authority.
    pub pinned: Option<CertificateFingerprint>,
}

impl Target {
    /// A mail server of the settings: private networks allowed, nothing pinned.
    #[must_use]
    pub fn mail_server(host: impl Into<String>, port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            guard: Guard::Any,
            pinned: None,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum DialError {
    /// The name has no address.
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Somebody is there, but nobody at that port.
    Refused {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// No answer.
    Timeout {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// How long we waited.
        deadline: Duration,
    },
    /// No way there.
    Unreachable {
        /// The host.
        host: String,
        /// The port.
        port: u16,
        /// The system's words.
        source: io::Error,
    },
    /// We do not want to go there.
    Guarded {
        /// The host.
        host: String,
        /// The address it led to.
        address: SocketAddr,
        /// What that address is.
        reach: Reach,
    },
    /// Too many others are before us.
    Crowded {
        /// The host.
        host: String,
        /// How long we waited.
        waited: Duration,
    },
    /// The connection stands, its encryption does not.
    Tls {
        /// The host.
        host: String,
        /// What happened.
        source: TlsError,
    },
}

impl DialError {
    /// Whether trying again, without anybody changing anything, makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Resolve(_)
            | Self::Refused { .. }
            | Self::Timeout { .. }
            | Self::Unreachable { .. }
            | Self::Crowded { .. } => true,
            Self::Guarded { .. } => false,
            Self::Tls { source, .. } => source.is_transient(),
        }
    }
}

/// Opens connections. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Dialer {
    shared: Arc<Shared>,
    haste: Haste,
    /// Its turn has come already.
    in_turn: bool,
}

#[derive(Debug)]
struct Shared {
    options: DialOptions,
    tls: Tls,
    /// Where connections wait for their turn.
    gate: Option<Gate>,
}

impl Dialer {
    /// Loads roots and CA files; blocking, done once at start.
    ///
    /// # Errors
    /// When a CA file cannot be used.
    pub fn new(options: DialOptions) -> Result<Self, TlsSetupError> {
        let tls = Tls::new(&options.ca_files)?;
        let gate = options.ceilings.map(Gate::new);
        Ok(Self {
            shared: Arc::new(Shared { options, tls, gate }),
            haste: Haste::default(),
            in_turn: false,
        })
    }

    /// The same for connections that somebody waits for: they go first, by turns with the
    /// others.
    #[must_use]
    pub fn soon(&self) -> Self {
        Self {
            haste: Haste::Soon,
            ..self.clone()
        }
    }

    /// Opens something at a host in its turn, with a dialer that does not wait for another.
    /// For those who come in crowds: what they need to open is made when the turn has come,
    /// and logging in belongs to it.
    pub async fn in_turn<T, F>(&self, host: &str, open: impl FnOnce(Self) -> F) -> T
    where
        F: Future<Output = T>,
    {
        let passed = Self {
            in_turn: true,
            ..self.clone()
        };
        let Some(gate) = self.shared.gate.as_ref().filter(|_| !self.in_turn) else {
            return open(passed).await;
        };
        let turn = gate.turn(host, self.haste).await;
        Gate::open(turn, || open(passed)).await
    }

    /// Connects without encryption: the first step of STARTTLS, or what a person has confirmed.
    ///
    /// # Errors
    /// By phase: resolving, guard, connecting.
    pub async fn dial_plain(&self, target: &Target) -> Result<Stream, DialError> {
        let connect = async || Ok(Stream::Plain(self.connect(target).await?));
        self.when_free(target, connect).await
    }

    /// Connects with TLS from the first byte (RFC 8314).
    ///
    /// # Errors
    /// By phase: resolving, guard, connecting, TLS.
    pub async fn dial_tls(&self, target: &Target) -> Result<Stream, DialError> {
        let connect = async || self.encrypt(self.connect(target).await?, target).await;
        self.when_free(target, connect).await
    }

    /// Connects when the ceilings allow it.
    async fn when_free<F>(
        &self,
        target: &Target,
        connect: impl FnOnce() -> F,
    ) -> Result<Stream, DialError>
    where
        F: Future<Output = Result<Stream, DialError>>,
    {
        let Some(gate) = self.shared.gate.as_ref().filter(|_| !self.in_turn) else {
            return connect().await;
        };
        let waited = self.shared.options.turn_deadline;
        let turn = timeout(waited, gate.turn(&target.host, self.haste)).await;
        let turn = turn.map_err(|_elapsed| DialError::Crowded {
            host: target.host.clone(),
            waited,
        })?;
        Gate::open(turn, connect).await
    }

    /// The second step of STARTTLS. Nothing that came before it may be used after it.
    ///
    /// # Errors
    /// When the handshake fails. A stream already inside TLS is returned as it is.
    pub async fn upgrade(&self, stream: Stream, target: &Target) -> Result<Stream, DialError> {
        match stream {
            Stream::Plain(stream) => self.encrypt(stream, target).await,
            Stream::Tls(_) => Ok(stream),
        }
    }

    async fn encrypt(&self, stream: TcpStream, target: &Target) -> Result<Stream, DialError> {
        let deadline = self.shared.options.tls_deadline;
        let handshake = self
            .shared
            .tls
            .handshake(stream, &target.host, target.pinned, deadline);
        match handshake.await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(source) => Err(DialError::Tls {
                host: target.host.clone(),
                source,
            }),
        }
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, DialError> {
        let options = &self.shared.options;
        let addresses = dns::resolve(&target.host, target.port, options.resolve_deadline).await?;
        let addresses = interleave(judge(addresses, target, &options.reach)?);
        let race = race(addresses, TcpStream::connect);
        let stream = match timeout(options.connect_deadline, race).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => return Err(failed(source, target, options)),
            Err(_elapsed) => {
                let source = io::ErrorKind::TimedOut.into();
                return Err(failed(source, target, options));
            }
        };
        // A peer that is gone already shows at the first read; nothing is lost by going on.
        if let Err(error) = tune(&stream, options) {
            tracing::debug!(host = target.host, %error, "socket options could not be set");
        }
        Ok(stream)
    }
}

/// Keeps the addresses that both guards let pass.
fn judge(
    addresses: Vec<SocketAddr>,
    target: &Target,
    reach: &Guard,
) -> Result<Vec<SocketAddr>, DialError> {
    let judged = |address: &SocketAddr| {
        target.guard.check(address.ip())?;
        match reach {
            // What a target may reach by name, such as a link-local service, stays its own.
            Guard::Any => Ok(()),
            narrower => narrower.check(address.ip()),
        }
    };
    let mut refused = None;
    let passed: Vec<SocketAddr> = addresses
        .into_iter()
        .filter(|address| match judged(address) {
            Ok(()) => true,
            Err(reach) => {
                refused.get_or_insert((*address, reach));
                false
            }
        })
        .collect();
    match refused {
        Some((address, reach)) if passed.is_empty() => Err(DialError::Guarded {
            host: target.host.clone(),
            address,
            reach,
        }),
        _ => Ok(passed),
    }
}

/// Families in turn, starting with the family the system puts first (RFC 8305 section 4).
fn interleave(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let count = addresses.len();
    let (leading, other): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first_is_v6);
    let (mut leading, mut other) = (leading.into_iter(), other.into_iter());
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        order.extend(leading.next());
        order.extend(other.next());
    }
    order
}

/// Tries the addresses, each a little after the one before it, and takes the first
/// that answers. When all fail, the first failure is told: it is of the preferred address.
async fn race<T, F>(addresses: Vec<SocketAddr>, connect: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut waiting = addresses.into_iter();
    let mut attempts = FuturesUnordered::new();
    let mut failure = None;
    loop {
        attempts.extend(waiting.next().map(&connect));
        tokio::select! {
            ended = attempts.next() => match ended {
                Some(Ok(stream)) => return Ok(stream),
                Some(Err(error)) => failure = failure.or(Some(error)),
                None => return Err(failure.unwrap_or_else(|| io::ErrorKind::NotFound.into())),
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

fn failed(source: io::Error, target: &Target, options: &DialOptions) -> DialError {
    let (host, port) = (target.host.clone(), target.port);
    match source.kind() {
        io::ErrorKind::ConnectionRefused => DialError::Refused { host, port },
        io::ErrorKind::TimedOut => DialError::Timeout {
            host,
            port,
            deadline: options.connect_deadline,
        },
        _ => DialError::Unreachable { host, port, source },
    }
}

/// Without Nagle's algorithm (a mail costs 45 ms otherwise), with signs of life.
fn tune(stream: &TcpStream, options: &DialOptions) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    // Connections that began together are not asked together: the questions of thousands
    // overflow a queue on their way, and those of many again when they are repeated.
    let spread = options.keepalive / 2 / KEEPALIVE_STEPS;
    let step = u32::from(stream.local_addr()?.port()) % KEEPALIVE_STEPS;
    let keepalive = TcpKeepalive::new()
        .with_time(options.keepalive - spread * step)
        .with_interval(options.keepalive_again);
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(options.unacknowledged_max))?;
    Ok(())
}

#[cfg(test)]
mod tests;
