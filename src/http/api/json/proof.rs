//! What a mailbox has proven by mails to itself.

use jiff::Timestamp;
use serde::Serialize;

use crate::domain::proof::{Canary, MailboxProofs, TestRun};

/// All of it.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ProofsBody {
    /// A test has passed: mail came in and an answer left.
    tested: bool,
    proven_at: Option<String>,
    test: Option<TestBody>,
    canary: CanaryBody,
}

/// The last test. `state` is `under_way`, `passed` or `failed`.
#[derive(Debug, Serialize)]
struct TestBody {
    state: &'static str,
    begun_at: String,
    sent_at: Option<String>,
    received_at: Option<String>,
    /// From handing it over until it was here.
    latency_ms: Option<u64>,
    reply_left_at: Option<String>,
    failure: Option<String>,
}

/// The mail that comes by itself.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct CanaryBody {
    sent_at: Option<String>,
    received_at: Option<String>,
    last_ms: Option<u32>,
    median_ms: Option<u32>,
    failing_since: Option<String>,
    failure: Option<String>,
}

fn shown(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

impl ProofsBody {
    pub(in crate::http::api) fn new(proofs: &MailboxProofs) -> Self {
        Self {
            tested: proofs.proven_at.is_some(),
            proven_at: shown(proofs.proven_at),
            test: proofs.test.as_ref().map(TestBody::new),
            canary: CanaryBody::new(&proofs.canary),
        }
    }
}

impl TestBody {
    fn new(test: &TestRun) -> Self {
        let latency = test.latency().map(|latency| latency.as_millis());
        Self {
            state: match (&test.failure, test.reply_left_at) {
                (Some(_), _) => "failed",
                (None, Some(_)) => "passed",
                (None, None) => "under_way",
            },
            begun_at: test.begun_at.to_string(),
            sent_at: shown(test.sent_at),
            received_at: shown(test.received_at),
            latency_ms: latency.map(|latency| u64::try_from(latency).unwrap_or(0)),
            reply_left_at: shown(test.reply_left_at),
            failure: test.failure.as_ref().map(ToString::to_string),
        }
    }
}

impl CanaryBody {
    pub(in crate::http::api) fn new(canary: &Canary) -> Self {
        Self {
            sent_at: shown(canary.sent_at),
            received_at: shown(canary.received_at),
            last_ms: canary.latencies_ms.last().copied(),
            median_ms: canary.median_ms(),
            failing_since: shown(canary.failing_since),
            failure: canary.failure.as_ref().map(ToString::to_string),
        }
    }
}
