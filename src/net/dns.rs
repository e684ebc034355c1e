//! Names to addresses. Asked anew at each connection (THREATS 30); the system caches.
//!
//! Deliberately absent: judging the addresses (`guard`) and trying them (`dial`).

mod records;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::domain::saying::Said;

pub use self::records::{RecordError, RecordOptions, Records, ServiceRecord};

/// Most addresses of one name that are considered.
const ADDRESSES_MAX: usize = 16;

/// Why a name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum ResolveError {
    /// The resolver says no, or cannot say.
    Unknown {
        /// The name.
        host: String,
        /// The system's words.
        source: io::Error,
    },
    /// An answer with nothing in it.
    Empty {
        /// The name.
        host: String,
    },
    /// The resolver does not answer.
    Timeout {
        /// The name.
        host: String,
        /// How long we waited.
        deadline: Duration,
    },
}

/// The addresses of a host name, or of an address written as one, in the system's order.
///
/// # Errors
/// When nobody can say, or there is none.
pub async fn resolve(
    host: &str,
    port: u16,
    deadline: Duration,
) -> Result<Vec<SocketAddr>, ResolveError> {
    // `[::1]` as people copy it out of a URL.
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host);
    let answer = timeout(deadline, lookup_host((bare, port)))
        .await
        .map_err(|_elapsed| ResolveError::Timeout {
            host: host.to_owned(),
            deadline,
        })?
        .map_err(|source| ResolveError::Unknown {
            host: host.to_owned(),
            source,
        })?;
    let mut addresses: Vec<SocketAddr> = Vec::new();
    for address in answer.take(ADDRESSES_MAX) {
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    if addresses.is_empty() {
        return Err(ResolveError::Empty {
            host: host.to_owned(),
        });
    }
    Ok(addresses)
}
