//! Whether a server can be reached at all: its name, its port, its certificate.

use std::time::Duration;

use jiff::SignedDuration;

use super::Doctor;
use super::finding::{Check, Report};
use crate::domain::mailbox::{Security, Server};
use crate::domain::saying::{Saying, saying};
use crate::net::dial::Target;
use crate::net::dns::resolve;

/// How long a name may take.
const NAME_TIME_MAX: Duration = Duration::from_secs(10);
/// A certificate that ends sooner is worth a word. Authorities renew theirs 30 days before.
const ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

impl Doctor {
    /// Whether the server is there and, where TLS is from the first byte, whom its
    /// certificate is for. `false` ends what needs the server.
    pub(super) async fn reaches(
        &self,
        server: &Server,
        checks: (Check, Check),
        report: &mut Report<'_>,
    ) -> bool {
        let (reach, tls) = checks;
        let Server { host, port, .. } = server;
        let addresses = match resolve(host, *port, NAME_TIME_MAX).await {
            Ok(addresses) => addresses,
            Err(error) => {
                report.wrong(reach, &error);
                return false;
            }
        };
        let target = Target::mail_server(host, *port);
        let stream = match self.with.dialer.dial_plain(&target).await {
            Ok(stream) => stream,
            Err(error) => {
                report.wrong(reach, &error);
                return false;
            }
        };
        let first = stream
            .peer_address()
            .map(|address| address.ip().to_string());
        let first = first.map_or_else(|_| saying!("found.gone_again"), Saying::from);
        let addresses = match addresses.len() {
            1 => saying!("found.one_address"),
            count => saying!("found.addresses", count),
        };
        report.fine(
            reach,
            saying!("found.reached", host, addresses, port, first),
        );
        match server.security {
            Security::Tls => {
                drop(stream);
                self.looks_at_certificate(&target, tls, report).await
            }
            // Inside the protocol, so the login shows it.
            Security::StartTls => true,
            Security::None => {
                report.note(tls, saying!("found.readable", host));
                true
            }
        }
    }

    async fn looks_at_certificate(
        &self,
        target: &Target,
        tls: Check,
        report: &mut Report<'_>,
    ) -> bool {
        let host = &target.host;
        let stream = match self.with.dialer.dial_tls(target).await {
            Ok(stream) => stream,
            Err(error) => {
                report.wrong(tls, &error);
                return false;
            }
        };
        let Some(ends) = stream.certificate_ends() else {
            report.fine(tls, saying!("found.trusted", host));
            return true;
        };
        let day = ends.strftime("%Y-%m-%d").to_string();
        let left = ends.duration_since(self.with.clock.now());
        if left < ENDS_SOON {
            report.note(tls, saying!("found.ends_soon", host, day));
        } else {
            report.fine(tls, saying!("found.proven", host, day));
        }
        true
    }
}

/// So many mails.
pub(super) fn mails(count: usize) -> Saying {
    match count {
        1 => saying!("found.one_mail"),
        count => saying!("found.mails", count),
    }
}
