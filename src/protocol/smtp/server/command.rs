//! What each command does. The grammar is `smtp-proto`'s; the rules are here.

use std::time::Instant;

use smtp_proto::{
    AUTH_LOGIN, AUTH_PLAIN, Error, MAIL_BODY_7BIT, MAIL_BODY_8BITMIME, MAIL_SMTPUTF8, MailFrom,
    Request,
};

use crate::domain::address::Address;
use crate::protocol::smtp::auth::Exchange;
use crate::protocol::smtp::incoming::{Incoming, Times};
use crate::protocol::smtp::reply::Reply;

use super::{AuthOffer, CloseReason, Event, Question, Server, State};

/// Parameters of MAIL that we obey (RFC 6152, RFC 6531); SIZE comes apart.
const MAIL_FLAGS: u64 = MAIL_BODY_7BIT | MAIL_BODY_8BITMIME | MAIL_SMTPUTF8;

impl Server {
    /// Reads and runs one command; `false` when there is none.
    pub(super) fn read_command(&mut self, now: Instant) -> bool {
        let Some(line) = self.read_line(Self::COMMAND_LENGTH_MAX) else {
            return false;
        };
        self.commands += 1;
        if self.commands > self.options.commands_max {
            let reply = Reply::new(421, "4.7.0", "Too many commands in one session");
            self.close(Some(&reply), CloseReason::TooMany);
            return false;
        }
        match Request::parse(&mut line.iter()) {
            // The parser makes one of the postmaster and of nobody.
            Ok(Request::Rcpt { to }) if to.address.is_empty() && names_postmaster(&line) => {
                let address = format!("postmaster@{}", self.options.domain);
                self.rcpt(&address, now);
            }
            Ok(request) => self.run(request, now),
            Err(error) => self.refuse(unreadable(&error), now),
        }
        true
    }

    fn run<T: AsRef<str>>(&mut self, request: Request<T>, now: Instant) {
        match request {
            // RFC 2033 section 4.1: each protocol refuses the greeting of the other.
            Request::Ehlo { .. } | Request::Helo { .. } if self.options.lmtp => {
                self.refuse(Reply::new(500, "5.5.1", "This is LMTP: say LHLO"), now);
            }
            Request::Ehlo { host } => self.hello(host.as_ref(), true, now),
            Request::Helo { host } => self.hello(host.as_ref(), false, now),
            Request::Lhlo { host } if self.options.lmtp => self.hello(host.as_ref(), true, now),
            Request::Auth {
                mechanism,
                initial_response,
            } => self.auth(mechanism, initial_response.as_ref(), now),
            Request::StartTls => self.starttls(now),
            Request::Mail { from } => self.mail(&from, now),
            Request::Rcpt { to } => self.rcpt(to.address.as_ref(), now),
            Request::Data => self.data(now),
            Request::Rset => {
                self.transaction = None;
                self.grant(Reply::new(250, "2.0.0", "Forgotten"), now);
            }
            Request::Noop { .. } => self.grant(Reply::new(250, "2.0.0", "OK"), now),
            // Section 3.5.3: 252 tells nobody whether an address exists.
            Request::Vrfy { .. } => {
                self.grant(Reply::new(252, "2.1.5", "Send it and see"), now);
            }
            Request::Help { .. } => self.grant(Reply::new(214, "2.0.0", "RFC 5321"), now),
            Request::Quit => {
                let reply = Reply::new(221, "2.0.0", "Goodbye");
                self.close(Some(&reply), CloseReason::Quit);
            }
            // Its chunk would be read as commands, so there is no going on.
            Request::Bdat { .. } => self.violation("BDAT is not offered here"),
            Request::Lhlo { .. }
            | Request::Expn { .. }
            | Request::Etrn { .. }
            | Request::Atrn { .. }
            | Request::Burl { .. } => {
                self.refuse(Reply::new(502, "5.5.1", "Not offered here"), now);
            }
        }
    }

    fn grant(&mut self, reply: Reply, now: Instant) {
        self.say(&reply);
        self.await_command(now);
    }

    /// Section 4.1.1.1; it also resets (section 4.1.4).
    fn hello(&mut self, client: &str, extended: bool, now: Instant) {
        self.hello = true;
        self.events.push_back(Event::Hello(client.to_owned()));
        self.transaction = None;
        let host = &self.options.host;
        if !extended {
            let text = host.clone();
            return self.grant(Reply::new(250, "", text), now);
        }
        let mut lines = vec![
            host.clone(),
            "PIPELINING".to_owned(),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            format!("SIZE {}", self.options.size_max),
        ];
        if self.options.starttls && !self.encrypted {
            lines.push("STARTTLS".to_owned());
        }
        if self.offers_auth() {
            lines.push("AUTH PLAIN LOGIN".to_owned());
        }
        for line in lines {
            self.out
                .extend_from_slice(format!("250-{line}\r\n").as_bytes());
        }
        self.grant(Reply::new(250, "", "ENHANCEDSTATUSCODES"), now);
    }

    fn offers_auth(&self) -> bool {
        match self.options.auth {
            AuthOffer::Never => false,
            AuthOffer::WhenEncrypted => self.encrypted,
            AuthOffer::Always => true,
        }
    }

