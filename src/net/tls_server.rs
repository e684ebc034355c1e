//! TLS for connections that come to us: certificate and key from files, and the handshake.
//!
//! Deliberately absent: TLS of connections we open (`tls`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::server::TlsStream;

/// Why we cannot offer TLS.
#[derive(Debug, thiserror::Error)]
pub enum AcceptorError {
    /// The file is not what it should be.
    #[error("{} cannot be read as {what}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// Certificate and key do not go together, or the library cannot use them.
    #[error("certificate and key cannot be used together: {0}")]
    Pair(String),
}

/// Accepts TLS. A cheap clone.
#[derive(Clone)]
pub struct Acceptor(TlsAcceptor);

impl std::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Reads a certificate chain and its key, both PEM.
    ///
    /// # Errors
    /// When a file cannot be read, or the two do not go together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, AcceptorError> {
        let unreadable = |path: &Path, what, reason: String| AcceptorError::File {
            path: path.to_owned(),
            what,
            reason,
        };
        let what = "PEM certificates";
        let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect)
            .map_err(|error| unreadable(certificate, what, error.to_string()))?;
        if chain.is_empty() {
            let reason = "there is no certificate in it".to_owned();
            return Err(unreadable(certificate, what, reason));
        }
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| unreadable(key, "a PEM private key", error.to_string()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(chain, private)
            })
            .map_err(|error| AcceptorError::Pair(error.to_string()))?;
        Ok(Self(TlsAcceptor::from(Arc::new(config))))
    }

    /// The handshake; `None` when the peer does not come to its end in time.
    pub async fn accept(
        &self,
        stream: TcpStream,
        deadline: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let handshake = timeout(deadline, self.0.accept(stream)).await;
        match handshake {
            Ok(Ok(stream)) => Some(stream),
            Ok(Err(error)) => {
                tracing::debug!(%error, "a client's TLS handshake failed");
                None
            }
            Err(_elapsed) => None,
        }
    }
}
