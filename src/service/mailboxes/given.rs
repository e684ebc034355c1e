//! The logins a person gives a connected mailbox: mostly one password for everything.

use super::MailboxError;
use crate::domain::mailbox::{Credentials, Login, MailboxLogins, MailboxSettings, WayIn, WayOut};
use crate::domain::secret::Secret;

/// A login as a person gives it: mostly one password.
#[derive(Clone, Debug, Default)]
pub struct GivenLogins {
    /// User name at the incoming server.
    pub user: Option<String>,
    /// Password or authorization code.
    pub password: Option<Secret>,
    /// User name at the outgoing server, when it differs.
    pub outgoing_user: Option<String>,
    /// Password at the outgoing server, when it differs.
    pub outgoing_password: Option<Secret>,
}

impl GivenLogins {
    /// Nothing was given.
    pub(super) fn is_empty(&self) -> bool {
        let Self {
            user,
            password,
            outgoing_user,
            outgoing_password,
        } = self;
        user.is_none()
            && password.is_none()
            && outgoing_user.is_none()
            && outgoing_password.is_none()
    }

    /// The logins that follow from the stored ones. A new password also replaces the
    /// outgoing one where that was the same.
    ///
    /// # Errors
    /// When there is no password, neither given nor stored.
    pub(super) fn over(
        self,
        stored: &MailboxLogins,
        settings: &MailboxSettings,
    ) -> Result<MailboxLogins, MailboxError> {
        let address = settings.address.as_str();
        let one = |before: Option<&Login>, user: Option<String>, password: Option<Secret>| {
            let credentials = password
                .map(Credentials::Password)
                .or_else(|| before.map(|login| login.credentials.clone()))
                .ok_or(MailboxError::NoPassword)?;
            let user = user
                .or_else(|| before.map(|login| login.user.clone()))
                .unwrap_or_else(|| address.to_owned());
            Ok::<_, MailboxError>(Login { user, credentials })
        };
        let (before_in, before_out) = (stored.incoming.as_ref(), stored.outgoing.as_ref());
        let same_password = match (before_in, before_out) {
            (Some(one), Some(other)) => same_secret(&one.credentials, &other.credentials),
            _ => true,
        };
        let same_user = match (before_in, before_out) {
            (Some(one), Some(other)) => one.user == other.user,
            _ => true,
        };
        let outgoing_password = self
            .outgoing_password
            .or_else(|| self.password.clone().filter(|_| same_password));
        let outgoing_user = self
            .outgoing_user
            .or_else(|| self.user.clone().filter(|_| same_user));
        let incoming = match settings.way_in {
            WayIn::Imap(_) | WayIn::Pop3(_) => {
                Some(one(before_in, self.user, self.password.clone())?)
            }
            WayIn::Forwarding(_) => None,
        };
        // A server that asked for no login before does not get one now.
        let without = before_out.is_none() && before_in.is_some();
        let outgoing = match settings.way_out {
            WayOut::Own(_) if !without || outgoing_password.is_some() && !same_password => {
                let before = before_out.or(incoming.as_ref());
                Some(one(before, outgoing_user, outgoing_password)?)
            }
            WayOut::Own(_) | WayOut::System => None,
        };
        Ok(MailboxLogins { incoming, outgoing })
    }
}

pub(super) fn same_secret(one: &Credentials, other: &Credentials) -> bool {
    match (one, other) {
        (Credentials::Password(one), Credentials::Password(other)) => {
            one.expose() == other.expose()
        }
        (Credentials::Password(_), _) | (_, Credentials::Password(_)) => false,
        // Tokens are given anew for both ways.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::testing::{logins, settings};

    fn password(text: &str) -> GivenLogins {
        GivenLogins {
            password: Some(Secret::new(text)),
            ..GivenLogins::default()
        }
    }

    fn secret(login: Option<&Login>) -> Option<&str> {
        match &login?.credentials {
            Credentials::Password(secret) => Some(secret.expose()),
            Credentials::AccessToken(_) | Credentials::OAuth(_) => None,
        }
    }

    #[test]
    fn one_new_password_is_for_both_ways_where_the_old_one_was() {
        let settings = settings("help@shop.example");
        let mut stored = logins();
        let after = password("new").over(&stored, &settings).expect("logins");
        assert_eq!(secret(after.incoming.as_ref()), Some("new"));
        assert!(after.outgoing.is_none(), "it submits without a login");

        stored.outgoing = stored.incoming.clone();
        let after = password("new").over(&stored, &settings).expect("logins");
        assert_eq!(secret(after.outgoing.as_ref()), Some("new"));
        assert_eq!(after.incoming.expect("a login").user, "help");

        let relay = Login {
            user: "relay".to_owned(),
            credentials: Credentials::Password(Secret::new("its own")),
        };
        stored.outgoing = Some(relay);
        let after = password("new").over(&stored, &settings).expect("logins");
        assert_eq!(secret(after.outgoing.as_ref()), Some("its own"));
        assert_eq!(after.outgoing.expect("a login").user, "relay");
    }

    #[test]
    fn a_mailbox_that_forgot_its_logins_gets_both_from_one_password() {
        let settings = settings("help@shop.example");
        let forgotten = MailboxLogins::default();
        let after = password("new").over(&forgotten, &settings).expect("logins");
        let users = [after.incoming.as_ref(), after.outgoing.as_ref()];
        assert_eq!(
            users.map(|login| login.map(|login| login.user.as_str())),
            [Some("help@shop.example"); 2]
        );
        let refused = GivenLogins::default().over(&forgotten, &settings);
        assert!(matches!(refused, Err(MailboxError::NoPassword)));
    }
}
