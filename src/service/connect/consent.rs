//! What a person has to say before a password goes somewhere: that it may travel
//! readable, and that a server outside the domain of the address is meant.

use super::known::Known;
use super::wish::{Readable, Wish, WrongField, typed, wrong};
use crate::domain::address::Address;
use crate::domain::mailbox::{Security, Server, WayIn, WayOut};
use crate::domain::saying::saying;

impl Known {
    /// The options of the command line that name the foreign servers, each after a space.
    #[must_use]
    pub fn options_for_foreign(&self) -> String {
        let incoming = match (&self.imap, &self.pop3) {
            (Some(server), _) => Some(("imap", "incoming", server)),
            (None, pop3) => pop3.as_ref().map(|server| ("pop3", "incoming", server)),
        };
        let outgoing = self.smtp.as_ref().map(|server| ("smtp", "smtp", server));
        let both = [incoming, outgoing].into_iter().flatten();
        let foreign = both.filter(|(_, _, server)| self.foreign.contains(&server.host));
        foreign
            .map(|(option, way, server)| format!(" {}", options(option, way, server)))
            .collect()
    }
}

/// The options of the command line that name a server.
fn options(option: &str, way: &str, server: &Server) -> String {
    let security = match server.security {
        Security::Tls => "tls",
        Security::StartTls => "starttls",
        Security::None => "none",
    };
    format!(
        "--{option} {}:{} --{way}-security {security}",
        server.host, server.port
    )
}

impl Wish {
    pub(super) fn refuse_readable(
        &self,
        way_in: &WayIn,
        way_out: &WayOut,
    ) -> Result<(), WrongField> {
        let (incoming, outgoing) = (&self.incoming_security, &self.outgoing_security);
        for (field, said, server) in [
            ("incoming_security", incoming, way_in.server()),
            ("outgoing_security", outgoing, way_out.server()),
        ] {
            let confirmed = match self.readable {
                Readable::Unconfirmed => false,
                Readable::Confirmed => true,
                Readable::WhereTyped => typed(said.as_ref()).is_some(),
            };
            if confirmed {
                continue;
            }
            if let Some(server) = server.filter(|server| server.security == Security::None) {
                let words = saying!("wish.readable", host = server.host.as_str());
                return Err(wrong(field, words));
            }
        }
        Ok(())
    }

    /// What a record or a file names is a proposal; only what was typed is a choice.
    pub(super) fn refuse_foreign(
        &self,
        address: &Address,
        known: &Known,
        way_in: &WayIn,
        way_out: &WayOut,
    ) -> Result<(), WrongField> {
        let reads = match way_in {
            WayIn::Pop3(_) => "pop3",
            WayIn::Imap(_) | WayIn::Forwarding(_) => "imap",
        };
        for (field, given, server, option, way) in [
            (
                "incoming",
                &self.incoming,
                way_in.server(),
                reads,
                "incoming",
            ),
            ("outgoing", &self.outgoing, way_out.server(), "smtp", "smtp"),
        ] {
            let unnamed = server.filter(|_| typed(given.as_ref()).is_none());
            let foreign = unnamed.filter(|server| known.foreign.contains(&server.host));
            if let Some(server) = foreign {
                let (domain, Server { host, port, .. }) = (address.domain(), server);
                let options = options(option, way, server);
                let json = format!("\"{field}\": {{\"host\": \"{host}\", \"port\": {port}}}");
                let words = saying!("wish.foreign", domain, host, port, options, json);
                return Err(wrong(field, words));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;

    fn wish(address: &str) -> Wish {
        Wish {
            address: address.to_owned(),
            password: Some(Secret::new("code")),
            ..Wish::default()
        }
    }

    #[test]
    fn a_password_travels_readable_only_where_this_was_typed() {
        let plain = |host: &str, port| Server {
            host: host.to_owned(),
            port,
            security: Security::None,
        };
        let known = Known {
            imap: Some(plain("mail.shop.example", 143)),
            smtp: Some(plain("mail.shop.example", 25)),
            ..Known::default()
        };
        let none = || Some("none".to_owned());
        let typed = |incoming_security, outgoing_security| Wish {
            readable: Readable::WhereTyped,
            incoming_security,
            outgoing_security,
            ..wish("help@shop.example")
        };
        for (wish, refused) in [
            (typed(None, None), Some("incoming_security")),
            (typed(none(), None), Some("outgoing_security")),
            (typed(None, none()), Some("incoming_security")),
            (typed(none(), none()), None),
        ] {
            let field = wish.propose(&known, [0; 10]).err();
            assert_eq!(field.map(|wrong| wrong.field), refused, "{wish:?}");
        }
    }

    #[test]
    fn a_foreign_server_is_used_when_a_person_names_it() {
        let server = |host: &str, port, security| Server {
            host: host.to_owned(),
            port,
            security,
        };
        let known = Known {
            imap: Some(server("imap.evil.example", 993, Security::Tls)),
            pop3: Some(server("pop.evil.example", 995, Security::Tls)),
            smtp: Some(server("out.evil.example", 2525, Security::StartTls)),
            foreign: ["imap", "pop", "out"]
                .map(|name| format!("{name}.evil.example"))
                .to_vec(),
            ..Known::default()
        };
        assert_eq!(
            known.options_for_foreign(),
            " --imap imap.evil.example:993 --incoming-security tls --smtp out.evil.example:2525 \
             --smtp-security starttls"
        );
        let named = |incoming: Option<&str>, outgoing: Option<&str>| Wish {
            incoming: incoming.map(str::to_owned),
            outgoing: outgoing.map(str::to_owned),
            // Another protection of the same host is no naming of it.
            incoming_security: Some("starttls".to_owned()),
            ..wish("help@shop.example")
        };
        let (imap, out) = (Some("imap.evil.example"), Some("out.evil.example"));
        for (wish, field, option) in [
            (
                named(None, None),
                "incoming",
                "--imap imap.evil.example:143",
            ),
            (
                named(imap, None),
                "outgoing",
                "--smtp out.evil.example:2525",
            ),
            (named(None, out), "incoming", "--imap imap.evil.example:143"),
            (
                Wish {
                    protocol: Some("pop3".to_owned()),
                    ..named(None, out)
                },
                "incoming",
                "--pop3 pop.evil.example:110",
            ),
        ] {
            let error = wish.propose(&known, [0; 10]).expect_err("refused");
            assert_eq!(error.field, field);
            assert!(error.to_string().contains(option), "{error}");
        }
        let proposal = named(imap, out)
            .propose(&known, [0; 10])
            .expect("a proposal");
        let way = proposal.settings.imap().expect("IMAP");
        assert_eq!(way.server.host, "imap.evil.example");
        let system = Wish {
            system_smtp: true,
            ..named(imap, None)
        };
        system.propose(&known, [0; 10]).expect("a proposal");
    }
}
