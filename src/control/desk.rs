//! Carries requests of the command line out, whether they came through the socket
//! or the command line holds the store itself.

use super::form;
use super::message::{Answer, Hidden, MailboxForm, Request};
use super::row::{counted, row, told, worry};
use super::suggest::{found, warnings};
use crate::domain::address::Address;
use crate::domain::user::{Actor, Role, User};
use crate::service::alerts::Alerts;
use crate::service::collecting::Collecting;
use crate::service::connect::known::Known;
use crate::service::connect::{Connect, Proposal, Remarks};
use crate::service::diary_reading::DiaryReading;
use crate::service::doctor::Doctor;
use crate::service::ledger::Ledger;
use crate::service::mailboxes::Mailboxes;
use crate::service::outbox::Outbox;
use crate::service::people::People;
use crate::service::proving::Proving;
use crate::service::reauthentication::Links;
use crate::service::rehearsal::Rehearsals;
use crate::service::signing_in::{Purpose, SigningIn};

/// The services that commands use.
#[derive(Clone, Debug)]
pub struct Desk {
    /// Trial connections and saving.
    pub connect: Connect,
    /// Connected mailboxes.
    pub mailboxes: Mailboxes,
    /// Users and tokens.
    pub people: People,
    /// What was said and tried at servers.
    pub diary: DiaryReading,
    /// Where mails went.
    pub ledger: Ledger,
    /// Replies on their way.
    pub outbox: Outbox,
    /// The ledger against the server.
    pub collecting: Collecting,
    /// Test mails and canaries.
    pub proving: Proving,
    /// Whether people would hear of a sick mailbox.
    pub alerts: Alerts,
    /// Examinations.
    pub doctor: Doctor,
    /// Sign-ins at providers.
    pub signing_in: SigningIn,
    /// Links that give a mailbox a new login.
    pub links: Links,
    /// Scripts that are not live yet against those that are.
    pub rehearsals: Rehearsals,
    /// For links, without a slash at its end.
    pub public_url: String,
    /// A gateway runs here; a command that found none is carried out by itself.
    pub is_running: bool,
}

/// Name and address of the administrator made when there is nobody yet.
const FIRST_ADMINISTRATOR: (&str, &str) = ("Administrator", "administrator@localhost");

/// Said where somebody would take what is stored for what is going on.
pub(super) const NOT_RUNNING: &str = "the gateway is not running, so nothing is fetched or sent; this \
    is how things stood when it last ran. `postern serve` starts it";

impl Desk {
    /// Carries a request out. `tell` gets the steps on the way; the answer is the last word.
    pub async fn carry_out(&self, request: Request, mut tell: impl FnMut(Answer)) -> Answer {
        let done = match request {
            Request::MailboxList => self.list(),
            Request::MailboxProbe(form) => self.probe(*form, &mut tell).await,
            Request::MailboxAdd(form) => self.add(*form, &mut tell).await,
            Request::MailboxSuggest { address, preset } => {
                self.suggest(&address, preset.as_deref(), &mut tell).await
            }
            Request::MailboxShow { mailbox } => self.show(&mailbox),
            Request::MailboxEdit { mailbox, edit } => self.edit(&mailbox, *edit, &mut tell).await,
            Request::MailboxRotateAddress { mailbox } => self.rotate_address(&mailbox).await,
            Request::MailboxUnbind { mailbox } => self.unbind(&mailbox).await,
            Request::MailboxBind { mailbox, logins } => {
                self.bind(&mailbox, logins, &mut tell).await
            }
            Request::MailboxReauthenticate { mailbox, logins } => {
                self.reauthenticate(&mailbox, logins, &mut tell).await
            }
            Request::MailboxNotices { limit } => self.notices(limit, &mut tell),
            Request::MailboxReauthenticateLink { mailbox } => {
                self.reauthenticate_link(&mailbox).await
            }
            Request::MailboxRemove {
                mailbox,
                confirmed,
                with_conversations,
            } => self.remove(&mailbox, confirmed, with_conversations).await,
            Request::MailboxExport { mailbox, to } => self.export(&mailbox, to).await,
            Request::MailboxRefresh { mailbox } => self.refresh(&mailbox),
            Request::MailboxOffline { mailbox, offline } => self.offline(&mailbox, offline).await,
            Request::MailboxLog { mailbox, on } => self.log(&mailbox, on, &mut tell),
            Request::MailboxAttempts { mailbox, limit } => {
                self.attempts(&mailbox, limit, &mut tell)
            }
            Request::MailboxLedger(asked) => self.ledger(&asked, &mut tell).await,
            Request::MailboxCount { mailbox } => self.count(&mailbox).await,
            Request::MailboxCollect {
                mailbox,
                since,
                dry_run,
            } => self.collect(&mailbox, &since, dry_run).await,
            Request::MailboxFetch {
                mailbox,
                message_id,
            } => self.fetch(&mailbox, &message_id).await,
            Request::MailboxSignIn { mailbox, account } => {
                self.sign_in(&mailbox, account, &mut tell).await
            }
            Request::Doctor { mailbox } => self.examine(mailbox.as_deref(), &mut tell).await,
            Request::MailboxTest { mailbox } => self.test(&mailbox, &mut tell).await,
            Request::MailboxCanary {
                mailbox,
                every_seconds,
            } => self.canary(&mailbox, every_seconds).await,
            Request::ScriptRehearse(asked) => self.rehearse(*asked, &mut tell).await,
            Request::OutboxList(asked) => self.outbox_list(&asked, &mut tell),
            Request::OutboxShow { id } => self.outbox_show(&id, &mut tell),
            Request::OutboxOrder { id, order } => self.outbox_order(&id, order.into()).await,
            Request::UserAdd {
                address,
                name,
                role,
            } => self.add_user(&address, &name, &role).await,
            Request::UserAvailable { address, available } => {
                self.set_available(&address, available).await
            }
            Request::TeamAdd { name, members } => self.add_team(&name, &members).await,
            Request::TeamMembers { name, join, leave } => {
                self.change_team(&name, &join, &leave).await
            }
            Request::LoginLink { address } => self.login_link(address.as_deref()).await,
            Request::TokenCreate { address, name } => {
                self.create_token(address.as_deref(), &name).await
            }
        };
        done.unwrap_or_else(|words| Answer::Failed { words })
    }

