//! TLS for connections that come to us: certificate and key from files, and the handshake.
//!
//! Deliberately absent: TLS of connections we open (`tls`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::server::TlsStream;
use zeroize::Zeroizing;

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

/// Accepts TLS. A cheap clone; all clones change together.
#[derive(Clone)]
pub struct Acceptor(Arc<Shared>);

struct Shared {
    certificate: PathBuf,
    key: PathBuf,
    current: ArcSwap<Loaded>,
}

/// What the files held.
struct Loaded {
    config: Arc<ServerConfig>,
    /// Of both files together.
    hash: blake3::Hash,
}

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
        let loaded = Loaded::read(certificate, key)?;
        Ok(Self(Arc::new(Shared {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            current: ArcSwap::from_pointee(loaded),
        })))
    }

    /// Reads the files again; whether they hold something else. Handshakes from now on use
    /// it. Blocking.
    ///
    /// # Errors
    /// When they cannot be used; what was used before still is.
    pub fn reload(&self) -> Result<bool, AcceptorError> {
        let loaded = Loaded::read(&self.0.certificate, &self.0.key)?;
        let is_new = loaded.hash != self.0.current.load().hash;
        if is_new {
            self.0.current.store(Arc::new(loaded));
        }
        Ok(is_new)
    }

    /// The folders the files lie in.
    #[must_use]
    pub fn folders(&self) -> Vec<PathBuf> {
        let files = [&self.0.certificate, &self.0.key];
        let folders = files.iter().filter_map(|file| file.parent());
        let mut folders: Vec<PathBuf> = folders.map(Path::to_owned).collect();
        folders.dedup();
        folders
    }

    /// The handshake; `None` when the peer does not come to its end in time.
    pub async fn accept(
        &self,
        stream: TcpStream,
        deadline: Duration,
    ) -> Option<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.0.current.load().config);
        let accepting = TlsAcceptor::from(config).accept(stream);
        let handshake = timeout(deadline, accepting).await;
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

impl Loaded {
    fn read(certificate: &Path, key: &Path) -> Result<Self, AcceptorError> {
        let unreadable = |path: &Path, what, reason: String| AcceptorError::File {
            path: path.to_owned(),
            what,
            reason,
        };
        let mut hash = blake3::Hasher::new();
        let mut read = |path: &Path, what| {
            let bytes = std::fs::read(path);
            let bytes = bytes.map_err(|error| unreadable(path, what, error.to_string()))?;
            hash.update(&bytes);
            Ok::<_, AcceptorError>(bytes)
        };
        let what = "PEM certificates";
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&read(certificate, what)?)
            .collect::<Result<_, _>>()
            .map_err(|error| unreadable(certificate, what, error.to_string()))?;
        if chain.is_empty() {
            let reason = "there is no certificate in it".to_owned();
            return Err(unreadable(certificate, what, reason));
        }
        let what = "a PEM private key";
        let private = PrivateKeyDer::from_pem_slice(&Zeroizing::new(read(key, what)?))
            .map_err(|error| unreadable(key, what, error.to_string()))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(chain, private)
            })
            .map_err(|error| AcceptorError::Pair(error.to_string()))?;
        Ok(Self {
            config: Arc::new(config),
            hash: hash.finalize(),
        })
    }
}
