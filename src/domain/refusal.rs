//! What a mail server means when it says no: eight classes, and what follows from
//! each for the mailbox.

use super::condition::Failure;
use super::saying::Saying;

pub use super::saying::Bilingual;

/// In which dialogue the words came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialogue {
    /// Reading by IMAP.
    Imap,
    /// Reading by POP3.
    Pop3,
    /// Signing in to send (RFC 4954).
    SmtpLogin,
    /// Sending.
    Smtp,
}

/// What the words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// User name or code are wrong.
    BadCredentials,
    /// The code was right once; it has ended or was revoked.
    AuthorizationExpired,
    /// The provider wants its own page, an app password, or a sign-in.
    InteractiveLogin,
    /// IMAP, POP3 or SMTP is switched off for this account.
    ServiceDisabled,
    /// A limit or an outage of the provider: it will pass.
    Temporary,
    /// The network, DNS, TLS, or the wrong port.
    Network,
    /// The provider objects to how we ask, or to what is sent.
    Policy,
    /// No more may be sent for a while; reading is not touched.
    SendingQuota,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 8] = [
        Self::BadCredentials,
        Self::AuthorizationExpired,
        Self::InteractiveLogin,
        Self::ServiceDisabled,
        Self::Temporary,
        Self::Network,
        Self::Policy,
        Self::SendingQuota,
    ];

    /// Its name in plugin files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadCredentials => "bad_credentials",
            Self::AuthorizationExpired => "authorization_expired",
            Self::InteractiveLogin => "interactive_login",
            Self::ServiceDisabled => "service_disabled",
            Self::Temporary => "temporary",
            Self::Network => "network",
            Self::Policy => "policy",
            Self::SendingQuota => "sending_quota",
        }
    }

    /// Nothing but a person ends it.
    #[must_use]
    pub fn needs_a_person(self) -> bool {
        match self {
            Self::BadCredentials
            | Self::AuthorizationExpired
            | Self::InteractiveLogin
            | Self::ServiceDisabled => true,
            Self::Temporary | Self::Network | Self::Policy | Self::SendingQuota => false,
        }
    }
}

/// What a text was found to mean, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The meaning.
    pub class: FailureClass,
    /// Others it can have as well.
    pub may_be: Vec<FailureClass>,
    /// The provider's own way out of it.
    pub advice: Option<Bilingual>,
    /// Where the rule stands: `plugins/qq/plugin.toml:31`, or the RFC.
    pub rule: String,
}

impl Verdict {
    /// What the refusal of a login means for the condition of a mailbox. Words that can
    /// also mean a passing trouble must repeat before a person is asked.
    #[must_use]
    pub fn failure(&self, reason: Saying) -> Failure {
        let passing =
            |class: &FailureClass| matches!(class, FailureClass::Temporary | FailureClass::Network);
        if !self.class.needs_a_person() {
            return Failure::Passing(reason);
        }
        if self.may_be.iter().any(passing) {
            return Failure::RefusedPerhaps(reason);
        }
        Failure::Refused(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(class: FailureClass, may_be: &[FailureClass]) -> Verdict {
        Verdict {
            class,
            may_be: may_be.to_vec(),
            advice: None,
            rule: String::new(),
        }
    }

    #[test]
    fn trouble_that_passes_never_asks_for_credentials() {
        for class in FailureClass::ALL {
            let alone = verdict(class, &[]).failure("".into());
            let ambiguous = verdict(class, &[FailureClass::Temporary]).failure("".into());
            match class.needs_a_person() {
                true => {
                    assert_eq!(alone, Failure::Refused("".into()));
                    assert_eq!(ambiguous, Failure::RefusedPerhaps("".into()));
                }
                false => {
                    assert_eq!(alone, Failure::Passing("".into()));
                    assert_eq!(ambiguous, Failure::Passing("".into()));
                }
            }
        }
    }
}
