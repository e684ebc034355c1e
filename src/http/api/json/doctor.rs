//! What an examination of a mailbox has found.

use serde::Serialize;

use crate::service::doctor::{Check, Examination, Finding, Verdict};

/// An examination, so far.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ExaminationBody {
    begun_at: String,
    over: bool,
    /// The worst of the findings: `fine`, `note` or `wrong`.
    verdict: &'static str,
    findings: Vec<FindingBody>,
}

/// One measurement.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct FindingBody {
    check: &'static str,
    verdict: &'static str,
    words: String,
    took_ms: u64,
}

impl ExaminationBody {
    pub(in crate::http::api) fn new(examination: &Examination) -> Self {
        Self {
            begun_at: examination.begun_at.to_string(),
            over: examination.is_over,
            verdict: verdict_name(examination.verdict()),
            findings: examination.findings.iter().map(FindingBody::new).collect(),
        }
    }
}

impl FindingBody {
    pub(in crate::http::api) fn new(finding: &Finding) -> Self {
        Self {
            check: check_name(finding.check),
            verdict: verdict_name(finding.verdict),
            words: finding.words.to_string(),
            took_ms: u64::try_from(finding.took.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

pub(in crate::http) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Fine => "fine",
        Verdict::Note => "note",
        Verdict::Wrong => "wrong",
    }
}

pub(in crate::http) fn check_name(check: Check) -> &'static str {
    match check {
        Check::IncomingReach => "incoming_reach",
        Check::IncomingTls => "incoming_tls",
        Check::Login => "login",
        Check::Id => "id",
        Check::Folder => "folder",
        Check::Push => "push",
        Check::Junk => "junk",
        Check::Sent => "sent",
        Check::Listener => "listener",
        Check::OutgoingReach => "outgoing_reach",
        Check::OutgoingTls => "outgoing_tls",
        Check::Submission => "submission",
        Check::Alias => "alias",
        Check::RoundTrip => "round_trip",
    }
}
