//! SASL messages: what the mechanisms say, without the protocol around them.
//!
//! Used by the IMAP client, by submission and by the practice provider. Deliberately
//! absent: mechanisms with a challenge (CRAM-MD5, SCRAM); providers do not need them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::domain::mailbox::TokenMechanism;
use crate::domain::secret::Secret;

/// A mechanism that needs one message from the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// User name and password (RFC 4616).
    Plain,
    /// Access token, Google's and Microsoft's form.
    XOAuth2,
    /// Access token (RFC 7628).
    OAuthBearer,
}

impl Mechanism {
    /// The mechanisms that show a token, the preferred one first.
    #[must_use]
    pub fn of_tokens(preferred: TokenMechanism) -> [Self; 2] {
        match preferred {
            TokenMechanism::XOAuth2 => [Self::XOAuth2, Self::OAuthBearer],
            TokenMechanism::OAuthBearer => [Self::OAuthBearer, Self::XOAuth2],
        }
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::XOAuth2 => "XOAUTH2",
            Self::OAuthBearer => "OAUTHBEARER",
        }
    }

    /// The client's only message, in base64; `None` when a value carries a control
    /// character, which would end a field early.
    #[must_use]
    pub fn message(self, user: &str, secret: &Secret) -> Option<Secret> {
        let password = secret.expose();
        if user.chars().any(char::is_control) || password.contains(['\0', '\x01', '\r', '\n']) {
            return None;
        }
        let clear = Secret::new(match self {
            Self::Plain => format!("\0{user}\0{password}"),
            Self::XOAuth2 => format!("user={user}\x01auth=Bearer {password}\x01\x01"),
            Self::OAuthBearer => {
                // RFC 5801 section 4: `saslname` escapes what the header is made of.
                let name = user.replace('=', "=3D").replace(',', "=2C");
                format!("n,a={name},\x01auth=Bearer {password}\x01\x01")
            }
        });
        Some(Secret::new(STANDARD.encode(clear.expose())))
    }

    /// What the client answers to an error challenge, in base64, so that the server
    /// goes on to its refusal (RFC 7628 section 3.2.3; an empty line for the others).
    #[must_use]
    pub fn answer_to_error(self) -> &'static str {
        match self {
            Self::OAuthBearer => "AQ==",
            Self::Plain | Self::XOAuth2 => "",
        }
    }
}

/// The text of a challenge in base64; what cannot be decoded is given through.
#[must_use]
pub fn challenge_text(base64: &[u8]) -> String {
    let trimmed = base64.trim_ascii();
    let clear = STANDARD
        .decode(trimmed)
        .unwrap_or_else(|_| trimmed.to_vec());
    String::from_utf8_lossy(&clear).into_owned()
}

/// Reads a PLAIN message (RFC 4616 section 2), for the server side: authentication
/// identity and password. An authorization identity is accepted and ignored.
#[must_use]
pub fn parse_plain(base64: &[u8]) -> Option<(String, Secret)> {
    let clear = Secret::new(String::from_utf8(STANDARD.decode(base64.trim_ascii()).ok()?).ok()?);
    let mut fields = clear.expose().split('\0');
    let (_, user, password) = (fields.next()?, fields.next()?, fields.next()?);
    (fields.next().is_none() && !user.is_empty()).then(|| (user.to_owned(), Secret::new(password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clear(mechanism: Mechanism, user: &str, secret: &str) -> Option<String> {
        let message = mechanism.message(user, &Secret::new(secret))?;
        Some(challenge_text(message.expose().as_bytes()))
    }

    #[test]
    fn messages_are_those_of_the_rfcs() {
        assert_eq!(
            clear(Mechanism::Plain, "tim", "tan").as_deref(),
            Some("\0tim\0tan")
        );
        assert_eq!(
            clear(Mechanism::XOAuth2, "a@b.c", "ya29").as_deref(),
            Some("user=a@b.c\x01auth=Bearer ya29\x01\x01")
        );
        assert_eq!(
            clear(Mechanism::OAuthBearer, "a,b=@c", "t").as_deref(),
            Some("n,a=a=2Cb=3D@c,\x01auth=Bearer t\x01\x01")
        );
    }

    #[test]
    fn a_control_character_does_not_smuggle_a_field_in() {
        assert_eq!(clear(Mechanism::Plain, "tim\0admin", "x"), None);
        assert_eq!(clear(Mechanism::XOAuth2, "tim", "t\x01auth=Bearer u"), None);
    }

    #[test]
    fn plain_is_read_back() {
        let message = Mechanism::Plain
            .message("tim", &Secret::new("tan"))
            .expect("no control characters");
        let (user, password) = parse_plain(message.expose().as_bytes()).expect("just written");
        assert_eq!((user.as_str(), password.expose()), ("tim", "tan"));
        assert!(parse_plain(b"AHRpbQ==").is_none(), "two fields only");
        assert!(parse_plain(b"not base64").is_none());
    }
}
