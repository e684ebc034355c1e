//! What each command does before it can be answered or asked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imap_codec::CommandCodec;
use imap_codec::decode::Decoder as _;
use imap_types::auth::AuthMechanism;
use imap_types::command::{Command, CommandBody};
use imap_types::extensions::binary::LiteralOrLiteral8;
use imap_types::flag::StoreResponse;
use imap_types::mailbox::Mailbox;
use imap_types::sequence::SequenceSet;

use super::translate::{self, Unserved};
use super::{CloseReason, Fetching, Request, Secret, Server, State, Then, View};
use crate::domain::folder::Uid;
use crate::protocol::imap::server::framing::Frame;

impl Server {
    pub(super) fn run(&mut self, frame: Frame) {
        let tag = frame.tag();
        let Ok((_, Command { body, .. })) = CommandCodec::default().decode(&frame.command) else {
            return self.done(&tag, "BAD That cannot be read");
        };
        match body {
            CommandBody::Capability => {
                let capabilities = self.capabilities();
                self.line(&format!("* CAPABILITY {capabilities}"));
                self.done(&tag, "OK Done");
            }
            CommandBody::Noop | CommandBody::Check => self.done(&tag, "OK Done"),
            CommandBody::Id { .. } => {
                let name = self.options.name.clone();
                self.line(&format!("* ID (\"name\" \"{name}\")"));
                self.done(&tag, "OK Done");
            }
            CommandBody::Logout => {
                self.line("* BYE Goodbye");
                self.done_without_news(&tag, "OK Done");
                self.close(None, CloseReason::Logout);
            }
            CommandBody::Login { .. } | CommandBody::Authenticate { .. } if self.authenticated => {
                self.done(&tag, "BAD Already logged in");
            }
            CommandBody::Login { username, password } => {
                let username = String::from_utf8_lossy(username.as_ref()).into_owned();
                let password = String::from_utf8_lossy(password.declassify().as_ref());
                let password = Secret::new(password.into_owned());
                self.ask(tag, Then::Login, Request::Login { username, password });
            }
            CommandBody::Authenticate {
                mechanism: AuthMechanism::Plain,
                initial_response,
            } => match initial_response {
                Some(response) => self.plain(tag, response.declassify()),
                None => {
                    self.line("+ ");
                    self.state = State::Authenticating { tag };
                }
            },
            CommandBody::Authenticate { .. } => self.done(&tag, "NO Only PLAIN is known here"),
            _ if !self.authenticated => self.done(&tag, "BAD Log in first"),
            body => self.run_authenticated(tag, body, frame.aside),
        }
    }

    fn run_authenticated(
        &mut self,
        tag: String,
        body: CommandBody<'_>,
        aside: Option<bytes::Bytes>,
    ) {
        match body {
            CommandBody::Namespace => {
                self.line("* NAMESPACE ((\"\" \"/\")) NIL NIL");
                self.done(&tag, "OK Done");
            }
            CommandBody::List {
                reference,
                mailbox_wildcard,
            } => {
                let pattern = translate::pattern(&reference, &mailbox_wildcard);
                self.list(tag, pattern);
            }
            CommandBody::Select { mailbox, .. } => self.select(tag, &mailbox, false),
            CommandBody::Examine { mailbox, .. } => self.select(tag, &mailbox, true),
            CommandBody::Status {
                mailbox,
                item_names,
            } => {
                let items = translate::status_items(&item_names);
                match translate::folder(&mailbox) {
                    Some(folder) => {
                        let request = Request::Status(folder.clone());
                        self.ask(tag, Then::Status { folder, items }, request);
                    }
                    None => self.no_such_folder(&tag),
                }
            }
            CommandBody::Append {
                mailbox,
                flags,
                date,
                message,
            } => {
                let Some(folder) = translate::folder(&mailbox) else {
                    return self.no_such_folder(&tag);
                };
                let raw = aside.unwrap_or_else(|| match message {
                    LiteralOrLiteral8::Literal(literal) => literal.into_inner().into_owned().into(),
                    LiteralOrLiteral8::Literal8(literal) => literal.data.into_owned().into(),
                });
                let request = Request::Append {
                    folder,
                    flags: translate::flags(&flags),
                    date: date.as_ref().and_then(translate::timestamp),
                    raw,
                };
                self.ask(tag, Then::Append, request);
            }
            CommandBody::Idle if self.options.idle => {
                self.line("+ idling");
                self.state = State::Idling { tag };
                self.tell_news();
            }
            body => match self.view.take() {
                Some(view) => self.run_selected(tag, body, view),
                None => self.done(&tag, "BAD Not here, not now"),
            },
        }
    }

