//! Judging a server's certificate, and saying in words what is wrong with one (THREATS 17).
//!
//! Invariant: nothing is accepted that the roots do not vouch for, except exactly
//! one certificate named by its fingerprint, for one connection.
//! Deliberately absent: a switch that accepts anything.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer;

use crate::domain::saying::Said;

/// Most names of a certificate that are told.
const NAMES_MAX: usize = 8;

/// SHA-256 over the certificate, as browsers and `openssl x509 -fingerprint -sha256` show it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CertificateFingerprint([u8; 32]);

impl CertificateFingerprint {
    /// Of a certificate in DER.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        // SHA-256 from the crypto stack that is there anyway, by way of a suite that uses it.
        if let Some(suite) = TLS13_AES_128_GCM_SHA256.tls13() {
            let hash = suite.common.hash_provider.hash(certificate);
            bytes.copy_from_slice(hash.as_ref());
        }
        Self(bytes)
    }
}

impl fmt::Display for CertificateFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CertificateFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The text is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a certificate fingerprint is 32 bytes in hexadecimal, with or without colons (SHA-256)")]
pub struct FingerprintError;

impl FromStr for CertificateFingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits: Vec<u32> = text
            .chars()
            .filter(|c| *c != ':' && !c.is_whitespace())
            .map(|c| c.to_digit(16).ok_or(FingerprintError))
            .collect::<Result<_, _>>()?;
        let mut bytes = [0; 32];
        if digits.len() != 2 * bytes.len() {
            return Err(FingerprintError);
        }
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::try_from(pair[0] * 16 + pair[1]).map_err(|_| FingerprintError)?;
        }
        Ok(Self(bytes))
    }
}

/// A certificate was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{defect}")]
pub struct CertificateRefused {
    /// What is wrong with it.
    pub defect: CertificateDefect,
    /// Which one it was, so that a person can compare and pin it.
    pub fingerprint: CertificateFingerprint,
}

/// What can be wrong with a certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum CertificateDefect {
    /// Too old.
    Expired {
        /// Since when.
        since: Timestamp,
    },
    /// Too new, or our clock is behind.
    NotYetValid {
        /// From when.
        from: Timestamp,
    },
    /// It vouches for itself.
    SelfSigned,
    /// Nobody we know vouches for it.
    UnknownAuthority {
        /// Who issued it, in its own words.
        issuer: String,
    },
    /// It is somebody else's.
    OtherHost {
        /// The name we asked for.
        expected: String,
        /// Whose it is.
        names: Vec<String>,
    },
    /// Called back by its authority.
    Revoked,
    /// Not the one a person pinned.
    NotPinned {
        /// What was pinned.
        pinned: CertificateFingerprint,
    },
    /// Anything rarer, in the library's words.
    Other(String),
}

/// The usual judge, whose refusals carry a [`CertificateRefused`].
#[derive(Debug)]
pub(super) struct Verifier {
    pub(super) roots: Arc<WebPkiServerVerifier>,
    /// Accept this one and no other.
    pub(super) pinned: Option<CertificateFingerprint>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let refuse = |defect| {
            let refused = CertificateRefused {
                defect,
                fingerprint: CertificateFingerprint::of(leaf),
            };
            CertificateError::Other(OtherError(Arc::new(refused))).into()
        };
        if let Some(pinned) = self.pinned {
            return match CertificateFingerprint::of(leaf) == pinned {
                true => Ok(ServerCertVerified::assertion()),
                false => Err(refuse(CertificateDefect::NotPinned { pinned })),
            };
        }
        self.roots
            .verify_server_cert(leaf, intermediates, name, ocsp, now)
            .map_err(|error| match error {
                Error::InvalidCertificate(error) => refuse(explain(&error, leaf, name)),
                other => other,
            })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.roots
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.supported_verify_schemes()
    }
}

/// The refusal of an error of rustls that came out of a handshake with [`Verifier`].
pub(super) fn refusal(error: &CertificateError) -> Option<&CertificateRefused> {
    match error {
        CertificateError::Other(OtherError(cause)) => cause.downcast_ref(),
        _ => None,
    }
}

/// The end of a certificate's time.
pub(super) fn ends(leaf: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(leaf).ok()?;
    instant(certificate.validity().not_after.timestamp())
}

fn explain(
    error: &CertificateError,
    leaf: &CertificateDer<'_>,
    name: &ServerName<'_>,
) -> CertificateDefect {
    let other = || CertificateDefect::Other(error.to_string());
    let Ok((_, certificate)) = X509Certificate::from_der(leaf) else {
        return other();
    };
    let self_signed = certificate.issuer() == certificate.subject();
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            instant(certificate.validity().not_after.timestamp())
                .map_or_else(other, |since| CertificateDefect::Expired { since })
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            instant(certificate.validity().not_before.timestamp())
                .map_or_else(other, |from| CertificateDefect::NotYetValid { from })
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            CertificateDefect::OtherHost {
                expected: name.to_str().into_owned(),
                names: names(&certificate),
            }
        }
        CertificateError::Revoked => CertificateDefect::Revoked,
        // A certificate authority shown as a server (webpki: CaUsedAsEndEntity) is
        // how most self-made certificates look.
        CertificateError::UnknownIssuer | CertificateError::Other(_) if self_signed => {
            CertificateDefect::SelfSigned
        }
        // The same name as a trusted authority, and another key.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            CertificateDefect::UnknownAuthority {
                issuer: printable(&certificate.issuer().to_string()),
            }
        }
        _ => other(),
    }
}

fn instant(unix_seconds: i64) -> Option<Timestamp> {
    Timestamp::from_second(unix_seconds).ok()
}

/// The hosts a certificate is for (RFC 9525 section 3); its subject counts for nothing.
fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternative)) = certificate.subject_alternative_name() else {
        return Vec::new();
    };
    let shown = alternative.value.general_names.iter();
    shown
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(printable(name)),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(NAMES_MAX)
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    let v4 = <[u8; 4]>::try_from(bytes).map(std::net::IpAddr::from);
    let v6 = <[u8; 16]>::try_from(bytes).map(std::net::IpAddr::from);
    v4.or(v6).ok().map(|address| address.to_string())
}

/// Text of a stranger, fit for a log line.
fn printable(text: &str) -> String {
    const LENGTH_MAX: usize = 200;
    let visible = text.chars().filter(|c| !c.is_control());
    visible.take(LENGTH_MAX).collect()
}
