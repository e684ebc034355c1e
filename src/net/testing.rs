//! Real peers for the tests of this room: a certificate authority and TLS servers on loopback.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;

use super::dial::{DialOptions, Dialer, Target};

/// A certificate with its key.
pub(crate) struct Identity {
    pub(crate) certificate: CertificateDer<'static>,
    key: KeyPair,
}

impl Identity {
    fn key(&self) -> PrivatePkcs8KeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.key.serialize_der())
    }
}

/// Certificate parameters for some hosts, valid from 2020 to 2100.
pub(crate) fn host(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).expect("host names");
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params
}

pub(crate) fn self_signed(params: &CertificateParams) -> Identity {
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    Identity {
        certificate: certificate.der().clone(),
        key,
    }
}

/// An authority whose certificate lies in a file, as the settings name it.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: tempfile::NamedTempFile,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = host(&[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(certificate.pem().as_bytes())
            .expect("written");
        Self {
            issuer: Issuer::new(params, key),
            file,
        }
    }

    pub(crate) fn issue(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("issued");
        Identity {
            certificate: certificate.der().clone(),
            key,
        }
    }

    /// A dialer that trusts this authority.
    pub(crate) fn dialer(&self) -> Dialer {
        let options = DialOptions {
            ca_files: vec![self.file.path().to_owned()],
            ..DialOptions::default()
        };
        Dialer::new(options).expect("the CA file")
    }
}

/// The server side of TLS with an identity.
pub(crate) fn acceptor(identity: &Identity) -> TlsAcceptor {
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![identity.certificate.clone()], identity.key().into())
        .expect("a server certificate");
    TlsAcceptor::from(Arc::new(config))
}

/// Serves one connection on a port of the system's choice.
pub(crate) async fn serve<F, R>(
    session: impl FnOnce(TcpStream) -> F + Send + 'static,
) -> (Target, JoinHandle<R>)
where
    F: Future<Output = R> + Send,
    R: Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address: SocketAddr = listener.local_addr().expect("an address");
    let served = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        session(stream).await
    });
    (Target::mail_server("localhost", address.port()), served)
}

/// Serves one TLS connection.
pub(crate) async fn serve_tls<F, R>(
    identity: &Identity,
    session: impl FnOnce(TlsStream<TcpStream>) -> F + Send + 'static,
) -> (Target, JoinHandle<Option<R>>)
where
    F: Future<Output = R> + Send,
    R: Send + 'static,
{
    let acceptor = acceptor(identity);
    serve(move |stream| async move {
        let stream = acceptor.accept(stream).await.ok()?;
        Some(session(stream).await)
    })
    .await
}