    /// The commands that need a selected folder; `view` goes back into place first.
    fn run_selected(&mut self, tag: String, body: CommandBody<'_>, view: View) {
        let read_only = view.read_only;
        let uids = view.uids.clone();
        self.view = Some(view);
        match body {
            CommandBody::Search { criteria, uid, .. } => {
                match translate::criteria(criteria.as_ref(), &uids) {
                    Ok(criteria) => {
                        let request = Request::Search(criteria);
                        self.ask(tag, Then::Search { by_uid: uid }, request);
                    }
                    Err(Unserved) => self.done(&tag, "NO That search is not served here"),
                }
            }
            CommandBody::Fetch {
                sequence_set,
                macro_or_item_names,
                uid,
                ..
            } => match translate::items(&macro_or_item_names, uid) {
                Ok((items, seen)) => {
                    let fetching = Fetching {
                        rest: translate::resolve(&sequence_set, uid, &uids).into(),
                        items,
                        by_uid: uid,
                        mark_seen: seen && !read_only,
                    };
                    self.fetch_next(tag, fetching);
                }
                Err(Unserved) => self.done(&tag, "NO That item is not served here"),
            },
            CommandBody::Unselect => {
                self.view = None;
                self.done(&tag, "OK Done");
            }
            CommandBody::Close if read_only => {
                self.view = None;
                self.done(&tag, "OK Done");
            }
            CommandBody::Close => {
                self.ask(tag, Then::Close, Request::Expunge { only: None });
            }
            body if read_only => {
                let name = body.name();
                self.done(&tag, &format!("NO {name} is not for a read-only folder"));
            }
            body => self.run_changing(tag, body, &uids),
        }
    }

    fn run_changing(&mut self, tag: String, body: CommandBody<'_>, uids: &[Uid]) {
        match body {
            CommandBody::Store {
                sequence_set,
                kind,
                response,
                flags,
                uid,
                ..
            } => {
                let then = Then::Store {
                    silent: response == StoreResponse::Silent,
                    by_uid: uid,
                };
                let change = translate::change(kind, &flags);
                let uids = translate::resolve(&sequence_set, uid, uids);
                self.ask(tag, then, Request::Store { uids, change });
            }
            CommandBody::Expunge => {
                self.ask(tag, Then::Expunge, Request::Expunge { only: None });
            }
            CommandBody::ExpungeUid { sequence_set } => self.expunge_some(tag, &sequence_set, uids),
            other => {
                let name = other.name();
                self.done(&tag, &format!("NO [CANNOT] {name} is not served here"));
            }
        }
    }

    fn expunge_some(&mut self, tag: String, set: &SequenceSet, uids: &[Uid]) {
        let only = Some(translate::resolve(set, true, uids));
        self.ask(tag, Then::Expunge, Request::Expunge { only });
    }

    fn list(&mut self, tag: String, pattern: String) {
        if pattern.is_empty() {
            // RFC 3501 section 6.3.8: an empty name asks for the delimiter.
            self.line("* LIST (\\Noselect) \"/\" \"\"");
            return self.done(&tag, "OK Done");
        }
        self.ask(tag, Then::List { pattern }, Request::Folders);
    }

    fn select(&mut self, tag: String, mailbox: &Mailbox<'_>, read_only: bool) {
        // RFC 3501 section 6.3.1: a failed SELECT leaves nothing selected.
        self.view = None;
        match translate::folder(mailbox) {
            Some(folder) => self.ask(tag, Then::Select { read_only }, Request::Select(folder)),
            None => self.no_such_folder(&tag),
        }
    }

    fn no_such_folder(&mut self, tag: &str) {
        self.done(tag, "NO [TRYCREATE] There is no such folder");
    }

    /// Asks for the next mail of a FETCH, or ends it.
    pub(super) fn fetch_next(&mut self, tag: String, mut fetching: Fetching) {
        let mark_seen = fetching.mark_seen;
        match fetching.rest.pop_front() {
            Some(uid) => self.ask(tag, Then::Fetch(fetching), Request::Mail { uid, mark_seen }),
            None if fetching.by_uid => self.done(&tag, "OK Done"),
            None => self.done_without_news(&tag, "OK Done"),
        }
    }

    /// The line after `+`, in base64 (RFC 3501 section 6.2.2).
    pub(super) fn authenticate(&mut self, tag: String, line: &[u8]) {
        match STANDARD.decode(line.trim_ascii()) {
            Ok(response) => self.plain(tag, &response),
            Err(_) => self.done(&tag, "BAD Authentication cancelled"),
        }
    }

    /// RFC 4616 section 2.
    fn plain(&mut self, tag: String, response: &[u8]) {
        let text = String::from_utf8_lossy(response);
        let mut parts = text.splitn(3, '\0').skip(1).map(str::to_owned);
        match (parts.next(), parts.next()) {
            (Some(username), Some(password)) => {
                let password = Secret::new(password);
                self.ask(tag, Then::Login, Request::Login { username, password });
            }
            _ => self.done(&tag, "BAD That is not what PLAIN expects"),
        }
    }

    /// RFC 2177 section 3.
    pub(super) fn end_idle(&mut self, tag: &str, line: &[u8]) {
        if line.trim_ascii().eq_ignore_ascii_case(b"DONE") {
            self.done(tag, "OK Done");
        } else {
            self.done(tag, "BAD Expected DONE");
        }
    }
}
