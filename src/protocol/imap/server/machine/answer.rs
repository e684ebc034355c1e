//! What becomes of the host's answers.

use std::mem;

use bytes::BytesMut;

use super::{Answer, Asked, FolderName, Listed, Server, State, Then, View};
use crate::domain::folder::Uid;
use crate::protocol::imap::server::mail::Mail;
use crate::protocol::imap::server::request::{Selected, SpecialUse, Status};
use crate::protocol::imap::server::section::{Item, joined};

/// Most wildcards of a LIST pattern; nobody writes more than two.
const WILDCARDS_MAX: usize = 4;

impl Server {
    /// Answers the last [`super::Event::Ask`]. Without a question open, nothing happens.
    pub fn answer(&mut self, answer: Answer) {
        let Asked { tag, then } = match mem::replace(&mut self.state, State::Commands) {
            State::Asking(asked) => asked,
            other => {
                self.state = other;
                return;
            }
        };
        match (then, answer) {
            (_, Answer::Refused(refusal)) => self.done(&tag, &format!("NO {}", refusal.0)),
            (Then::Login, Answer::Done) => {
                self.authenticated = true;
                let capabilities = self.capabilities();
                self.done(&tag, &format!("OK [CAPABILITY {capabilities}] Welcome"));
            }
            (Then::List { pattern }, Answer::Folders(folders)) => {
                self.folders(&tag, &pattern, &folders);
            }
            (Then::Select { read_only }, Answer::Selected(selected)) => {
                self.selected(&tag, read_only, selected);
            }
            (Then::Status { folder, items }, Answer::Status(status)) => {
                self.status(&tag, &folder, &items, &status);
            }
            (Then::Search { by_uid }, Answer::Found(uids)) => self.found(&tag, by_uid, &uids),
            (Then::Fetch(fetching), Answer::Mail(mail)) => {
                if let Some(mail) = mail {
                    self.show(&fetching.items, &mail);
                }
                self.fetch_next(tag, fetching);
            }
            (Then::Store { silent, by_uid }, Answer::Flags(flags)) => {
                for (uid, flags) in flags {
                    if let (false, Some(number)) = (silent, self.number(uid)) {
                        let flags = joined(&flags);
                        self.line(&format!("* {number} FETCH (UID {uid} FLAGS ({flags}))"));
                    }
                }
                if by_uid {
                    self.done(&tag, "OK Done");
                } else {
                    self.done_without_news(&tag, "OK Done");
                }
            }
            // RFC 4315 section 3.
            (Then::Append, Answer::Appended { validity, uid }) => {
                self.done(
                    &tag,
                    &format!("OK [APPENDUID {} {uid}] Done", validity.get()),
                );
            }
            (Then::Expunge, Answer::Expunged(uids)) => {
                for uid in uids {
                    self.vanished(uid);
                }
                self.done(&tag, "OK Done");
            }
            (Then::Close, Answer::Expunged(_)) => {
                self.view = None;
                self.done(&tag, "OK Done");
            }
            (_, _) => self.done(
                &tag,
                "NO [SERVERBUG] The host gave an answer to something else",
            ),
        }
        self.pump();
    }

    fn folders(&mut self, tag: &str, pattern: &str, folders: &[Listed]) {
        for folder in folders {
            if matches(pattern.as_bytes(), folder.name.as_str().as_bytes()) {
                let attributes = match folder.special_use {
                    None => "\\HasNoChildren",
                    Some(SpecialUse::Sent) => "\\HasNoChildren \\Sent",
                    Some(SpecialUse::Junk) => "\\HasNoChildren \\Junk",
                };
                self.line(&format!(
                    "* LIST ({attributes}) \"/\" {}",
                    quoted(&folder.name)
                ));
            }
        }
        self.done(tag, "OK Done");
    }

    /// RFC 3501 section 6.3.1.
    fn selected(&mut self, tag: &str, read_only: bool, selected: Selected) {
        let flags = "\\Answered \\Flagged \\Deleted \\Seen \\Draft";
        let permanent = if read_only {
            ""
        } else {
            "\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*"
        };
        self.line(&format!("* FLAGS ({flags})"));
        self.line(&format!("* {} EXISTS", selected.uids.len()));
        self.line("* 0 RECENT");
        self.line(&format!("* OK [PERMANENTFLAGS ({permanent})] Kept"));
        self.line(&format!(
            "* OK [UIDVALIDITY {}] Valid",
            selected.validity.get()
        ));
        self.line(&format!("* OK [UIDNEXT {}] Next", selected.uid_next));
        self.view = Some(View {
            uids: selected.uids,
            read_only,
            news: std::collections::VecDeque::new(),
        });
        let mode = if read_only { "READ-ONLY" } else { "READ-WRITE" };
        self.done(tag, &format!("OK [{mode}] Done"));
    }

    fn status(&mut self, tag: &str, folder: &FolderName, items: &[&'static str], status: &Status) {
        let value = |item: &str| match item {
            "MESSAGES" => status.messages.to_string(),
            "UIDNEXT" => status.uid_next.to_string(),
            "UIDVALIDITY" => status.validity.get().to_string(),
            "UNSEEN" => status.unseen.to_string(),
            _ => "0".to_owned(),
        };
        let pairs: Vec<String> = items.iter().map(|i| format!("{i} {}", value(i))).collect();
        self.line(&format!(
            "* STATUS {} ({})",
            quoted(folder),
            pairs.join(" ")
        ));
        self.done(tag, "OK Done");
    }

    fn found(&mut self, tag: &str, by_uid: bool, uids: &[Uid]) {
        let mut line = "* SEARCH".to_owned();
        for uid in uids {
            let number = if by_uid {
                Some(uid.get() as usize)
            } else {
                self.number(*uid)
            };
            if let Some(number) = number {
                line += &format!(" {number}");
            }
        }
        self.line(&line);
        if by_uid {
            self.done(tag, "OK Done");
        } else {
            self.done_without_news(tag, "OK Done");
        }
    }

    fn show(&mut self, items: &[Item], mail: &Mail) {
        let Some(number) = self.number(mail.uid) else {
            return;
        };
        let mut out = BytesMut::from(format!("* {number} FETCH (").as_bytes());
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.extend_from_slice(b" ");
            }
            item.write(mail, &mut out);
        }
        out.extend_from_slice(b")\r\n");
        self.out.unsplit(out);
    }

    /// Sequence number of a mail in this client's view.
    fn number(&self, uid: Uid) -> Option<usize> {
        let view = self.view.as_ref()?;
        view.uids.binary_search(&uid).ok().map(|at| at + 1)
    }
}

fn quoted(folder: &FolderName) -> String {
    let name = folder.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{name}\"")
}

/// `*` is anything, `%` anything within one level (RFC 3501 section 6.3.8).
///
/// Each wildcard multiplies the work, so only a few are looked at.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    let wildcards = pattern.iter().filter(|b| matches!(b, b'*' | b'%')).count();
    wildcards <= WILDCARDS_MAX && fits(pattern, name)
}

fn fits(pattern: &[u8], name: &[u8]) -> bool {
    match pattern.split_first() {
        None => name.is_empty(),
        Some((wild @ (b'*' | b'%'), rest)) => {
            let level = name.iter().position(|b| *b == b'/').unwrap_or(name.len());
            let reach = if *wild == b'*' { name.len() } else { level };
            (0..=reach).any(|skip| fits(rest, &name[skip..]))
        }
        Some((byte, rest)) => name
            .split_first()
            .is_some_and(|(first, name)| first.eq_ignore_ascii_case(byte) && fits(rest, name)),
    }
}