    fn list(&self) -> Result<Answer, String> {
        let rows = self.mailboxes.list(&Actor::Console).map_err(words)?;
        let worries = self.alerts.worries(&Actor::Console).map_err(words)?;
        let stopped = (!self.is_running && !rows.is_empty()).then(|| NOT_RUNNING.to_owned());
        Ok(Answer::Mailboxes {
            warnings: stopped
                .into_iter()
                .chain(worries.iter().map(worry))
                .collect(),
            rows: rows
                .iter()
                .map(|(mailbox, health)| row(mailbox, health, self.is_running))
                .collect(),
        })
    }

    async fn suggest(
        &self,
        address: &str,
        preset: Option<&str>,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let address = parse(address)?;
        let suggestion = self.connect.suggest(&address, preset).await;
        let remarks = self.connect.remarks(&address, &suggestion).map_err(words)?;
        tell(found(address.as_str(), &suggestion, &remarks));
        let add = format!(
            "`postern mailbox add {address}{}` tries that and connects it; its options change \
             whatever is different.",
            suggestion.known.options_for_foreign()
        );
        let noticed = warnings(&address, &remarks);
        Ok(Answer::Done {
            words: match (&remarks.connected, noticed.is_empty()) {
                (None, true) => add,
                (None, false) => format!("Warning: {}. {add}", noticed.join("; ")),
                (Some(_), _) => format!("Warning: {}.", noticed.join("; ")),
            },
        })
    }

