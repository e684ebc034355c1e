//! The logins a person gives a connected mailbox: mostly one password for everything.

use super::MailboxError;
use crate::domain::mailbox::{
    Credentials, Login, MailboxLogins, MailboxSettings, Security, WayIn, WayOut,
};
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

    /// What was typed before goes to the servers it was typed for: who may change a
    /// mailbox does not learn its password by naming a server of their own, or by taking
    /// the protection away. `logins` are those that would be shown.
    ///
    /// # Errors
    /// When one that is stored would be shown elsewhere.
    pub(super) fn stay_where_they_were(
        &self,
        before: &MailboxSettings,
        wanted: &MailboxSettings,
        logins: &MailboxLogins,
    ) -> Result<(), MailboxError> {
        for (before, wanted, login) in [
            (
                before.way_in.server(),
                wanted.way_in.server(),
                &logins.incoming,
            ),
            (
                before.way_out.server(),
                wanted.way_out.server(),
                &logins.outgoing,
            ),
        ] {
            let (Some(wanted), Some(login)) = (wanted, login) else {
                continue;
            };
            let same = before.is_some_and(|before| {
                before.host.eq_ignore_ascii_case(&wanted.host)
                    && (before.security == wanted.security || wanted.security != Security::None)
            });
            if !same && !self.typed(&login.credentials) {
                return Err(MailboxError::Elsewhere(wanted.host.clone()));
            }
        }
        Ok(())
    }

    fn typed(&self, shown: &Credentials) -> bool {
        let mut typed = [&self.password, &self.outgoing_password]
            .into_iter()
            .flatten();
        typed.any(|typed| same_secret(&Credentials::Password(typed.clone()), shown))
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
    use crate::domain::mailbox::Server;
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

    #[test]
    fn what_is_stored_goes_to_no_other_server_and_nowhere_less_protected() {
        let mut before = settings("help@shop.example");
        before.way_in = WayIn::inbox(Server {
            host: "imap.shop.example".to_owned(),
            port: 993,
            security: Security::Tls,
        });
        let stored = logins();
        let to = |host: &str, port, security| {
            let host = host.to_owned();
            let server = Server {
                host,
                port,
                security,
            };
            MailboxSettings {
                way_in: WayIn::inbox(server),
                ..before.clone()
            }
        };
        let server = before.way_in.server().expect("a server").clone();
        let check = |given: &GivenLogins, wanted: &MailboxSettings, fine: bool| {
            let shown = given.clone().over(&stored, wanted).expect("logins");
            let stays = given.stay_where_they_were(&before, wanted, &shown);
            assert_eq!(stays.is_ok(), fine, "{wanted:?}");
        };
        let nothing = GivenLogins::default();
        for (wanted, fine) in [
            (to(&server.host.to_uppercase(), 1993, server.security), true),
            (to("evil.example", server.port, server.security), false),
            (to(&server.host, server.port, Security::None), false),
        ] {
            check(&nothing, &wanted, fine);
            check(&password("typed"), &wanted, true);
        }
        // The typed one is for reading; the other is still the stored one.
        let mut wanted = before.clone();
        wanted.way_out = WayOut::Own(Server {
            host: "evil.example".to_owned(),
            ..server
        });
        let relay = Login {
            user: "relay".to_owned(),
            credentials: Credentials::Password(Secret::new("its own")),
        };
        let shown = MailboxLogins {
            outgoing: Some(relay),
            ..stored
        };
        let stays = password("typed").stay_where_they_were(&before, &wanted, &shown);
        assert!(matches!(stays, Err(MailboxError::Elsewhere(host)) if host == "evil.example"));
    }
}
