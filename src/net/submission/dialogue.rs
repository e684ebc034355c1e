//! What of a submission dialogue may be noted: commands and replies, with what proves
//! who we are masked, and the mail as its size.
//!
//! The state is kept also while nothing is noted, so that switching the log on in the
//! middle of a login shows nothing of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::options::SubmissionOptions;
use crate::domain::mailbox::Credentials;
use crate::domain::secret::Secret;
use crate::net::tap::Tap;
use crate::protocol::prose::{self, Masks};

/// Bytes of one line that are kept to be noted.
const LINE_BYTES_MAX: usize = 1_000;

/// Follows one session.
#[derive(Debug)]
pub(super) struct Dialogue {
    tap: Tap,
    masks: Masks,
    mode: Mode,
    ours: Vec<u8>,
    theirs: Vec<u8>,
}

/// What our next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Command,
    /// Part of a login that has begun (RFC 4954 section 4).
    Secret,
    /// DATA was said; the go-ahead makes the next bytes a mail.
    DataAsked,
    /// So many bytes of a mail.
    Mail(usize),
}

impl Dialogue {
    pub(super) fn new(options: &SubmissionOptions) -> Self {
        Self {
            tap: options.tap.clone(),
            masks: masks_of(options),
            mode: Mode::Command,
            ours: Vec::new(),
            theirs: Vec::new(),
        }
    }

    /// What must be masked wherever a server repeats it.
    pub(super) fn masks(&self) -> Masks {
        self.masks.clone()
    }

    /// Bytes of ours that have left.
    pub(super) fn said(&mut self, bytes: &[u8]) {
        if let Mode::Mail(size) = &mut self.mode {
            *size += bytes.len();
            return;
        }
        for &byte in bytes {
            match byte {
                b'\n' => self.said_line(),
                _ => keep(&mut self.ours, byte),
            }
        }
    }

    /// Bytes of the server's.
    pub(super) fn heard(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            match byte {
                b'\n' => self.heard_line(),
                _ => keep(&mut self.theirs, byte),
            }
        }
    }

    fn said_line(&mut self) {
        let line = std::mem::take(&mut self.ours);
        let mut words = line.split(|byte| byte.is_ascii_whitespace());
        let verb = words.next().unwrap_or_default().to_ascii_uppercase();
        let shown = match (self.mode, verb.as_slice()) {
            (Mode::Secret, _) => "…".to_owned(),
            (_, b"AUTH") => {
                self.mode = Mode::Secret;
                let mechanism = prose::decode(words.next().unwrap_or_default());
                // The end of the line is white space, too, with nothing behind it.
                let more = words.next().is_some_and(|rest| !rest.is_empty());
                let more = if more { " …" } else { "" };
                format!("AUTH {mechanism}{more}")
            }
            (_, b"DATA") => {
                self.mode = Mode::DataAsked;
                "DATA".to_owned()
            }
            _ => self.masks.cover(prose::decode(&line)),
        };
        self.tap.note(&format!("C: {shown}"));
    }

    fn heard_line(&mut self) {
        let line = std::mem::take(&mut self.theirs);
        if let Mode::Mail(size) = self.mode {
            self.tap.note(&format!("C: (a mail of {size} bytes)"));
        }
        self.mode = match (self.mode, line.get(..3)) {
            (Mode::Secret, Some(b"334")) => Mode::Secret,
            (Mode::DataAsked, Some(b"354")) => Mode::Mail(0),
            _ => Mode::Command,
        };
        if self.tap.is_on() {
            let shown = self.masks.cover(prose::decode(&line));
            self.tap.note(&format!("S: {shown}"));
        }
    }
}

/// What proves who we are, in every form a server may repeat.
fn masks_of(options: &SubmissionOptions) -> Masks {
    let mut masks = Masks::default();
    let Some(login) = &options.login else {
        return masks;
    };
    let user = &login.user;
    let secrets = match &login.credentials {
        Credentials::Password(password) => vec![password],
        Credentials::AccessToken(token) => vec![token],
        Credentials::OAuth(grant) => vec![&grant.access_token, &grant.refresh_token],
    };
    for secret in secrets {
        let text = secret.expose();
        // Longest first: a part that is masked alone would hide the whole from the search.
        masks.add(&Secret::new(BASE64.encode(format!("\0{user}\0{text}"))));
        masks.add(&Secret::new(BASE64.encode(text)));
        masks.add(secret);
    }
    masks
}

fn keep(line: &mut Vec<u8>, byte: u8) {
    if line.len() < LINE_BYTES_MAX {
        line.push(byte);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::mailbox::{Login, Security, Server};
    use crate::net::tap::DialogueLog;

    fn check(script: &[(char, &str)], expected: &[&str]) {
        let log = Arc::new(DialogueLog::new(|| Timestamp::UNIX_EPOCH));
        log.switch(true);
        let server = Server {
            host: "smtp.example.com".to_owned(),
            port: 465,
            security: Security::Tls,
        };
        let login = Login {
            user: "desk".to_owned(),
            credentials: Credentials::Password(Secret::new("s3cret")),
        };
        let mut options = SubmissionOptions::new(server, Some(login));
        options.tap = Tap::new(Arc::clone(&log), "smtp");
        let mut dialogue = Dialogue::new(&options);
        for (who, text) in script {
            // Byte by byte: nothing may depend on how the bytes are cut.
            for byte in text.bytes() {
                match who {
                    'C' => dialogue.said(&[byte]),
                    _ => dialogue.heard(&[byte]),
                }
            }
        }
        let lines: Vec<_> = log.lines().into_iter().map(|line| line.text).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn logins_are_masked_and_mail_is_a_size() {
        check(
            &[
                ('C', "AUTH PLAIN AGRlc2sAczNjcmV0\r\n"),
                ('S', "535 5.7.8 czNjcmV0 is not s3cret\r\n"),
                ('C', "AUTH LOGIN\r\n"),
                ('S', "334 VXNlcm5hbWU6\r\n"),
                ('C', "ZGVzaw==\r\n"),
                ('S', "334 UGFzc3dvcmQ6\r\n"),
                ('C', "czNjcmV0\r\n"),
                ('S', "235 2.7.0 ok\r\n"),
                ('C', "DATA\r\n"),
                ('S', "354 go on\r\n"),
                ('C', "Subject: AUTH\r\n\r\nprivate\r\n.\r\n"),
                ('S', "250 2.0.0 kept\r\n"),
                ('C', "QUIT\r\n"),
            ],
            &[
                "C: AUTH PLAIN …",
                "S: 535 5.7.8 … is not …",
                "C: AUTH LOGIN",
                "S: 334 VXNlcm5hbWU6",
                "C: …",
                "S: 334 UGFzc3dvcmQ6",
                "C: …",
                "S: 235 2.7.0 ok",
                "C: DATA",
                "S: 354 go on",
                "C: (a mail of 29 bytes)",
                "S: 250 2.0.0 kept",
                "C: QUIT",
            ],
        );
    }
}