    async fn proposal(
        &self,
        form: MailboxForm,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Proposal, String> {
        let sign_in = form.sign_in;
        let mut wish = form::wish(form);
        let known = match self.connect.suggest_beside(&wish).await {
            Some(suggestion) => {
                if !wish.names_its_servers() {
                    let remarks = match Address::typed(&wish.address) {
                        Ok(address) => self.connect.remarks(&address, &suggestion),
                        Err(_) => Ok(Remarks::default()),
                    };
                    let remarks = remarks.map_err(words)?;
                    tell(found(wish.address.trim(), &suggestion, &remarks));
                }
                suggestion.known
            }
            // What is wrong with the address is said with the other fields.
            None => Known::nothing(),
        };
        if sign_in {
            let asked = Box::new((wish.clone(), known.clone()));
            wish.grant = Some(self.grant(Purpose::Connect(asked), tell).await?);
        }
        let proposal = self.connect.propose(&wish, &known);
        proposal.map_err(|error| error.to_string())
    }

    async fn probe(
        &self,
        form: MailboxForm,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let proposal = self.proposal(form, tell).await?;
        let actor = Actor::Console;
        let steps = self
            .connect
            .probe(&actor, &proposal, |step| tell(told(step)));
        let steps = steps.await.map_err(words)?;
        let failed = steps.iter().find_map(|step| step.outcome.clone().err());
        match failed {
            Some(words) => Err(words.to_string()),
            None => Ok(Answer::Done {
                words: format!("{} works; nothing was saved.", proposal.settings.address),
            }),
        }
    }

    async fn add(
        &self,
        form: MailboxForm,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let proposal = self.proposal(form, tell).await?;
        let mailbox = self
            .connect
            .save(&Actor::Console, proposal, |step| tell(told(step)))
            .await
            .map_err(words)?;
        let address = &mailbox.settings.address;
        let mut words = format!("{address} is connected (id {}).", mailbox.id);
        if !self.is_running {
            words +=
                " The gateway is not running; its mail is collected once `postern serve` runs.";
        }
        if let Some(receiving) = self.connect.receiving_address(&mailbox) {
            words += &format!(
                " Let its provider forward a copy of every mail to {receiving}; a code that the \
                 provider asks for is shown by `postern mailbox show {address}`."
            );
        }
        let (_, health) = self
            .mailboxes
            .get(&Actor::Console, mailbox.id)
            .map_err(self::words)?;
        if let Some((expiry, days)) = health.expiry {
            words += &format!(
                " Its login is good for {days} days, until {}, counted from {}; `postern mailbox \
                 edit {address} --code-created-on DAY` corrects that.",
                expiry.ends_on, expiry.since
            );
        }
        Ok(Answer::Done { words })
    }

    async fn add_user(&self, address: &str, name: &str, role: &str) -> Result<Answer, String> {
        let role = match role {
            "operator" => Role::Operator,
            "manager" => Role::Manager,
            "administrator" => Role::Administrator,
            other => {
                return Err(format!(
                    "{other:?} is no role; write operator, manager or administrator"
                ));
            }
        };
        let user = self
            .people
            .add_user(&Actor::Console, name, parse(address)?, role)
            .await
            .map_err(words)?;
        Ok(Answer::Done {
            words: format!(
                "{} <{}> may sign in; `postern user login-link {}` makes a link.",
                user.name, user.address, user.address
            ),
        })
    }

    async fn set_available(&self, address: &str, available: bool) -> Result<Answer, String> {
        let user = self.person(Some(address)).await?;
        let user = self
            .people
            .set_available(&Actor::Console, user.key, available)
            .await
            .map_err(words)?;
        let words = if user.available {
            format!("{} is given conversations again.", user.name)
        } else {
            format!(
                "{} is passed over where conversations go round; `.assign(\"{}\")` still works.",
                user.name, user.address
            )
        };
        Ok(Answer::Done { words })
    }

    async fn add_team(&self, name: &str, members: &[String]) -> Result<Answer, String> {
        let mut keys = Vec::with_capacity(members.len());
        for address in members {
            keys.push(self.person(Some(address)).await?.key);
        }
        let team = self
            .people
            .add_team(&Actor::Console, name, keys)
            .await
            .map_err(words)?;
        Ok(Answer::Done {
            words: format!(
                "Team {} has {}; scripts reach it as team(\"{}\").",
                team.name,
                counted(team.members.len(), "person", "people"),
                team.name
            ),
        })
    }

    async fn change_team(
        &self,
        name: &str,
        join: &[String],
        leave: &[String],
    ) -> Result<Answer, String> {
        let mut keys = (Vec::new(), Vec::new());
        for (addresses, keys) in [(join, &mut keys.0), (leave, &mut keys.1)] {
            for address in addresses {
                keys.push(self.person(Some(address)).await?.key);
            }
        }
        let changed = self
            .people
            .change_team(&Actor::Console, name, &keys.0, &keys.1)
            .await
            .map_err(words)?;
        Ok(Answer::Done {
            words: format!(
                "Team {} has {} now.",
                changed.name,
                counted(changed.members.len(), "person", "people")
            ),
        })
    }

    async fn login_link(&self, address: Option<&str>) -> Result<Answer, String> {
        let user = self.person(address).await?;
        let token = self
            .people
            .create_login_link(&Actor::Console, user.key)
            .await
            .map_err(words)?;
        let link = format!("{}/login/{}", self.public_url, token.expose());
        Ok(Answer::Made {
            words: format!(
                "One-time link for {} (good once, for a short while):",
                user.name
            ),
            secret: Hidden(link),
        })
    }

    async fn create_token(&self, address: Option<&str>, name: &str) -> Result<Answer, String> {
        let user = self.person(address).await?;
        let token = self
            .people
            .create_token(&Actor::Console, user.key, name, None)
            .await
            .map_err(words)?;
        let words = format!(
            "Token \"{name}\" for {}; it is shown only now. Send it as `Authorization: Bearer`:",
            user.name
        );
        Ok(Answer::Made {
            words,
            secret: Hidden(token.expose().to_owned()),
        })
    }

    /// The named person, or the first administrator, who is made when there is nobody yet.
    async fn person(&self, address: Option<&str>) -> Result<User, String> {
        if let Some(address) = address {
            let found = self
                .people
                .user_by_address(&parse(address)?)
                .map_err(words)?;
            return found.ok_or_else(|| {
                format!("nobody here has the address {address}; `postern user add` adds somebody")
            });
        }
        let users = self.people.users(&Actor::Console).map_err(words)?;
        if let Some(first) = users.into_iter().find(|user| user.administrator) {
            return Ok(first);
        }
        let (name, address) = FIRST_ADMINISTRATOR;
        self.people
            .add_user(&Actor::Console, name, parse(address)?, Role::Administrator)
            .await
            .map_err(words)
    }
}

/// What went wrong, in words.
pub(super) fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn parse(address: &str) -> Result<Address, String> {
    Address::typed(address).map_err(|error| format!("{address:?} is no address: {error}"))
}
