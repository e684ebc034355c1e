//! What a sign-in at the provider means for a connected mailbox's logins.

use super::given::same_secret;
use super::{Changed, MailboxError, Mailboxes};
use crate::domain::key::PublicId;
use crate::domain::mailbox::{
    Credentials, Login, Mailbox, MailboxLogins, MailboxSettings, OAuthGrant, Switch, WayIn, WayOut,
};
use crate::domain::user::Actor;
use crate::service::connect::StepResult;

impl Mailboxes {
    /// A mailbox that the actor manages, and the account that has to sign in for it.
    ///
    /// # Errors
    /// When the actor may not, or the store cannot be read.
    pub fn account(&self, actor: &Actor, id: PublicId) -> Result<(Mailbox, String), MailboxError> {
        let mailbox = self.managed(actor, id)?;
        let logins = self.store.logins(mailbox.key)?;
        let login = logins.incoming.or(logins.outgoing);
        let account = match login {
            Some(Login {
                credentials: Credentials::OAuth(grant),
                ..
            }) => grant.account,
            Some(login) => login.user,
            None => mailbox.settings.address.as_str().to_owned(),
        };
        Ok((mailbox, account))
    }

    /// Gives a mailbox the login that somebody has signed in with: tried, stored, and
    /// everything missed collected. An unbound one is bound by it.
    ///
    /// # Errors
    /// When the trial fails, or the actor may not; nothing is changed then.
    pub async fn sign_in_as(
        &self,
        actor: &Actor,
        id: PublicId,
        grant: OAuthGrant,
        on_step: impl FnMut(&StepResult),
    ) -> Result<Changed, MailboxError> {
        let before = self.managed(actor, id)?;
        let stored = self.store.logins(before.key)?;
        let logins = signed_in(&stored, &before.settings, &grant);
        match before.settings.switch {
            Switch::Unbound => self.bind_as(actor, id, logins, on_step).await,
            Switch::On | Switch::Offline => {
                self.reauthenticate_as(actor, id, logins, on_step).await
            }
        }
    }
}

/// The logins with a grant. A way out with a password of its own keeps it.
fn signed_in(
    stored: &MailboxLogins,
    settings: &MailboxSettings,
    grant: &OAuthGrant,
) -> MailboxLogins {
    let credentials = Credentials::OAuth(grant.clone());
    let user = |login: Option<&Login>| {
        login.map_or_else(
            || settings.address.as_str().to_owned(),
            |login| login.user.clone(),
        )
    };
    let (before_in, before_out) = (stored.incoming.as_ref(), stored.outgoing.as_ref());
    let incoming = match settings.way_in {
        WayIn::Imap(_) | WayIn::Pop3(_) => Some(Login {
            user: user(before_in),
            credentials: credentials.clone(),
        }),
        WayIn::Forwarding(_) => None,
    };
    let own = match (before_in, before_out) {
        (Some(one), Some(other)) => !same_secret(&one.credentials, &other.credentials),
        // A server that asked for no login before does not get one now.
        (Some(_), None) => true,
        (None, _) => false,
    };
    let outgoing = match settings.way_out {
        WayOut::Own(_) if own => stored.outgoing.clone(),
        WayOut::Own(_) => Some(Login {
            user: user(before_out.or(before_in)),
            credentials,
        }),
        WayOut::System => None,
    };
    MailboxLogins { incoming, outgoing }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::mailbox::TokenMechanism;
    use crate::domain::secret::Secret;
    use crate::service::testing::settings;

    fn grant() -> OAuthGrant {
        OAuthGrant {
            client: "google".to_owned(),
            refresh_token: Secret::new("r"),
            access_token: Secret::new("a"),
            access_expires_at: Timestamp::UNIX_EPOCH,
            account: "help@shop.example".to_owned(),
            obtained_at: Timestamp::UNIX_EPOCH,
            mechanism: TokenMechanism::XOAuth2,
        }
    }

    fn login(user: &str, password: &str) -> Option<Login> {
        Some(Login {
            user: user.to_owned(),
            credentials: Credentials::Password(Secret::new(password)),
        })
    }

    fn shown(login: Option<Login>) -> Option<(String, bool)> {
        login.map(|login| (login.user, login.credentials.bearer().is_some()))
    }

    #[test]
    fn a_sign_in_takes_the_place_of_the_password_it_replaces_and_of_no_other() {
        let settings = settings("help@shop.example");
        let address = "help@shop.example".to_owned();
        let cases = [
            (None, None, (&*address, true), Some((&*address, true))),
            (
                login("help", "one"),
                login("help", "one"),
                ("help", true),
                Some(("help", true)),
            ),
            (
                login("help", "one"),
                login("relay", "two"),
                ("help", true),
                Some(("relay", false)),
            ),
            (login("help", "one"), None, ("help", true), None),
        ];
        for (incoming, outgoing, expected_in, expected_out) in cases {
            let stored = MailboxLogins { incoming, outgoing };
            let after = signed_in(&stored, &settings, &grant());
            let owned = |(user, token): (&str, bool)| (user.to_owned(), token);
            assert_eq!(shown(after.incoming), Some(owned(expected_in)));
            assert_eq!(shown(after.outgoing), expected_out.map(owned));
        }
    }
}
