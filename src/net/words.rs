//! What the errors of connections say to people.

use super::certificate::{CertificateDefect, CertificateRefused};
use super::dial::DialError;
use super::dns::ResolveError;
use super::driver::DriverError;
use super::tls::TlsError;
use crate::domain::saying::{Said, Saying, saying};

impl Said for ResolveError {
    fn saying(&self) -> Saying {
        match self {
            Self::Unknown { host, source } => saying!("net.unknown_host", host, system = source),
            Self::Empty { host } => saying!("net.no_address", host),
            Self::Timeout { host, deadline } => {
                saying!("net.dns_silent", host, seconds = deadline.as_secs())
            }
        }
    }
}

impl Said for DialError {
    fn saying(&self) -> Saying {
        match self {
            Self::Resolve(error) => error.saying(),
            Self::Refused { host, port } => saying!("net.refused", host, port),
            Self::Timeout {
                host,
                port,
                deadline,
            } => saying!("net.timeout", host, port, seconds = deadline.as_secs()),
            Self::Unreachable { host, port, source } => {
                saying!("net.unreachable", host, port, system = source)
            }
            Self::Guarded {
                host,
                reach,
                address,
            } => saying!("net.guarded", host, reach, address),
            Self::Crowded { host, waited } => {
                saying!("net.crowded", host, seconds = waited.as_secs())
            }
            Self::Tls { host, source } => saying!("net.at", host, what = source),
        }
    }
}

impl Said for TlsError {
    fn saying(&self) -> Saying {
        match self {
            Self::Certificate(error) => error.saying(),
            Self::NotTls => saying!("tls.not_tls"),
            Self::TooOld(library) => saying!("tls.too_old", library = Saying::words(library)),
            Self::Refused(library) => saying!("tls.refused", library = Saying::words(library)),
            Self::Name(name) => saying!("tls.name", name = Saying::quoted(name)),
            Self::Timeout(after) => saying!("tls.timeout", seconds = after.as_secs()),
            Self::Closed => saying!("tls.closed"),
            Self::Broken(system) => saying!("tls.broken", system),
            Self::Other(library) => saying!("tls.other", library = Saying::words(library)),
        }
    }
}

impl Said for CertificateDefect {
    fn saying(&self) -> Saying {
        match self {
            Self::Expired { since } => saying!("certificate.expired", since),
            Self::NotYetValid { from } => saying!("certificate.not_yet_valid", from),
            Self::SelfSigned => saying!("certificate.self_signed"),
            Self::UnknownAuthority { issuer } => saying!("certificate.unknown_authority", issuer),
            Self::OtherHost { names, expected } if names.is_empty() => {
                saying!("certificate.no_host", expected)
            }
            Self::OtherHost { names, expected } => {
                saying!("certificate.other_host", names = names.join(", "), expected)
            }
            Self::Revoked => saying!("certificate.revoked"),
            Self::NotPinned { pinned } => {
                saying!("certificate.not_pinned", pinned = Saying::words(pinned))
            }
            Self::Other(library) => saying!("certificate.other", library),
        }
    }
}

impl Said for DriverError {
    fn saying(&self) -> Saying {
        match self {
            Self::Closed => saying!("net.closed"),
            Self::Read(system) => saying!("net.broke_reading", system),
            Self::Write(system) => saying!("net.broke_writing", system),
            Self::Unsent(bytes) => saying!("net.unsent", bytes),
        }
    }
}

impl Said for CertificateRefused {
    fn saying(&self) -> Saying {
        self.defect.saying()
    }
}
