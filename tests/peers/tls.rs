//! Certificates of the tests: an authority made on the spot, and what it signs.

use std::net::{IpAddr, TcpStream};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, StreamOwned,
};

/// A certificate authority nobody else trusts.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, as PEM.
pub struct Certificate {
    pub certificate_pem: String,
    pub key_pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        // A name of its own, else every certificate it signs would look self-signed.
        let name = "Authority of the tests";
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self {
            issuer: CertifiedIssuer::self_signed(params, key).unwrap(),
        }
    }

    /// What a client has to trust.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for `localhost` and 127.0.0.1.
    pub fn issue(&self) -> Certificate {
        self.sign(|_| ())
    }

    /// The same, but it ran out on 2 January 2020.
    pub fn issue_expired(&self) -> Certificate {
        self.sign(|params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 1, 2);
        })
    }

    /// A certificate for another host.
    pub fn issue_for(&self, name: &str) -> Certificate {
        let name = rcgen::SanType::DnsName(name.try_into().unwrap());
        self.sign(|params| params.subject_alt_names = vec![name])
    }

    /// A certificate for some addresses.
    pub fn issue_for_addresses(&self, addresses: &[IpAddr]) -> Certificate {
        let names = addresses.iter().copied().map(rcgen::SanType::IpAddress);
        self.sign(|params| params.subject_alt_names = names.collect())
    }

    fn sign(&self, change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Certificate {
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        }
    }
}

impl Certificate {
    /// For a server of the tests' own.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        let chain = CertificateDer::pem_slice_iter(self.certificate_pem.as_bytes())
            .collect::<Result<_, _>>()
            .unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.key_pem.as_bytes()).unwrap();
        let config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        Arc::new(config)
    }
}

/// A client that trusts this authority and no other.
pub fn client_config(authority_pem: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
        roots.add(certificate.unwrap()).unwrap();
    }
    let config = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// The name in the certificates of `Authority::issue`.
pub fn server_name() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

/// A blocking client stream.
pub fn wrap(stream: TcpStream, authority_pem: &str) -> StreamOwned<ClientConnection, TcpStream> {
    let session = ClientConnection::new(client_config(authority_pem), server_name()).unwrap();
    StreamOwned::new(session, stream)
}