    /// RFC 4954 section 4.
    fn auth(&mut self, mechanism: u64, initial: &str, now: Instant) {
        let refusal = if self.options.auth == AuthOffer::Never {
            Some(Reply::new(502, "5.5.1", "AUTH is not offered here"))
        } else if !self.offers_auth() {
            Some(Reply::new(538, "5.7.11", "Start TLS first"))
        } else if !self.hello || self.authenticated || self.transaction.is_some() {
            Some(Reply::new(
                503,
                "5.5.1",
                "AUTH comes once, after EHLO and before MAIL",
            ))
        } else if !matches!(mechanism, AUTH_PLAIN | AUTH_LOGIN) {
            Some(Reply::new(
                504,
                "5.5.4",
                "Only PLAIN and LOGIN are known here",
            ))
        } else {
            None
        };
        match refusal {
            Some(reply) => self.refuse(reply, now),
            None => self.authenticate(Exchange::begin(mechanism == AUTH_PLAIN, initial), now),
        }
    }

    /// RFC 3207 section 4: whatever was pipelined behind it is thrown away.
    fn starttls(&mut self, now: Instant) {
        if !self.options.starttls || self.encrypted {
            return self.refuse(Reply::new(502, "5.5.1", "STARTTLS is not offered"), now);
        }
        self.say(&Reply::new(220, "2.0.0", "Go ahead"));
        self.input.clear();
        self.state = State::Upgrading;
        self.deadline = Some(now + self.options.command_timeout);
        self.events.push_back(Event::StartTls);
    }

    fn mail<T: AsRef<str>>(&mut self, from: &MailFrom<T>, now: Instant) {
        let size = (from.size > 0).then_some(from.size as u64);
        if !self.hello || self.transaction.is_some() {
            let reply = Reply::new(503, "5.5.1", "MAIL comes after EHLO, one at a time");
            return self.refuse(reply, now);
        }
        if self.options.auth_required && !self.authenticated {
            // RFC 4954 section 6.
            return self.refuse(Reply::new(530, "5.7.0", "Authenticate first"), now);
        }
        if from.flags & !MAIL_FLAGS != 0 {
            // Section 4.1.1.11.
            return self.refuse(Reply::new(555, "5.5.4", "Unknown parameter of MAIL"), now);
        }
        if size.is_some_and(|size| size > self.options.size_max) {
            let text = format!("The mail is larger than {} bytes", self.options.size_max);
            return self.refuse(Reply::new(552, "5.3.4", text), now);
        }
        let reverse_path = match from.address.as_ref() {
            "" => None,
            text => match Address::parse(text) {
                Ok(address) => Some(address),
                Err(error) => {
                    let reply = Reply::new(553, "5.1.7", error.to_string());
                    return self.refuse(reply, now);
                }
            },
        };
        self.ask(
            Question::Sender(reverse_path.clone()),
            Event::Sender { reverse_path, size },
        );
    }

    fn rcpt(&mut self, address: &str, now: Instant) {
        let Some(envelope) = &self.transaction else {
            return self.refuse(Reply::new(503, "5.5.1", "RCPT comes after MAIL"), now);
        };
        if envelope.forward_paths.len() >= self.options.recipients_max {
            // Section 4.5.3.1.10: a temporary refusal, the client sends the rest later.
            return self.refuse(Reply::new(452, "4.5.3", "Too many recipients"), now);
        }
        match Address::parse(address) {
            Ok(address) => self.ask(
                Question::Recipient(address.clone()),
                Event::Recipient(address),
            ),
            Err(error) => self.refuse(Reply::new(553, "5.1.3", error.to_string()), now),
        }
    }

    fn data(&mut self, now: Instant) {
        // RFC 2920 section 3.1: DATA ends a pipelined group. Bytes behind it would
        // be a mail to one reader and commands to another.
        if !self.input.is_empty() {
            return self.violation("The mail was sent before the reply to DATA");
        }
        let envelope = match &self.transaction {
            Some(envelope) if !envelope.forward_paths.is_empty() => envelope.clone(),
            Some(_) => {
                return self.refuse(Reply::new(554, "5.5.1", "No valid recipient"), now);
            }
            None => return self.refuse(Reply::new(503, "5.5.1", "DATA comes after RCPT"), now),
        };
        self.say(&Reply::new(354, "", "End with a dot alone on a line"));
        self.events.push_back(Event::Data(envelope));
        let times = Times {
            all: self.options.data_timeout,
            per_mib: self.options.data_time_per_mib,
        };
        let incoming = Incoming::begin(times, now);
        self.deadline = Some(incoming.deadline());
        self.state = State::Data(incoming);
    }
}

fn names_postmaster(line: &[u8]) -> bool {
    const NAME: &[u8] = b"<postmaster>";
    line.windows(NAME.len())
        .any(|word| word.eq_ignore_ascii_case(NAME))
}

fn unreadable(error: &Error) -> Reply {
    match error {
        Error::UnknownCommand => Reply::new(500, "5.5.1", "Unknown command"),
        Error::InvalidSenderAddress => Reply::new(553, "5.1.7", "The sender is no address"),
        Error::InvalidRecipientAddress => Reply::new(553, "5.1.3", "The recipient is no address"),
        Error::SyntaxError { syntax } => Reply::new(501, "5.5.4", format!("Syntax: {syntax}")),
        Error::InvalidParameter { param } => {
            Reply::new(501, "5.5.4", format!("Invalid parameter: {param}"))
        }
        Error::UnsupportedParameter { .. } => Reply::new(555, "5.5.4", "Unknown parameter"),
        Error::NeedsMoreData { .. } | Error::ResponseTooLong | Error::InvalidResponse { .. } => {
            Reply::new(500, "5.5.2", "The line cannot be read")
        }
    }
}
