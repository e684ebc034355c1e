//! MX and SRV records: what a domain says about its mail (RFC 5321 section 5, RFC 6186).
//!
//! Invariant: an answer is names and numbers to be looked at, never an address to go to;
//! whatever is connected to passes the guard of `dial`.
//! Deliberately absent: DNSSEC, and a cache: a person asks once.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use tokio::time::timeout;

use crate::domain::saying::{Said, Saying, saying};

/// Most records of one answer that are considered.
const RECORDS_MAX: usize = 20;

/// Whom to ask, and how long to wait.
#[derive(Clone, Debug)]
pub struct RecordOptions {
    /// The name server; the system's when not set.
    pub name_server: Option<SocketAddr>,
    /// For one question, with all tries.
    pub deadline: Duration,
}

impl Default for RecordOptions {
    fn default() -> Self {
        Self {
            name_server: None,
            deadline: Duration::from_secs(5),
        }
    }
}

/// Why a question has no answer. That there are no such records is an answer.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum RecordError {
    /// The name cannot be asked for.
    Name(String),
    /// This machine knows no name server.
    NoNameServer(io::Error),
    /// Nothing came in time.
    Timeout {
        /// What was asked about.
        name: String,
        /// How long we waited.
        deadline: Duration,
    },
    /// The name server cannot say.
    Failed {
        /// What was asked about.
        name: String,
        /// The resolver's words.
        words: String,
    },
}

impl Said for RecordError {
    fn saying(&self) -> Saying {
        match self {
            Self::Name(name) => saying!("dns.name", name = Saying::quoted(name)),
            Self::NoNameServer(system) => saying!("dns.no_name_server", system),
            Self::Timeout { name, deadline, .. } => {
                saying!("dns.timeout", name, seconds = deadline.as_secs())
            }
            Self::Failed { name, words, .. } => saying!("dns.failed", name, what = words),
        }
    }
}

/// A server of an SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRecord {
    /// Its name, lower case, without the final dot.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What is known under a name.
enum Found {
    Records(Box<Lookup>),
    /// The name is there.
    NoRecords,
    /// Not even the name.
    NoName,
}

/// Asks for records. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Records {
    options: RecordOptions,
}

impl Records {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(options: RecordOptions) -> Self {
        Self { options }
    }

    /// The mail exchangers of a domain, best first; lower case, without the final dot.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn mx(&self, domain: &str) -> Result<Vec<String>, RecordError> {
        let Some(lookup) = self.ask(domain, RecordType::MX).await? else {
            return Ok(Vec::new());
        };
        let mut found: Vec<(u16, String)> = Vec::new();
        for record in lookup.answers().iter().take(RECORDS_MAX) {
            if let RData::MX(mx) = &record.data {
                found.push((mx.preference, written(&mx.exchange)));
            }
        }
        found.sort();
        // RFC 7505: an empty name says that the domain takes no mail.
        let named = found.into_iter().map(|(_, host)| host);
        Ok(named.filter(|host| !host.is_empty()).collect())
    }

    /// The servers of a service such as `_imaps._tcp`, best first.
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn srv(
        &self,
        service: &str,
        domain: &str,
    ) -> Result<Vec<ServiceRecord>, RecordError> {
        let name = format!("{service}.{domain}");
        let Some(lookup) = self.ask(&name, RecordType::SRV).await? else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for record in lookup.answers().iter().take(RECORDS_MAX) {
            if let RData::SRV(srv) = &record.data {
                let host = written(&srv.target);
                // RFC 2782: a target of "." says that the service is not there. A person sees
                // one server, so the heaviest stands for its priority.
                if !host.is_empty() && srv.port != 0 {
                    let order = (srv.priority, u16::MAX - srv.weight);
                    found.push((order, host, srv.port));
                }
            }
        }
        found.sort();
        let in_order = found.into_iter();
        Ok(in_order
            .map(|(_, host, port)| ServiceRecord { host, port })
            .collect())
    }

    /// Whether there is such a name, whatever records it has (RFC 8020).
    ///
    /// # Errors
    /// When nobody can say.
    pub async fn exists(&self, domain: &str) -> Result<bool, RecordError> {
        let found = self.look(domain, RecordType::SOA).await?;
        Ok(!matches!(found, Found::NoName))
    }

    /// `None` when there are no such records.
    async fn ask(&self, name: &str, kind: RecordType) -> Result<Option<Lookup>, RecordError> {
        Ok(match self.look(name, kind).await? {
            Found::Records(lookup) => Some(*lookup),
            Found::NoRecords | Found::NoName => None,
        })
    }

    async fn look(&self, name: &str, kind: RecordType) -> Result<Found, RecordError> {
        let mut asked = Name::from_utf8(name).map_err(|_| RecordError::Name(name.to_owned()))?;
        // The whole name, never one below a domain of this machine.
        asked.set_fqdn(true);
        let resolver = self.resolver()?;
        let deadline = self.options.deadline;
        match timeout(deadline, resolver.lookup(asked, kind)).await {
            Ok(Ok(lookup)) => Ok(Found::Records(Box::new(lookup))),
            Ok(Err(error)) if error.is_nx_domain() => Ok(Found::NoName),
            Ok(Err(error)) if error.is_no_records_found() => Ok(Found::NoRecords),
            Ok(Err(NetError::Timeout)) | Err(_) => Err(RecordError::Timeout {
                name: name.to_owned(),
                deadline,
            }),
            Ok(Err(error)) => Err(RecordError::Failed {
                name: name.to_owned(),
                words: error.to_string(),
            }),
        }
    }

    /// Made for each question: the settings of the system may have changed since the last.
    pub(in crate::net) fn resolver(&self) -> Result<TokioResolver, RecordError> {
        let none = |error: NetError| RecordError::NoNameServer(io::Error::other(error.to_string()));
        let mut builder = match self.options.name_server {
            None => TokioResolver::builder_tokio().map_err(none)?,
            Some(address) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let connections = connections.map(|mut connection| {
                    connection.port = address.port();
                    connection
                });
                let server = NameServerConfig::new(address.ip(), true, connections.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                let provider = TokioRuntimeProvider::default();
                TokioResolver::builder_with_config(config, provider)
            }
        };
        let options = builder.options_mut();
        options.cache_size = 0;
        options.timeout = self.options.deadline / 2;
        options.attempts = 2;
        builder.build().map_err(none)
    }
}

fn written(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}
