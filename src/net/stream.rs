//! A connection as `dial` hands it out: plain or inside TLS.
//!
//! Deliberately absent: how it came about (`dial`, `tls`) and what is said on it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::certificate::{self, CertificateFingerprint};

/// One connection we opened.
#[derive(Debug)]
pub enum Stream {
    /// Readable on the way.
    Plain(TcpStream),
    /// Inside TLS. Boxed: its state is a kilobyte.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The address at the other end.
    ///
    /// # Errors
    /// When the connection is already gone.
    pub fn peer_address(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }

    /// Whether nobody on the way can read along.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// The fingerprint of the server's certificate, to be shown or pinned.
    #[must_use]
    pub fn certificate_fingerprint(&self) -> Option<CertificateFingerprint> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => {
                let (_, session) = stream.get_ref();
                let leaf = session.peer_certificates()?.first()?;
                Some(CertificateFingerprint::of(leaf))
            }
        }
    }

    /// When the server's certificate ends; `None` without TLS.
    #[must_use]
    pub fn certificate_ends(&self) -> Option<Timestamp> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => {
                let (_, session) = stream.get_ref();
                certificate::ends(session.peer_certificates()?.first()?)
            }
        }
    }

    /// What kind of connection it is and to where, for a log.
    #[must_use]
    pub fn shown(&self) -> String {
        let peer = match self.peer_address() {
            Ok(peer) => peer.to_string(),
            Err(error) => error.to_string(),
        };
        let tls = match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.protocol_version(),
        };
        match tls {
            None => format!("connected to {peer}, readable on the way"),
            Some(version) => format!("connected to {peer} by {version:?}"),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
