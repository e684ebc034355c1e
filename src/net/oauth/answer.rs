//! What endpoints answer, read within bounds: tokens, errors, device codes, and who
//! signed in. Pure.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::domain::saying::{Said, Saying, saying};
use crate::domain::secret::Secret;

/// Bytes of a token. Microsoft's have 2 to 4 thousand.
const TOKEN_BYTES_MAX: usize = 16 * 1024;
/// Characters of an error's description that are kept.
const WORDS_MAX: usize = 300;
/// How long an access token is taken to live when nobody says (RFC 6749 section 5.1).
const USUAL_LIFE: Duration = Duration::from_secs(3_600);
/// A longer life is not believed: the next refusal would come as a surprise.
const LIFE_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Names an account may go by.
const NAMES_MAX: usize = 8;

/// What a provider gave.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// Shown to mail servers.
    pub access: Secret,
    /// Gives the next one; absent means that the old one stays (RFC 6749 section 6).
    pub refresh: Option<Secret>,
    /// How long the access token lives.
    pub lives: Duration,
    /// Who signed in, where the answer tells.
    pub account: Option<Account>,
}

/// The account that signed in, by all names the provider gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    names: Vec<String>,
}

impl Account {
    fn new(names: impl IntoIterator<Item = Option<String>>) -> Option<Self> {
        let mut kept: Vec<String> = Vec::new();
        for name in names.into_iter().flatten().take(NAMES_MAX) {
            let name = name.trim().to_owned();
            let right =
                !name.is_empty() && name.len() <= 320 && !name.chars().any(char::is_control);
            if right && !kept.contains(&name) {
                kept.push(name);
            }
        }
        (!kept.is_empty()).then_some(Self { names: kept })
    }

    /// The name to show.
    #[must_use]
    pub fn name(&self) -> &str {
        // One name exists, or the value would not.
        self.names.first().map_or("", String::as_str)
    }

    /// Whether it is the account with this login name. Case says nothing.
    #[must_use]
    pub fn is(&self, login: &str) -> bool {
        let login = login.to_lowercase();
        self.names.iter().any(|name| name.to_lowercase() == login)
    }
}

/// A code to be typed on another device (RFC 8628 section 3.2).
#[derive(Clone, Debug)]
pub struct DeviceCode {
    /// Ours, to ask with.
    pub device_code: Secret,
    /// The person's, to type.
    pub user_code: String,
    /// Where it is typed.
    pub verification_url: String,
    /// The same with the code in it.
    pub verification_url_complete: Option<String>,
    /// How long the codes live.
    pub lives: Duration,
    /// How often we may ask.
    pub interval: Duration,
}

/// Why there are no tokens.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.saying())]
pub enum Refusal {
    /// The grant has ended: revoked, expired, the password changed (`invalid_grant`).
    Grant(String),
    /// The person said no (`access_denied`).
    Declined(String),
    /// Nobody has typed the device's code yet (RFC 8628 section 3.5).
    Pending,
    /// The same, and we ask too often.
    SlowDown,
    /// The device's code has ended.
    DeviceCodeEnded,
    /// The provider is in trouble.
    Passing(Saying),
    /// Something is wrong with our client or the module's data.
    Settings(Saying),
    /// The answer is not what the RFCs say.
    Strange(Saying),
}

impl Said for Refusal {
    fn saying(&self) -> Saying {
        match self {
            Self::Grant(what) => saying!("oauth.grant", what),
            Self::Declined(what) => saying!("oauth.declined", what),
            Self::Pending => saying!("oauth.pending"),
            Self::SlowDown => saying!("oauth.pending"),
            Self::DeviceCodeEnded => saying!("oauth.device_code_ended"),
            Self::Passing(what) => saying!("oauth.passing", what),
            Self::Settings(what) => saying!("oauth.settings", what),
            Self::Strange(what) => saying!("oauth.strange", what),
        }
    }
}

#[derive(Deserialize)]
struct TokenBody {
    access_token: String,
    refresh_token: Option<String>,
    #[serde(default)]
    expires_in: Option<Number>,
    id_token: Option<String>,
}

/// Seconds; some providers write them as a text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(f64),
    Text(String),
}

