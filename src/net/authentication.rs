//! Checks what a mail proves of its sender, by asking DNS. The only place that knows the
//! library for it.
//!
//! Invariant: a check ends by its deadline whatever DNS does; what was not found out by
//! then is a temporary error. Deliberately absent: judging by the result.

use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use mail_auth::arc::ArcError;
use mail_auth::dkim::DkimError;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, Error, MessageAuthenticator,
    SpfOutput, SpfResult,
};
use tokio::time::{Instant, timeout_at};

use super::dns::{RecordError, Records};
use crate::domain::address::Address;
use crate::domain::authentication::{Authentication, Verdict};

/// All questions about one mail take no longer together.
const DEADLINE: Duration = Duration::from_secs(20);

/// How a mail was handed over.
#[derive(Clone, Debug)]
pub struct HandedOver<'a> {
    /// By which address; `None` on a local socket.
    pub peer: Option<IpAddr>,
    /// What the peer called itself.
    pub hello: &'a str,
    /// The envelope's sender.
    pub reverse_path: Option<&'a Address>,
    /// Whose listener took it.
    pub our_host: &'a str,
}

/// Checks a mail.
///
/// # Errors
/// When this machine knows nobody to ask.
pub async fn authenticate(
    records: &Records,
    mail: &[u8],
    by: &HandedOver<'_>,
    now: Timestamp,
) -> Result<Authentication, RecordError> {
    let asks = MessageAuthenticator(records.resolver()?);
    let until = Instant::now() + DEADLINE;
    let mut found = Authentication {
        spf: Verdict::None,
        spf_domain: by.reverse_path.map_or(by.hello, Address::domain).to_owned(),
        dkim: Verdict::None,
        dkim_domain: None,
        dmarc: Verdict::None,
        dmarc_domain: String::new(),
        arc: Verdict::None,
        checked_at: now,
    };
    let spf = match by.peer {
        None => None,
        Some(peer) => {
            let sender = by.reverse_path.map(Address::as_str);
            let question = match sender {
                Some(sender) => {
                    SpfParameters::verify_mail_from(peer, by.hello, by.our_host, sender)
                }
                None => SpfParameters::verify_ehlo(peer, by.hello, by.our_host),
            };
            match timeout_at(until, asks.verify_spf(question)).await {
                Ok(output) => Some(output),
                Err(_elapsed) => {
                    found.spf = Verdict::TemporaryError;
                    None
                }
            }
        }
    };
    if let Some(output) = &spf {
        found.spf = of_spf(output.result());
    }
    let Some(message) = AuthenticatedMessage::parse(mail) else {
        return Ok(found);
    };
    let Ok(signatures) = timeout_at(until, asks.verify_dkim(&message)).await else {
        (found.dkim, found.dmarc, found.arc) = (
            Verdict::TemporaryError,
            Verdict::TemporaryError,
            Verdict::TemporaryError,
        );
        return Ok(found);
    };
    (found.dkim, found.dkim_domain) = best(&signatures);
    let nothing = SpfOutput::new(String::new());
    let question = DmarcParameters {
        message: &message,
        dkim_output: &signatures,
        dkim2_output: None,
        rfc5321_mail_from_domain: &found.spf_domain,
        spf_output: spf.as_ref().unwrap_or(&nothing),
    };
    match timeout_at(until, asks.verify_dmarc(question)).await {
        Ok(output) => {
            found.dmarc = of_dmarc(&output.result());
            found.dmarc_domain = output.into_domain();
        }
        Err(_elapsed) => found.dmarc = Verdict::TemporaryError,
    }
    found.arc = match timeout_at(until, asks.verify_arc(&message)).await {
        Ok(output) => of_dkim(output.result()),
        Err(_elapsed) => Verdict::TemporaryError,
    };
    Ok(found)
}

/// One signature that holds is enough; else the first tells.
fn best(signatures: &[DkimOutput<'_>]) -> (Verdict, Option<String>) {
    let holds = signatures
        .iter()
        .find(|output| *output.result() == DkimResult::Pass);
    match holds {
        Some(output) => {
            let signer = output.signature().map(|signature| signature.d.to_string());
            (Verdict::Pass, signer)
        }
        None => {
            let first = signatures.first().map(|output| of_dkim(output.result()));
            (first.unwrap_or_default(), None)
        }
    }
}

fn of_spf(result: SpfResult) -> Verdict {
    match result {
        SpfResult::Pass => Verdict::Pass,
        SpfResult::Fail => Verdict::Fail,
        SpfResult::SoftFail => Verdict::SoftFail,
        SpfResult::Neutral => Verdict::Neutral,
        SpfResult::TempError => Verdict::TemporaryError,
        SpfResult::PermError => Verdict::PermanentError,
        SpfResult::None => Verdict::None,
    }
}

fn of_dkim(result: &DkimResult) -> Verdict {
    match result {
        DkimResult::Pass => Verdict::Pass,
        // A body that was changed has failed the test (RFC 8601 section 2.7.1).
        DkimResult::Neutral(
            Error::Dkim(DkimError::FailedBodyHashMatch) | Error::Arc(ArcError::FailedBodyHashMatch),
        ) => Verdict::Fail,
        DkimResult::Neutral(_) => Verdict::Neutral,
        DkimResult::Fail(_) => Verdict::Fail,
        DkimResult::PermError(_) => Verdict::PermanentError,
        DkimResult::TempError(_) => Verdict::TemporaryError,
        DkimResult::None => Verdict::None,
    }
}

fn of_dmarc(result: &DmarcResult) -> Verdict {
    match result {
        DmarcResult::Pass => Verdict::Pass,
        DmarcResult::Fail(_) => Verdict::Fail,
        DmarcResult::TempError(_) => Verdict::TemporaryError,
        DmarcResult::PermError(_) => Verdict::PermanentError,
        DmarcResult::None => Verdict::None,
    }
}
