//! What a person types to connect a mailbox becomes a [`Proposal`]: what is missing
//! follows from what is known of the address, and what is wrong is refused with the
//! name of its field. The page, the API and the command line all come through here.
//!
//! Absent: looking anything up, and trying it.

use jiff::civil::Date;

pub use super::wrong::WrongField;

use super::known::Known;
use super::proposal::{OtherUsers, Proposal};
use super::server::{Usual, read_server};
use super::threading::threading;
pub(in crate::service) use super::wrong::wrong;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{
    Credentials, ForwardingWay, History, ImapWay, Login, MailboxLogins, MailboxSettings,
    OAuthGrant, Pop3Keep, Pop3Way, Server, WayIn, WayOut,
};
use crate::domain::replying::{ReplyChange, ReplySettings};
use crate::domain::saying::{Saying, saying};
use crate::domain::secret::Secret;
use crate::domain::slug::Slug;
use crate::domain::threading::ThreadingChange;

/// Days of history, or of mail kept in a maildrop, accepted at most.
const DAYS_MAX: u16 = 3_650;
/// Further folders and further addresses of one mailbox.
const FURTHER_MAX: usize = 50;
/// Bytes of a name, and of a signature.
const NAME_BYTES_MAX: usize = 200;
const SIGNATURE_BYTES_MAX: usize = 20_000;

/// How mail is to come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// A watched folder.
    #[default]
    Imap,
    /// A maildrop.
    Pop3,
    /// An address of ours that the provider forwards to.
    Forwarding,
}

/// Whether passwords may travel readable to a server without protection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Readable {
    /// Nobody has said so.
    #[default]
    Unconfirmed,
    /// A person has confirmed it beside the servers.
    Confirmed,
    /// To a server whose protection was typed as `none`: who writes that has said so.
    WhereTyped,
}

/// Fields as they were typed; what is empty or absent follows from the rest.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// The support address.
    pub address: String,
    /// What the team calls it.
    pub name: Option<String>,
    /// The plugin of the provider, where a person chose one.
    pub preset: Option<String>,
    /// Its id for people and scripts.
    pub slug: Option<String>,
    /// `imap`, `pop3` or `forwarding`.
    pub protocol: Option<String>,
    /// `host` or `host:port`.
    pub incoming: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub incoming_security: Option<String>,
    /// `leave`, `once-stored` or a number of days.
    pub pop3_keep: Option<String>,
    /// `host` or `host:port`.
    pub outgoing: Option<String>,
    /// `tls`, `starttls` or `none`.
    pub outgoing_security: Option<String>,
    /// Replies leave by the gateway's own server.
    pub system_smtp: bool,
    /// Whether passwords may travel readable.
    pub readable: Readable,
    /// User name at the incoming server.
    pub user: Option<String>,
    /// Password or authorization code.
    pub password: Option<Secret>,
    /// What a sign-in at the provider gave.
    pub grant: Option<OAuthGrant>,
    /// Who signs in there, when that is not the login: the address is a shared mailbox.
    pub account: Option<String>,
    /// User name at the outgoing server, when it differs.
    pub outgoing_user: Option<String>,
    /// Password at the outgoing server, when it differs.
    pub outgoing_password: Option<Secret>,
    /// The folder that is watched.
    pub folder: Option<String>,
    /// Folders asked now and then.
    pub more_folders: Vec<String>,
    /// The spam folder, when it is to be read.
    pub junk: Option<String>,
    /// Where copies of replies go.
    pub sent_folder: Option<String>,
    /// The provider files what it submits itself.
    pub provider_files_sent: Option<bool>,
    /// The name replies leave under.
    pub from_name: Option<String>,
    /// Further addresses replies may leave from: `Name <a@b>` or `a@b`.
    pub aliases: Vec<String>,
    /// Text under replies.
    pub signature: Option<String>,
    /// How replies are written and filed.
    pub replies: ReplyChange,
    /// When a mail joins an older conversation.
    pub threading: ThreadingChange,
    /// `nothing`, `all` or a number of days.
    pub history: Option<String>,
    /// When the authorization code was made: `2026-01-31`.
    pub code_created_on: Option<String>,
    /// Who is written to when the login no longer works.
    pub rescue_address: Option<String>,
    /// Preset that lies over the provider's.
    pub overlay: Option<String>,
    /// The address that is registered there.
    pub registered_address: Option<String>,
    /// What the receiving address is made of, where an earlier try has shown one: it stays
    /// the same until something is saved, since it may have been told to the provider.
    pub receiving: Option<[u8; 10]>,
}

