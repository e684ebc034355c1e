//! The AUTH exchange (RFC 4954): PLAIN (RFC 4616) and LOGIN (never standardised,
//! spoken by everybody).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::secret::Secret;

/// What the next line of the client will be.
#[derive(Debug)]
pub(super) enum Exchange {
    /// The one message of PLAIN.
    Plain,
    /// LOGIN, before the user name.
    LoginUsername,
    /// LOGIN, before the password.
    LoginPassword { username: String },
}

/// What a line of the client led to.
#[derive(Debug)]
pub(super) enum Step {
    /// Say `334` with this text and wait.
    Challenge(&'static str, Exchange),
    /// All is known.
    Credentials { username: String, password: Secret },
    /// RFC 4954 section 4: a line of `*` alone.
    Cancelled,
    /// Not base64, or not what the mechanism wants.
    Malformed,
}

impl Exchange {
    /// "Username:" and "Password:" in base64, as every client of LOGIN expects them.
    const ASK_USERNAME: &'static str = "VXNlcm5hbWU6";
    const ASK_PASSWORD: &'static str = "UGFzc3dvcmQ6";

    /// The first step: with or without an initial response.
    pub(super) fn begin(plain: bool, initial: &str) -> Step {
        let (exchange, challenge) = if plain {
            (Self::Plain, "")
        } else {
            (Self::LoginUsername, Self::ASK_USERNAME)
        };
        match initial {
            "" => Step::Challenge(challenge, exchange),
            // RFC 4954 section 4: "=" is an initial response of no bytes.
            "=" => exchange.step(""),
            initial => exchange.step(initial),
        }
    }

    /// Takes one line, without its CRLF.
    pub(super) fn step(self, line: &str) -> Step {
        if line == "*" {
            return Step::Cancelled;
        }
        let decoded = STANDARD.decode(line).ok().map(String::from_utf8);
        let Some(Ok(text)) = decoded else {
            return Step::Malformed;
        };
        match self {
            Self::Plain => plain(&text),
            Self::LoginUsername => {
                Step::Challenge(Self::ASK_PASSWORD, Self::LoginPassword { username: text })
            }
            Self::LoginPassword { username } => Step::Credentials {
                username,
                password: Secret::new(text),
            },
        }
    }
}

/// RFC 4616 section 2: `[authzid] NUL authcid NUL passwd`.
fn plain(text: &str) -> Step {
    let mut parts = text.splitn(3, '\0');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(username), Some(password)) if !username.is_empty() => Step::Credentials {
            username: username.to_owned(),
            password: Secret::new(password),
        },
        _ => Step::Malformed,
    }
}
