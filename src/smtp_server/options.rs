//! Limits and names of the listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::net::tls_server::Acceptor;
use crate::protocol::smtp;

/// How the listener is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address and port.
    pub listen: SocketAddr,
    /// Where LMTP is spoken as well.
    pub lmtp_socket: Option<PathBuf>,
    /// Our name in the greeting.
    pub host: String,
    /// What stands behind the `@` of receiving addresses.
    pub domain: String,
    /// For STARTTLS; without it none is offered.
    pub acceptor: Option<Acceptor>,
    /// Largest mail, in bytes.
    pub size_max: u64,
    /// Most recipients of one mail.
    pub recipients_max: usize,
    /// Most connections at a time.
    pub connections_max: usize,
    /// Most of them from one client: an IPv4 address, or an IPv6 network of 64 bits. A network
    /// of 48 bits has a quarter of all at most.
    pub connections_per_client_max: usize,
    /// Most mails of one connection.
    pub mails_per_connection_max: u32,
}

impl Options {
    /// How long a client may take for one command (RFC 5321 section 4.5.3.2.7).
    const COMMAND_TIMEOUT: Duration = Duration::from_secs(300);
    /// How long one mail may take: 64 MiB at 150 kbit/s.
    const DATA_TIMEOUT: Duration = Duration::from_secs(3_600);
    /// How long each MiB of it may take, within that: what 14 kbit/s need.
    const DATA_TIME_PER_MIB: Duration = Duration::from_secs(600);
    /// Least bytes per second of a mail: a tenth of what the slowest phone line brings.
    const DATA_RATE_MIN: u64 = 512;
    /// Commands beside the few of each mail.
    const FURTHER_COMMANDS: u32 = 100;
    /// Commands of one mail beside its recipients: MAIL, DATA, RSET, NOOP.
    const COMMANDS_PER_MAIL: u32 = 4;

    /// What the machine of one session is told.
    pub(super) fn machine(&self, lmtp: bool) -> smtp::Options {
        let per_mail = u32::try_from(self.recipients_max).unwrap_or(u32::MAX);
        let per_mail = per_mail.saturating_add(Self::COMMANDS_PER_MAIL);
        smtp::Options {
            domain: self.domain.clone(),
            starttls: self.acceptor.is_some() && !lmtp,
            lmtp,
            size_max: self.size_max,
            recipients_max: self.recipients_max,
            commands_max: self
                .mails_per_connection_max
                .saturating_mul(per_mail)
                .saturating_add(Self::FURTHER_COMMANDS),
            command_timeout: Self::COMMAND_TIMEOUT,
            data_timeout: Self::DATA_TIMEOUT,
            data_time_per_mib: Self::DATA_TIME_PER_MIB,
            data_rate_min: Self::DATA_RATE_MIN,
            ..smtp::Options::new(self.host.clone())
        }
    }
}