/// A typed value; empty means absent.
pub(in crate::service) fn typed(text: Option<&String>) -> Option<&str> {
    text.map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// How replies are written and filed.
pub(in crate::service) fn replies(
    change: &ReplyChange,
    before: ReplySettings,
) -> Result<ReplySettings, WrongField> {
    change.over(before).ok_or_else(|| {
        let typed = Saying::quoted(change.sender_name.as_deref().unwrap_or_default());
        wrong("sender_name", saying!("wish.sender_name", typed))
    })
}

impl Wish {
    /// The proposal. `random` makes the receiving address when mail is forwarded.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn propose(&self, known: &Known, random: [u8; 10]) -> Result<Proposal, WrongField> {
        let settings = self.settings(known, random)?;
        self.with_logins(settings, known)
    }

    /// The same before anybody has said what proves who they are.
    ///
    /// # Errors
    /// The first field that cannot be used.
    pub fn settings(&self, known: &Known, random: [u8; 10]) -> Result<MailboxSettings, WrongField> {
        let address = address("address", &self.address)?;
        let way_in = self.way_in(&address, known, random)?;
        let way_out = self.way_out(&address, known)?;
        self.refuse_readable(&way_in, &way_out)?;
        self.refuse_foreign(&address, known, &way_in, &way_out)?;
        let identity = NamedAddress::new(typed(self.from_name.as_ref()), address.clone());
        let usual = MailboxSettings::new(address, way_in, way_out);
        Ok(MailboxSettings {
            name: self.name(&usual.name)?,
            slug: self.slug()?.unwrap_or_else(|| usual.slug.clone()),
            preset: if known.preset.is_empty() {
                usual.preset.clone()
            } else {
                known.preset.clone()
            },
            overlay: typed(self.overlay.as_ref()).map(str::to_owned),
            registered_address: optional_address("registered_address", &self.registered_address)?,
            sent_folder: folder("sent_folder", self.sent_folder.as_ref())?
                .or_else(|| known.sent_folder.clone()),
            provider_files_sent: self
                .provider_files_sent
                .unwrap_or(known.provider_files_sent),
            identity,
            aliases: self.aliases()?,
            signature: self.signature()?,
            replies: replies(&self.replies, usual.replies)?,
            threading: threading(&self.threading, usual.threading)?,
            history: history(self.history.as_ref())?,
            code_created_on: self.code_created_on()?,
            rescue_address: optional_address("rescue_address", &self.rescue_address)?,
            ..usual
        })
    }

    /// Who has to sign in at the provider, where that is not the address itself.
    #[must_use]
    pub fn account_name(&self) -> Option<&str> {
        typed(self.account.as_ref()).or_else(|| typed(self.user.as_ref()))
    }

    /// Every server it needs has been typed.
    #[must_use]
    pub fn names_its_servers(&self) -> bool {
        let forwarded = matches!(self.protocol(), Ok(Protocol::Forwarding));
        let incoming = forwarded || typed(self.incoming.as_ref()).is_some();
        let outgoing = self.system_smtp || typed(self.outgoing.as_ref()).is_some();
        incoming && outgoing
    }

    /// How mail is to come in.
    ///
    /// # Errors
    /// When the word is not one of the three.
    pub fn protocol(&self) -> Result<Protocol, WrongField> {
        match typed(self.protocol.as_ref()) {
            None | Some("imap") => Ok(Protocol::Imap),
            Some("pop3") => Ok(Protocol::Pop3),
            Some("forwarding") => Ok(Protocol::Forwarding),
            Some(other) => {
                let words = saying!("wish.protocol", typed = Saying::quoted(other));
                Err(wrong("protocol", words))
            }
        }
    }

    /// What an earlier wish proved itself with, where this one says nothing new, and the
    /// receiving address that it showed.
    pub fn take_secrets(&mut self, earlier: Self) {
        self.password = self.password.take().or(earlier.password);
        self.grant = self.grant.take().or(earlier.grant);
        self.outgoing_password = self.outgoing_password.take().or(earlier.outgoing_password);
        self.receiving = self.receiving.or(earlier.receiving);
    }

    fn way_in(
        &self,
        address: &Address,
        known: &Known,
        random: [u8; 10],
    ) -> Result<WayIn, WrongField> {
        let server = |usual: Usual, known: Option<&Server>| {
            let given = typed(self.incoming.as_ref());
            let security = typed(self.incoming_security.as_ref());
            read_server(given, security, usual, known, address.domain())
                .map_err(|words| wrong("incoming", words))
        };
        Ok(match self.protocol()? {
            Protocol::Imap => WayIn::Imap(ImapWay {
                server: server(Usual::IMAP, known.imap.as_ref())?,
                folder: folder("folder", self.folder.as_ref())?.unwrap_or_else(FolderName::inbox),
                more_folders: self.more_folders()?,
                junk: folder("junk", self.junk.as_ref())?,
            }),
            Protocol::Pop3 => WayIn::Pop3(Pop3Way {
                server: server(Usual::POP3, known.pop3.as_ref())?,
                keep: pop3_keep(self.pop3_keep.as_ref())?,
            }),
            Protocol::Forwarding => WayIn::Forwarding(ForwardingWay {
                local_part: receiving_local_part(address, self.receiving.unwrap_or(random)),
            }),
        })
    }

    fn way_out(&self, address: &Address, known: &Known) -> Result<WayOut, WrongField> {
        if self.system_smtp {
            return Ok(WayOut::System);
        }
        let given = typed(self.outgoing.as_ref());
        let security = typed(self.outgoing_security.as_ref());
        let usual = Usual::SMTP;
        read_server(
            given,
            security,
            usual,
            known.smtp.as_ref(),
            address.domain(),
        )
        .map(WayOut::Own)
        .map_err(|words| wrong("outgoing", words))
    }

    fn with_logins(
        &self,
        settings: MailboxSettings,
        known: &Known,
    ) -> Result<Proposal, WrongField> {
        let (reading, sending) = known.user_names(&settings.address);
        let user = typed(self.user.as_ref()).map(str::to_owned);
        let outgoing_user = typed(self.outgoing_user.as_ref()).map(str::to_owned);
        let outgoing_user = outgoing_user.or_else(|| user.clone());
        // Whoever signs in at the provider has named the account there.
        let by_password = self.grant.is_none();
        let other_users = OtherUsers {
            incoming: reading.other.filter(|_| user.is_none() && by_password),
            outgoing: sending
                .other
                .filter(|_| outgoing_user.is_none() && by_password),
        };
        let forwarded = matches!(settings.way_in, WayIn::Forwarding(_));
        let shown = self.shown();
        let incoming = match (forwarded, &shown) {
            (true, _) => None,
            (false, Some(credentials)) => Some(Login {
                user: user.unwrap_or(reading.usual),
                credentials: credentials.clone(),
            }),
            (false, None) => {
                return Err(wrong("password", saying!("cannot.mailbox.no_password")));
            }
        };
        let own = self.outgoing_password.clone().map(Credentials::Password);
        let outgoing = own.or(shown).filter(|_| !self.system_smtp);
        let logins = MailboxLogins {
            incoming,
            outgoing: outgoing.map(|credentials| Login {
                user: outgoing_user.unwrap_or(sending.usual),
                credentials,
            }),
        };
        Ok(Proposal {
            other_users,
            ..Proposal::new(settings, logins)
        })
    }

    /// What proves who we are at the incoming server.
    fn shown(&self) -> Option<Credentials> {
        let grant = self.grant.clone().map(Credentials::OAuth);
        grant.or_else(|| self.password.clone().map(Credentials::Password))
    }

    fn name(&self, usual: &str) -> Result<String, WrongField> {
        let name = typed(self.name.as_ref()).unwrap_or(usual);
        if name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(wrong("name", saying!("wish.name")));
        }
        Ok(name.to_owned())
    }

    fn slug(&self) -> Result<Option<Slug>, WrongField> {
        let read = |text| {
            let words = saying!("wish.slug", typed = Saying::quoted(text));
            Slug::parse(text).ok_or_else(|| wrong("slug", words))
        };
        typed(self.slug.as_ref()).map(read).transpose()
    }

    fn more_folders(&self) -> Result<Vec<FolderName>, WrongField> {
        let names = self.more_folders.iter();
        let named: Vec<FolderName> = names
            .filter_map(|name| folder("more_folders", Some(name)).transpose())
            .collect::<Result<_, _>>()?;
        if named.len() > FURTHER_MAX {
            let words = saying!("wish.more_folders", most = FURTHER_MAX);
            return Err(wrong("more_folders", words));
        }
        Ok(named)
    }

    fn aliases(&self) -> Result<Vec<NamedAddress>, WrongField> {
        let lines = self.aliases.iter().map(|line| line.trim());
        let aliases: Vec<NamedAddress> = lines
            .filter(|line| !line.is_empty())
            .map(alias)
            .collect::<Result<_, _>>()?;
        if aliases.len() > FURTHER_MAX {
            let words = saying!("wish.aliases", most = FURTHER_MAX);
            return Err(wrong("aliases", words));
        }
        Ok(aliases)
    }

    fn signature(&self) -> Result<String, WrongField> {
        let text = self.signature.clone().unwrap_or_default();
        if text.len() > SIGNATURE_BYTES_MAX {
            let words = saying!("wish.signature", most = SIGNATURE_BYTES_MAX);
            return Err(wrong("signature", words));
        }
        Ok(text.replace("\r\n", "\n"))
    }

    fn code_created_on(&self) -> Result<Option<Date>, WrongField> {
        let read = |text: &str| {
            let words = saying!("wish.day", typed = Saying::quoted(text));
            text.parse().map_err(|_| wrong("code_created_on", words))
        };
        typed(self.code_created_on.as_ref()).map(read).transpose()
    }
}

