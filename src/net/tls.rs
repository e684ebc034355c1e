//! TLS for connections we open: roots, handshake, and its failures in words.
//!
//! Deliberately absent: the judgement on certificates (`certificate`), server-side TLS.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{
    AlertDescription, ClientConfig, Error, InvalidMessage, RootCertStore, version,
};

use super::certificate::{CertificateFingerprint, CertificateRefused, Verifier, refusal};
use crate::domain::saying::Said;

/// Why TLS cannot be set up at all; told at start.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// A CA file of the settings.
    #[error("the CA file {} cannot be read as PEM certificates: {reason}", path.display())]
    CaFile {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The library does not take our settings.
    #[error("TLS cannot be set up: {0}")]
    Library(String),
}

/// Why there is no TLS on a connection.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum TlsError {
    /// The server's certificate was not accepted.
    #[error(transparent)]
    Certificate(#[from] CertificateRefused),
    /// The answer was not TLS.
    NotTls,
    /// No version or cipher in common.
    TooOld(Error),
    /// The server's own refusal.
    Refused(Error),
    /// The name cannot stand in a certificate.
    Name(String),
    /// No answer. Many plain servers wait for a line that we never send.
    Timeout(Duration),
    /// The connection ended in the middle.
    Closed,
    /// The connection broke in the middle.
    Broken(#[source] io::Error),
    /// Anything rarer, in the library's words.
    Other(Error),
}

impl TlsError {
    /// Whether trying again, without anybody changing anything, makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Closed | Self::Broken(_) => true,
            Self::Certificate(_)
            | Self::NotTls
            | Self::TooOld(_)
            | Self::Refused(_)
            | Self::Name(_)
            | Self::Other(_) => false,
        }
    }
}

/// What all TLS connections share: roots and settings.
#[derive(Debug)]
pub(super) struct Tls {
    provider: Arc<CryptoProvider>,
    roots: Arc<WebPkiServerVerifier>,
    config: Arc<ClientConfig>,
}

impl Tls {
    /// Loads the system's roots, Mozilla's where there are none, and the given CA files.
    pub(super) fn new(ca_files: &[PathBuf]) -> Result<Self, TlsSetupError> {
        let provider = Arc::new(ring::default_provider());
        let store = Arc::new(roots(ca_files)?);
        let roots = WebPkiServerVerifier::builder_with_provider(store, Arc::clone(&provider))
            .build()
            .map_err(|error| TlsSetupError::Library(error.to_string()))?;
        let config = config(&provider, &roots, None)
            .map_err(|error| TlsSetupError::Library(error.to_string()))?;
        Ok(Self {
            provider,
            roots,
            config,
        })
    }

    /// The handshake with `host`, whose name goes along as SNI.
    pub(super) async fn handshake(
        &self,
        stream: TcpStream,
        host: &str,
        pinned: Option<CertificateFingerprint>,
        deadline: Duration,
    ) -> Result<TlsStream<TcpStream>, TlsError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let name =
            ServerName::try_from(bare.to_owned()).map_err(|_| TlsError::Name(host.to_owned()))?;
        let config = match pinned {
            None => Arc::clone(&self.config),
            Some(_) => config(&self.provider, &self.roots, pinned).map_err(TlsError::Other)?,
        };
        let handshake = TlsConnector::from(config).connect(name, stream);
        match timeout(deadline, handshake).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(explain(error)),
            Err(_elapsed) => Err(TlsError::Timeout(deadline)),
        }
    }
}

fn config(
    provider: &Arc<CryptoProvider>,
    roots: &Arc<WebPkiServerVerifier>,
    pinned: Option<CertificateFingerprint>,
) -> Result<Arc<ClientConfig>, Error> {
    let verifier = Verifier {
        roots: Arc::clone(roots),
        pinned,
    };
    let config = ClientConfig::builder_with_provider(Arc::clone(provider))
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])?
        // Named dangerous since a verifier could accept anything; ours narrows.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(Arc::new(config))
}

fn roots(ca_files: &[PathBuf]) -> Result<RootCertStore, TlsSetupError> {
    let mut store = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "some root certificates of the system cannot be read");
    }
    store.add_parsable_certificates(system.certs);
    if store.is_empty() {
        tracing::info!("the system has no root certificates; Mozilla's built-in list is used");
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for path in ca_files {
        add_file(&mut store, path).map_err(|reason| TlsSetupError::CaFile {
            path: path.clone(),
            reason,
        })?;
    }
    Ok(store)
}

fn add_file(store: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let before = store.len();
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        store.add(certificate).map_err(|error| error.to_string())?;
    }
    if store.len() == before {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(())
}

fn explain(error: io::Error) -> TlsError {
    let Some(tls) = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<Error>())
    else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => TlsError::Closed,
            _ => TlsError::Broken(error),
        };
    };
    match tls {
        Error::InvalidCertificate(certificate) => match refusal(certificate) {
            Some(refused) => TlsError::Certificate(refused.clone()),
            None => TlsError::Other(tls.clone()),
        },
        // The first bytes of a greeting (`* OK`, `220 `), read as a TLS record.
        Error::InvalidMessage(
            InvalidMessage::InvalidContentType
            | InvalidMessage::UnknownProtocolVersion
            | InvalidMessage::MessageTooLarge
            | InvalidMessage::InvalidEmptyPayload,
        ) => TlsError::NotTls,
        Error::PeerIncompatible(_)
        | Error::AlertReceived(
            AlertDescription::ProtocolVersion
            | AlertDescription::InsufficientSecurity
            | AlertDescription::HandshakeFailure,
        ) => TlsError::TooOld(tls.clone()),
        Error::AlertReceived(_) => TlsError::Refused(tls.clone()),
        _ => TlsError::Other(tls.clone()),
    }
}
