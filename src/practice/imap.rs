//! One IMAP session: the machine asks, the accounts answer, the faults interfere.

use bytes::BytesMut;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::domain::address::Address;
use crate::domain::folder::FolderName;
use crate::net::driver::{self, Driver};
use crate::protocol::Machine as _;
use crate::protocol::imap::server::{
    Answer, Event, FlagChange, Mail, Options, Refusal, Request, Server,
};

use super::accounts::{Accounts, Notice};
use super::faults::ImapFaults;

/// Serves one connection to its end.
pub(super) async fn run(stream: TcpStream, accounts: Accounts) {
    let options = Options {
        idle: !accounts.faults().imap.no_idle,
        ..Options::default()
    };
    let server = Server::new(options, tokio::time::Instant::now().into_std());
    let mut driver = Driver::new(server, stream, driver::Options::default());
    let mut notices = accounts.notices();
    let mut session = Session {
        accounts,
        user: None,
        folder: None,
    };
    while let Some(event) = session.next(&mut driver, &mut notices).await {
        let request = match event {
            Event::Ask(request) => request,
            Event::Closed(_) => return driver.close().await,
        };
        let faults = session.accounts.faults().imap;
        if faults.stall {
            // The session's task ends with the provider.
            return std::future::pending().await;
        }
        if let Some(text) = &faults.bye {
            driver.machine_mut().bye(text);
            continue;
        }
        let answer = session.answer(request, &faults);
        match (answer, faults.cut_body_after_bytes) {
            (Answer::Mail(Some(mail)), Some(bytes)) => return cut(driver, mail, bytes).await,
            (answer, _) => driver.machine_mut().answer(answer),
        }
    }
}

/// Writes the beginning of a mail, so many bytes of its literal, and hangs up.
async fn cut(driver: Driver<Server, TcpStream>, mail: Mail, bytes: usize) {
    // Bytes that still wait make this a cut a little earlier: good enough.
    let Ok((mut machine, mut stream)) = driver.into_parts() else {
        return;
    };
    machine.answer(Answer::Mail(Some(mail)));
    let mut out = BytesMut::new();
    while machine.poll_transmit(&mut out) {}
    let literal = memchr::memmem::find(&out, b"}\r\n").map_or(0, |at| at + 3);
    out.truncate(literal.saturating_add(bytes));
    // The connection is lost either way.
    let _ = stream.write_all(&out).await;
    let _ = stream.shutdown().await;
}

struct Session {
    accounts: Accounts,
    user: Option<Address>,
    folder: Option<FolderName>,
}

impl Session {
    /// The machine's next event; notices reach the machine meanwhile.
    async fn next(
        &self,
        driver: &mut Driver<Server, TcpStream>,
        notices: &mut Receiver<Notice>,
    ) -> Option<Event> {
        loop {
            tokio::select! {
                event = driver.next_event() => return event.ok(),
                notice = notices.recv() => self.pass_on(driver.machine_mut(), notice),
            }
        }
    }

    fn pass_on(&self, machine: &mut Server, notice: Result<Notice, RecvError>) {
        let here = |address: &Address, folder: &FolderName| {
            self.user.as_ref() == Some(address) && self.folder.as_ref() == Some(folder)
        };
        let silent = machine.is_idling() && self.accounts.faults().imap.silent_idle;
        match notice {
            Ok(Notice::Bye(text)) => machine.bye(&text),
            Ok(Notice::Arrived(address, folder, uid)) if here(&address, &folder) => {
                if silent {
                    machine.arrived_quietly(uid);
                } else {
                    machine.arrived(uid);
                }
            }
            Ok(Notice::Vanished(address, folder, uid)) if here(&address, &folder) => {
                machine.vanished(uid);
            }
            Ok(Notice::Arrived(..) | Notice::Vanished(..)) => {}
            Err(RecvError::Lagged(_) | RecvError::Closed) => machine.bye("Come again"),
        }
    }

    fn answer(&mut self, request: Request, faults: &ImapFaults) -> Answer {
        if let Request::Login { username, password } = request {
            self.user = self.accounts.log_in(&username, &password);
            return match (&faults.refuse_login, &self.user) {
                (Some(text), _) => Answer::Refused(Refusal(text.clone())),
                (None, Some(_)) => Answer::Done,
                (None, None) => refused("[AUTHENTICATIONFAILED] User name or password is wrong"),
            };
        }
        let Some(user) = self.user.clone() else {
            return refused("Log in first");
        };
        self.answer_user(&user, request, faults)
    }

    fn answer_user(&mut self, user: &Address, request: Request, faults: &ImapFaults) -> Answer {
        let accounts = &self.accounts;
        match request {
            Request::Login { .. } => refused("Already logged in"),
            Request::Folders => Answer::Folders(accounts.listed(user)),
            Request::Select(folder) => {
                let selected = accounts.select(user, &folder);
                self.folder = selected.as_ref().map(|_| folder);
                selected.map_or_else(no_such_folder, Answer::Selected)
            }
            Request::Status(folder) => accounts
                .status(user, &folder)
                .map_or_else(no_such_folder, Answer::Status),
            Request::Append {
                folder,
                flags,
                date,
                raw,
            } => accounts
                .deliver(user, &folder, raw, flags, date)
                .map_or_else(no_such_folder, |(validity, uid)| Answer::Appended {
                    validity,
                    uid,
                }),
            Request::Search(_)
            | Request::Mail { .. }
            | Request::Store { .. }
            | Request::Expunge { .. } => match &self.folder {
                Some(folder) => answer_selected(accounts, user, folder, request, faults),
                None => refused("Select a folder first"),
            },
        }
    }
}

fn answer_selected(
    accounts: &Accounts,
    user: &Address,
    folder: &FolderName,
    request: Request,
    faults: &ImapFaults,
) -> Answer {
    match request {
        Request::Search(criteria) => Answer::Found(accounts.search(user, folder, &criteria)),
        Request::Mail { uid, mark_seen } => {
            let mail = accounts.mail(user, folder, uid, mark_seen);
            Answer::Mail(mail.map(|mail| Mail {
                raw: mail.raw.filter(|_| !faults.nil_bodies),
                ..mail
            }))
        }
        Request::Store { uids, change } => {
            let change: FlagChange = change;
            Answer::Flags(accounts.store(user, folder, &uids, &change))
        }
        Request::Expunge { only } => {
            Answer::Expunged(accounts.expunge(user, folder, only.as_deref()))
        }
        Request::Login { .. }
        | Request::Folders
        | Request::Select(_)
        | Request::Status(_)
        | Request::Append { .. } => refused("Not for a selected folder"),
    }
}

fn refused(text: &str) -> Answer {
    Answer::Refused(Refusal(text.to_owned()))
}

fn no_such_folder() -> Answer {
    refused("[TRYCREATE] There is no such folder")
}