pub(in crate::service) fn address(field: &'static str, text: &str) -> Result<Address, WrongField> {
    let text = text.trim();
    Address::typed(text).map_err(|error| {
        let words = saying!("wish.address", typed = Saying::quoted(text), what = &error);
        wrong(field, words)
    })
}

pub(in crate::service) fn optional_address(
    field: &'static str,
    text: &Option<String>,
) -> Result<Option<Address>, WrongField> {
    let text = typed(text.as_ref());
    text.map(|text| address(field, text)).transpose()
}

/// `a@b` or `Name <a@b>`.
pub(in crate::service) fn alias(line: &str) -> Result<NamedAddress, WrongField> {
    let (name, bare) = match line.split_once('<') {
        Some((name, rest)) => (name.trim(), rest.trim_end_matches('>')),
        None => ("", line),
    };
    let name = name.trim_matches('"');
    let bare = address("aliases", bare)?;
    Ok(NamedAddress::new((!name.is_empty()).then_some(name), bare))
}

pub(in crate::service) fn folder(
    field: &'static str,
    text: Option<&String>,
) -> Result<Option<FolderName>, WrongField> {
    let read = |name| {
        let words = saying!("wish.folder", typed = Saying::quoted(name));
        FolderName::new(name).ok_or_else(|| wrong(field, words))
    };
    typed(text).map(read).transpose()
}

