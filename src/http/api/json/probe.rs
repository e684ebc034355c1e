//! Trial connections and sign-ins, while they run and when they have ended.

use serde::Serialize;

use crate::domain::key::PublicId;
use crate::service::connect::attempts::{End, Progress};
use crate::service::connect::{Step, StepResult};
use crate::service::signing_in::{DeviceProgress, Finished};

/// How a trial connection went.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct ProbeBody {
    passed: bool,
    steps: Vec<StepBody>,
}

/// A step of it.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct StepBody {
    step: &'static str,
    passed: bool,
    words: String,
    took_ms: u64,
}

/// A trial that has been begun.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct BegunBody {
    id: String,
}

/// How far a trial is.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct AttemptBody {
    /// `running`, `passed`, `connected` or `failed`.
    state: &'static str,
    steps: Vec<StepBody>,
    /// The mailbox that is connected now.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<String>,
    /// Why nothing came of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// A sign-in with a code.
#[derive(Debug, Serialize)]
pub(in crate::http::api) struct SignInBody {
    id: String,
    /// `waiting`, `signed_in` or `failed`.
    state: &'static str,
    /// Who has to sign in.
    account: String,
    /// Where the code is typed.
    url: String,
    code: String,
    /// The same address with the code in it.
    url_with_code: Option<String>,
    /// How long the code is good, from its making.
    lives_seconds: u64,
    /// The trial that goes on with it, below `/mailboxes/probes`.
    #[serde(skip_serializing_if = "Option::is_none")]
    probe: Option<String>,
    /// The mailbox that has its new login.
    #[serde(skip_serializing_if = "Option::is_none")]
    mailbox: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl ProbeBody {
    pub(in crate::http::api) fn new(steps: &[StepResult]) -> Self {
        Self {
            passed: !steps.is_empty() && steps.iter().all(|step| step.outcome.is_ok()),
            steps: steps.iter().map(StepBody::new).collect(),
        }
    }
}

impl StepBody {
    pub(in crate::http::api) fn new(result: &StepResult) -> Self {
        let step = match result.step {
            Step::Incoming => "incoming",
            Step::Folder => "folder",
            Step::Outgoing => "outgoing",
        };
        let (Ok(words) | Err(words)) = &result.outcome;
        let took_ms = u64::try_from(result.took.as_millis()).unwrap_or(u64::MAX);
        Self {
            step,
            passed: result.outcome.is_ok(),
            words: words.to_string(),
            took_ms,
        }
    }
}

impl BegunBody {
    pub(in crate::http::api) fn new(id: PublicId) -> Self {
        Self { id: id.to_string() }
    }
}

impl AttemptBody {
    pub(in crate::http::api) fn new(progress: &Progress) -> Self {
        let (state, mailbox, reason) = match &progress.end {
            None => ("running", None, None),
            Some(End::Passed) => ("passed", None, None),
            Some(End::Connected { mailbox }) => ("connected", Some(mailbox.to_string()), None),
            Some(End::Failed(words)) => ("failed", None, Some(words.to_string())),
        };
        Self {
            state,
            steps: progress.steps.iter().map(StepBody::new).collect(),
            mailbox,
            reason,
        }
    }
}

impl SignInBody {
    pub(in crate::http::api) fn new(id: PublicId, account: &str, device: &DeviceProgress) -> Self {
        let (state, probe, mailbox, reason) = match &device.end {
            None => ("waiting", None, None, None),
            Some(Ok(Finished::Attempt(id))) => ("signed_in", Some(id.to_string()), None, None),
            Some(Ok(Finished::SignedIn(id))) => ("signed_in", None, Some(id.to_string()), None),
            Some(Err(words)) => ("failed", None, None, Some(words.to_string())),
        };
        let shown = &device.shown;
        Self {
            id: id.to_string(),
            state,
            account: account.to_owned(),
            url: shown.url.clone(),
            code: shown.user_code.clone(),
            url_with_code: shown.url_complete.clone(),
            lives_seconds: shown.lives.as_secs(),
            probe,
            mailbox,
            reason,
        }
    }
}
