//! Whether a server can be reached at all: its name, its port, its certificate.

use std::time::Duration;

use jiff::SignedDuration;

use super::Doctor;
use super::finding::{Check, Report};
use crate::domain::mailbox::{Security, Server};
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
                report.wrong(reach, error.to_string());
                return false;
            }
        };
        let target = Target::mail_server(host, *port);
        let stream = match self.with.dialer.dial_plain(&target).await {
            Ok(stream) => stream,
            Err(error) => {
                report.wrong(reach, error.to_string());
                return false;
            }
        };
        let first = stream
            .peer_address()
            .map(|address| address.ip().to_string());
        let words = format!(
            "{host} has {} and answers on port {port} ({})",
            count(addresses.len(), "address", "addresses"),
            first.unwrap_or_else(|_| "gone again".to_owned()),
        );
        report.fine(reach, words);
        match server.security {
            Security::Tls => {
                drop(stream);
                self.looks_at_certificate(&target, tls, report).await
            }
            // Inside the protocol, so the login shows it.
            Security::StartTls => true,
            Security::None => {
                let words = format!(
                    "nothing is encrypted on the way to {host}: the password travels readable; \
                     choose tls or starttls (mailbox edit)"
                );
                report.note(tls, words);
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
                report.wrong(tls, error.to_string());
                return false;
            }
        };
        let Some(ends) = stream.certificate_ends() else {
            report.fine(
                tls,
                format!("{host} has a certificate that is trusted here"),
            );
            return true;
        };
        let day = ends.strftime("%Y-%m-%d");
        let left = ends.duration_since(self.with.clock.now());
        if left < ENDS_SOON {
            let words = format!(
                "the certificate of {host} ends on {day}; from then on nothing is fetched or sent \
                 until its owner renews it"
            );
            report.note(tls, words);
        } else {
            report.fine(tls, format!("{host} proves its name until {day}"));
        }
        true
    }
}

pub(super) fn count(number: usize, one: &str, more: &str) -> String {
    match number {
        1 => format!("1 {one}"),
        number => format!("{number} {more}"),
    }
}