impl Number {
    fn seconds(&self) -> Option<Duration> {
        let seconds = match self {
            Self::Number(number) => *number,
            Self::Text(text) => text.trim().parse().ok()?,
        };
        Duration::try_from_secs_f64(seconds).ok()
    }
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct DeviceBody {
    device_code: String,
    user_code: String,
    /// Google's old spelling.
    #[serde(alias = "verification_url")]
    verification_uri: String,
    #[serde(alias = "verification_url_complete")]
    verification_uri_complete: Option<String>,
    expires_in: Option<Number>,
    interval: Option<Number>,
}

/// The claims of an `id_token`, or of a userinfo answer, that name a person.
#[derive(Deserialize)]
struct Claims {
    email: Option<String>,
    preferred_username: Option<String>,
    upn: Option<String>,
    unique_name: Option<String>,
    login: Option<String>,
    default_email: Option<String>,
    aud: Option<serde_json::Value>,
}

impl Claims {
    fn account(self) -> Option<Account> {
        Account::new([
            self.email,
            self.preferred_username,
            self.upn,
            self.unique_name,
            self.default_email,
            self.login,
        ])
    }

    /// Whether they were made for our client (OpenID Connect Core section 3.1.3.7).
    fn are_for(&self, client: &str) -> bool {
        match &self.aud {
            None => false,
            Some(serde_json::Value::String(one)) => one == client,
            Some(serde_json::Value::Array(many)) => many.iter().any(|one| one == client),
            Some(_) => false,
        }
    }
}

/// Reads the answer of a token endpoint (RFC 6749 section 5).
///
/// # Errors
/// When it holds no tokens.
pub(super) fn tokens(status: u16, body: &[u8], client: &str) -> Result<Tokens, Refusal> {
    let read: TokenBody = good(status, body)?;
    let life = read.expires_in.as_ref().and_then(Number::seconds);
    Ok(Tokens {
        access: token("access_token", read.access_token)?,
        refresh: match read.refresh_token {
            Some(text) if !text.is_empty() => Some(token("refresh_token", text)?),
            _ => None,
        },
        lives: life.unwrap_or(USUAL_LIFE).min(LIFE_MAX),
        account: read.id_token.and_then(|text| account_of(&text, client)),
    })
}

/// Reads the answer of a device endpoint (RFC 8628 section 3.2).
///
/// # Errors
/// When it holds no code.
pub(super) fn device_code(status: u16, body: &[u8]) -> Result<DeviceCode, Refusal> {
    let read: DeviceBody = good(status, body)?;
    let right = |text: &str| text.len() <= 2_000 && !text.chars().any(char::is_control);
    let shown = [&read.user_code, &read.verification_uri];
    let complete = read.verification_uri_complete;
    // They are shown as links, so nothing but https may stand there.
    let secure = |url: &String| url.starts_with("https://") && right(url);
    if !shown.iter().all(|text| right(text)) || !secure(&read.verification_uri) {
        return Err(Refusal::Strange(saying!("oauth.strange.code")));
    }
    let seconds = |number: Option<Number>| number.as_ref().and_then(Number::seconds);
    Ok(DeviceCode {
        device_code: token("device_code", read.device_code)?,
        user_code: read.user_code,
        verification_url: read.verification_uri,
        verification_url_complete: complete.filter(secure),
        lives: seconds(read.expires_in).unwrap_or(Duration::from_secs(900)),
        // RFC 8628 section 3.2: 5 when nobody says.
        interval: seconds(read.interval).unwrap_or(Duration::from_secs(5)),
    })
}

/// Reads a userinfo answer (OpenID Connect Core section 5.3.2).
///
/// # Errors
/// When it names nobody.
pub(super) fn userinfo(status: u16, body: &[u8]) -> Result<Account, Refusal> {
    let claims: Claims = good(status, body)?;
    let nobody = || Refusal::Strange(saying!("oauth.strange.nobody"));
    claims.account().ok_or_else(nobody)
}

/// Who an `id_token` (RFC 7519) is about. It came from the token endpoint itself over
/// TLS, which stands for its signature (OpenID Connect Core section 3.1.3.7, point 6).
fn account_of(id_token: &str, client: &str) -> Option<Account> {
    if id_token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let payload = id_token.split('.').nth(1)?;
    let clear = URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?;
    let claims: Claims = serde_json::from_slice(&clear).ok()?;
    if !claims.are_for(client) {
        tracing::warn!("an id_token was made for another client; it is not believed");
        return None;
    }
    claims.account()
}

fn token(name: &str, text: String) -> Result<Secret, Refusal> {
    let text = Secret::new(text);
    // RFC 6749 appendix A: VSCHAR. More would end a header or a SASL message early.
    let right = text
        .expose()
        .bytes()
        .all(|byte| (0x21..=0x7e).contains(&byte));
    if text.is_empty() || !right || text.expose().len() > TOKEN_BYTES_MAX {
        return Err(Refusal::Strange(saying!("oauth.strange.token", name)));
    }
    Ok(text)
}

fn good<T: DeserializeOwned>(status: u16, body: &[u8]) -> Result<T, Refusal> {
    if (200..300).contains(&status) {
        // Some providers say 200 and mean an error.
        if let Ok(error) = serde_json::from_slice::<ErrorBody>(body) {
            return Err(refusal(400, error));
        }
        return serde_json::from_slice(body).map_err(|error| Refusal::Strange(strange(&error)));
    }
    match serde_json::from_slice::<ErrorBody>(body) {
        Ok(error) => Err(refusal(status, error)),
        Err(_) if status >= 500 || status == 429 || status == 408 => {
            Err(Refusal::Passing(saying!("oauth.status", status)))
        }
        Err(_) => Err(Refusal::Settings(saying!("oauth.status", status))),
    }
}

/// Without the text around the error, which may hold a token.
fn strange(error: &serde_json::Error) -> Saying {
    match error.classify() {
        Category::Data => saying!("oauth.strange.field"),
        Category::Eof => saying!("oauth.strange.cut_off"),
        Category::Io | Category::Syntax => saying!("oauth.strange.no_json"),
    }
}

/// RFC 6749 section 5.2, RFC 8628 section 3.5.
fn refusal(status: u16, body: ErrorBody) -> Refusal {
    let words = words(&body);
    // An outage is an outage, whatever its body says.
    if status >= 500 || status == 429 {
        return Refusal::Passing(words.into());
    }
    match body.error.as_str() {
        "authorization_pending" => Refusal::Pending,
        "slow_down" => Refusal::SlowDown,
        "expired_token" => Refusal::DeviceCodeEnded,
        "access_denied" => Refusal::Declined(words),
        // Microsoft's for "sign in again with more" (conditional access, consent).
        "invalid_grant" | "interaction_required" | "consent_required" | "login_required" => {
            Refusal::Grant(words)
        }
        "temporarily_unavailable" | "server_error" => Refusal::Passing(words.into()),
        _ => Refusal::Settings(words.into()),
    }
}

fn words(body: &ErrorBody) -> String {
    let described = body.error_description.as_deref().unwrap_or_default();
    let both = match described {
        "" => body.error.clone(),
        described => format!("{} ({described})", body.error),
    };
    let one_line = both.chars().map(|c| if c.is_control() { ' ' } else { c });
    one_line.take(WORDS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn id_token(claims: &str) -> String {
        format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn refused(status: u16, body: &str) -> Refusal {
        tokens(status, body.as_bytes(), "us").expect_err("refused")
    }

    #[test]
    fn tokens_are_read_with_who_signed_in() {
        let id = id_token(r#"{"aud":"us","email":"Support@Example.com","upn":"s@corp.example"}"#);
        let body = format!(
            r#"{{"access_token":"a","refresh_token":"r","expires_in":"3599","token_type":"Bearer","id_token":"{id}"}}"#
        );
        let got = tokens(200, body.as_bytes(), "us").expect("tokens");
        assert_eq!(got.access.expose(), "a");
        assert_eq!(got.refresh.expect("one").expose(), "r");
        assert_eq!(got.lives, Duration::from_secs(3_599));
        let account = got.account.expect("one");
        assert!(account.is("support@example.com") && account.is("S@corp.example"));
        assert!(!account.is("example.com") && !account.is(""));
        assert_eq!(account.name(), "Support@Example.com");
        // Made for somebody else.
        assert!(
            tokens(200, body.as_bytes(), "them")
                .expect("tokens")
                .account
                .is_none()
        );
        let got = tokens(200, br#"{"access_token":"a","expires_in":1e300}"#, "us").expect("tokens");
        assert_eq!((got.lives, got.refresh.is_none()), (USUAL_LIFE, true));
    }

    #[test]
    fn errors_say_who_has_to_do_something() {
        assert!(
            matches!(refused(400, r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#),
            Refusal::Grant(words) if words == "invalid_grant (Token has been expired or revoked.)")
        );
        assert!(matches!(
            refused(400, r#"{"error":"interaction_required"}"#),
            Refusal::Grant(_)
        ));
        assert!(matches!(
            refused(401, r#"{"error":"invalid_client"}"#),
            Refusal::Settings(_)
        ));
        assert!(matches!(
            refused(400, r#"{"error":"invalid_scope"}"#),
            Refusal::Settings(_)
        ));
        assert!(matches!(refused(404, "<html>"), Refusal::Settings(_)));
        for status in [500, 502, 503, 429] {
            assert!(matches!(refused(status, "<html>busy"), Refusal::Passing(_)));
            assert!(matches!(
                refused(status, r#"{"error":"x"}"#),
                Refusal::Passing(_)
            ));
        }
        assert!(matches!(
            refused(503, r#"{"error":"invalid_grant"}"#),
            Refusal::Passing(_)
        ));
        assert!(matches!(
            refused(400, r#"{"error":"temporarily_unavailable"}"#),
            Refusal::Passing(_)
        ));
        assert!(matches!(
            refused(200, r#"{"error":"invalid_grant"}"#),
            Refusal::Grant(_)
        ));
        assert_eq!(
            refused(400, r#"{"error":"authorization_pending"}"#),
            Refusal::Pending
        );
        assert_eq!(refused(400, r#"{"error":"slow_down"}"#), Refusal::SlowDown);
        assert_eq!(
            refused(400, r#"{"error":"expired_token"}"#),
            Refusal::DeviceCodeEnded
        );
        for strange in [
            "",
            "[]",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":"a\r\nb"}"#,
            r#"{"access_token":7}"#,
        ] {
            assert!(
                matches!(refused(200, strange), Refusal::Strange(_)),
                "{strange}"
            );
        }
        let long = format!(
            r#"{{"error":"x","error_description":"{}"}}"#,
            "é\\n".repeat(5_000)
        );
        assert!(
            matches!(refused(400, &long), Refusal::Settings(Saying::Words(words)) if words.chars().count() == WORDS_MAX && !words.contains('\n'))
        );
    }

    #[test]
    fn a_device_is_told_only_what_can_be_shown() {
        let body = r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://a.example/device","expires_in":900}"#;
        let code = device_code(200, body.as_bytes()).expect("a code");
        assert_eq!(
            (code.user_code.as_str(), code.interval),
            ("AB-CD", Duration::from_secs(5))
        );
        let script = body.replace("https://a.example/device", "javascript:alert(1)");
        assert!(matches!(
            device_code(200, script.as_bytes()),
            Err(Refusal::Strange(_))
        ));
    }

    proptest! {
        /// Whatever a provider says: a token fits into a header, words into a line.
        #[test]
        fn nothing_a_provider_says_is_more_than_it_may_be(
            status in 100u16..600,
            bytes in vec(any::<u8>(), 0..200),
            texts in vec(any::<String>(), 4..5),
        ) {
            let json = serde_json::json!({
                "access_token": texts[0], "refresh_token": texts[1], "expires_in": texts[2],
                "id_token": format!("a.{}.b", URL_SAFE_NO_PAD.encode(&texts[3])),
                "device_code": texts[0], "user_code": texts[1], "verification_uri": texts[2],
                "email": texts[3],
            });
            let error = serde_json::json!({ "error": texts[0], "error_description": texts[1] });
            for body in [bytes, json.to_string().into_bytes(), error.to_string().into_bytes()] {
                match tokens(status, &body, "us") {
                    Ok(given) => prop_assert!(given.access.expose().bytes().all(|b| b.is_ascii_graphic())),
                    Err(refusal) => prop_assert!(!refusal.to_string().contains(char::is_control)),
                }
                if let Ok(code) = device_code(status, &body) {
                    prop_assert!(code.verification_url.starts_with("https://"));
                    prop_assert!(!code.user_code.contains(char::is_control));
                }
                if let Ok(account) = userinfo(status, &body) {
                    prop_assert!(!account.name().contains(char::is_control));
                }
            }
        }
    }

    #[test]
    fn userinfo_names_an_account_or_is_refused() {
        let account = userinfo(200, br#"{"sub":"1","email":"a@b.c"}"#).expect("an account");
        assert!(account.is("a@b.c"));
        assert!(matches!(
            userinfo(200, br#"{"sub":"1"}"#),
            Err(Refusal::Strange(_))
        ));
        assert!(matches!(userinfo(401, b""), Err(Refusal::Settings(_))));
    }
}