fn days(text: &str) -> Option<u16> {
    let read = text.parse().ok();
    read.filter(|days| (1..=DAYS_MAX).contains(days))
}

fn history(text: Option<&String>) -> Result<History, WrongField> {
    match typed(text) {
        None | Some("nothing") => Ok(History::Nothing),
        Some("all") => Ok(History::All),
        Some(text) => days(text).map(History::Days).ok_or_else(|| {
            let typed = Saying::quoted(text);
            wrong("history", saying!("wish.history", typed, most = DAYS_MAX))
        }),
    }
}

pub(in crate::service) fn pop3_keep(text: Option<&String>) -> Result<Pop3Keep, WrongField> {
    match typed(text) {
        None | Some("leave") => Ok(Pop3Keep::Leave),
        Some("once-stored") => Ok(Pop3Keep::DeleteOnceStored),
        Some(text) => days(text).map(Pop3Keep::Days).ok_or_else(|| {
            let typed = Saying::quoted(text);
            wrong(
                "pop3_keep",
                saying!("wish.pop3_keep", typed, most = DAYS_MAX),
            )
        }),
    }
}

/// What stands before the `@` of a receiving address: readable, and not to be guessed.
#[must_use]
pub fn receiving_local_part(address: &Address, random: [u8; 10]) -> String {
    /// Crockford's alphabet: nothing that is read as something else.
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    const READABLE_MAX: usize = 24;
    let readable: String = Slug::of(address)
        .as_str()
        .chars()
        .take(READABLE_MAX)
        .collect();
    let bits = random
        .iter()
        .fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
    let token = (0..16).map(|place| {
        let five = usize::try_from(bits >> (5 * place) & 31).unwrap_or_default();
        char::from(ALPHABET[five])
    });
    let token: String = token.collect();
    format!("{}-{token}", readable.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mailbox::Security;

    fn wish(address: &str) -> Wish {
        Wish {
            address: address.to_owned(),
            password: Some(Secret::new("code")),
            ..Wish::default()
        }
    }

    fn propose(wish: &Wish, known: &Known) -> Proposal {
        wish.propose(known, [7; 10]).expect("a proposal")
    }

    #[test]
    fn an_address_alone_is_enough() {
        let proposal = propose(&wish("help@shop.example"), &Known::default());
        let way = proposal.settings.imap().expect("IMAP").clone();
        assert_eq!(
            (way.server.host.as_str(), way.server.port),
            ("imap.shop.example", 993)
        );
        assert_eq!(proposal.settings.slug.as_str(), "help-shop-example");
        assert_eq!(proposal.settings.preset, "other");
        let login = proposal.logins.incoming.expect("a login");
        assert_eq!(login.user, "help@shop.example");
    }

    #[test]
    fn what_is_known_fills_the_gaps_and_what_is_typed_wins() {
        let server = |host: &str, port| Server {
            host: host.to_owned(),
            port,
            security: Security::Tls,
        };
        let known = Known {
            preset: "qq".to_owned(),
            imap: Some(server("imap.qq.com", 993)),
            pop3: Some(server("pop.qq.com", 995)),
            smtp: Some(server("smtp.qq.com", 465)),
            user_is_local_part: (true, false),
            ..Known::default()
        };
        let proposal = propose(&wish("12@qq.com"), &known);
        assert_eq!(
            proposal.settings.way_in.server().map(|s| s.host.as_str()),
            Some("imap.qq.com")
        );
        assert_eq!(
            proposal.logins.incoming.map(|login| login.user).as_deref(),
            Some("12")
        );
        assert_eq!(
            proposal.logins.outgoing.map(|login| login.user).as_deref(),
            Some("12@qq.com")
        );
        let typed = Wish {
            protocol: Some("pop3".to_owned()),
            incoming: Some("mail.example:1995".to_owned()),
            outgoing_security: Some("starttls".to_owned()),
            user: Some("me".to_owned()),
            ..wish("12@qq.com")
        };
        let proposal = propose(&typed, &known);
        assert_eq!(
            proposal.settings.way_in.server().map(|s| s.port),
            Some(1995)
        );
        let out = proposal
            .settings
            .way_out
            .server()
            .expect("a server")
            .clone();
        assert_eq!((out.host.as_str(), out.port), ("smtp.qq.com", 587));
        assert_eq!(
            proposal.logins.outgoing.map(|login| login.user).as_deref(),
            Some("me")
        );
    }

    #[test]
    fn forwarding_needs_no_password_and_gets_an_address_nobody_guesses() {
        let wish = Wish {
            protocol: Some("forwarding".to_owned()),
            system_smtp: true,
            password: None,
            ..wish("help@shop.example")
        };
        let part = |random| match wish.propose(&Known::default(), random) {
            Ok(Proposal {
                settings, logins, ..
            }) => {
                assert!(logins.incoming.is_none() && logins.outgoing.is_none());
                match settings.way_in {
                    WayIn::Forwarding(way) => way.local_part,
                    other => panic!("{other:?}"),
                }
            }
            Err(error) => panic!("{error}"),
        };
        assert!(part([0; 10]).starts_with("help-shop-example-0000"));
        assert_ne!(part([0; 10]), part([1; 10]));

        // What an earlier try has shown stays.
        let mut again = Wish {
            receiving: None,
            ..wish.clone()
        };
        again.take_secrets(Wish {
            receiving: Some([7; 10]),
            ..wish.clone()
        });
        let parts = [[0; 10], [1; 10]].map(|random| {
            let proposal = again.propose(&Known::default(), random);
            match proposal.expect("a proposal").settings.way_in {
                WayIn::Forwarding(way) => way.local_part,
                other => panic!("{other:?}"),
            }
        });
        assert_eq!(parts[0], parts[1]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_field() {
        type Spoil = fn(&mut Wish);
        let cases: [(&str, Spoil); 12] = [
            ("address", |wish| wish.address = "help".to_owned()),
            ("password", |wish| wish.password = None),
            ("protocol", |wish| {
                wish.protocol = Some("exchange".to_owned())
            }),
            ("incoming", |wish| {
                wish.incoming = Some("x:99999".to_owned())
            }),
            ("outgoing", |wish| {
                wish.outgoing = Some("https://x".to_owned())
            }),
            ("incoming_security", |wish| {
                wish.incoming_security = Some("none".to_owned());
            }),
            ("slug", |wish| wish.slug = Some("../etc".to_owned())),
            ("history", |wish| {
                wish.history = Some("yesterday".to_owned())
            }),
            ("code_created_on", |wish| {
                wish.code_created_on = Some("31.1.2026".to_owned());
            }),
            ("aliases", |wish| wish.aliases = vec!["Sales".to_owned()]),
            ("rescue_address", |wish| {
                wish.rescue_address = Some("me".to_owned())
            }),
            ("reopen", |wish| {
                wish.threading.reopen = Some("always".to_owned());
            }),
        ];
        for (field, spoil) in cases {
            let mut wish = wish("help@shop.example");
            spoil(&mut wish);
            let error = wish.propose(&Known::default(), [0; 10]).expect_err(field);
            assert_eq!(error.field, field);
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn aliases_have_names_or_none() {
        let wish = Wish {
            aliases: vec![
                "Sales <sales@shop.example>".to_owned(),
                "b@shop.example".to_owned(),
                " ".to_owned(),
            ],
            ..wish("help@shop.example")
        };
        let proposal = propose(&wish, &Known::default());
        let names = proposal.settings.aliases.iter().map(NamedAddress::name);
        assert_eq!(names.collect::<Vec<_>>(), [Some("Sales"), None]);
    }
}
