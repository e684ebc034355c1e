//! One submission session: the machine asks, the accounts answer, the faults interfere.

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::domain::address::Address;
use crate::domain::envelope::Envelope;
use crate::net::driver::{self, Driver};
use crate::protocol::smtp::{AuthOffer, Event, Options, Reply, Server};

use super::accounts::Accounts;
use super::faults::{DropPoint, SmtpFaults};

/// The name the provider goes by.
const HOST: &str = "practice.example";

/// Serves one connection to its end.
pub(super) async fn run(stream: TcpStream, accounts: Accounts) {
    let options = Options {
        // In clear, but on loopback.
        auth: AuthOffer::Always,
        auth_required: true,
        ..Options::new(HOST)
    };
    let server = Server::new(options, tokio::time::Instant::now().into_std());
    let mut driver = Driver::new(server, stream, driver::Options::default());
    let mut session = Session {
        accounts,
        user: None,
        mail: None,
    };
    while let Ok(event) = driver.next_event().await {
        let faults = session.accounts.faults().smtp;
        if faults.stall {
            // The session's task ends with the provider.
            return std::future::pending().await;
        }
        match session.handle(event, &faults) {
            Next::Answer(reply) => {
                let now = driver.now();
                driver.machine_mut().answer(reply, now);
            }
            Next::Wait => {}
            Next::Drop => return,
            Next::Close => return driver.close().await,
        }
    }
}

enum Next {
    Answer(Reply),
    Wait,
    Drop,
    Close,
}

struct Session {
    accounts: Accounts,
    user: Option<Address>,
    mail: Option<(Envelope, BytesMut)>,
}

impl Session {
    fn handle(&mut self, event: Event, faults: &SmtpFaults) -> Next {
        match event {
            Event::Credentials { username, password } => {
                self.user = self.accounts.log_in(&username, &password);
                Next::Answer(match (&faults.refuse_login, &self.user) {
                    (Some(refusal), _) => spoken(refusal),
                    (None, Some(_)) => Reply::authenticated(),
                    (None, None) => Reply::bad_credentials(),
                })
            }
            Event::Hello(_) => Next::Wait,
            Event::Sender { .. } => Next::Answer(Reply::ok()),
            Event::Recipient(address) => {
                let refusal = faults.recipients.get(&address);
                Next::Answer(refusal.map_or_else(Reply::ok, spoken))
            }
            Event::Data(envelope) => {
                self.mail = Some((envelope, BytesMut::new()));
                Next::Wait
            }
            Event::Chunk(_) | Event::EndOfData { .. }
                if faults.drop_at == Some(DropPoint::BeforeEndOfData) =>
            {
                Next::Drop
            }
            Event::Chunk(bytes) => {
                if let Some((_, mail)) = &mut self.mail {
                    mail.extend_from_slice(&bytes);
                }
                Next::Wait
            }
            Event::EndOfData { .. } => self.end_of_data(faults),
            Event::Abandoned => {
                self.mail = None;
                Next::Wait
            }
            // Not offered.
            Event::StartTls => Next::Close,
            Event::Closed(_) => Next::Close,
        }
    }

    fn end_of_data(&mut self, faults: &SmtpFaults) -> Next {
        let Some((envelope, mail)) = self.mail.take() else {
            return Next::Answer(Reply::new(451, "4.3.0", "There was no mail"));
        };
        if let Some(refusal) = &faults.refuse_mail {
            return Next::Answer(spoken(refusal));
        }
        self.accounts
            .submit(self.user.as_ref(), &envelope, &mail.freeze());
        if faults.drop_at == Some(DropPoint::AfterEndOfData) {
            return Next::Drop;
        }
        Next::Answer(Reply::stored())
    }
}

/// A refusal as the fault says it; its text carries its own status, if any.
fn spoken((code, text): &(u16, String)) -> Reply {
    Reply::new(*code, "", text.as_str())
}
