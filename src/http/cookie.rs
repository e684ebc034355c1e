//! The cookies: the session, the language somebody chose, and the link by which somebody
//! signs a mailbox in.

use axum::http::{HeaderMap, HeaderValue, header};

/// Holds the session token.
pub(super) const SESSION: &str = "postern_session";
/// Holds `en` or `zh`.
pub(super) const LANGUAGE: &str = "postern_language";

/// Holds the token of a link while a browser is at a provider.
pub(super) const REAUTHENTICATION: &str = "postern_reauthentication";

/// Seconds of a year, for the language.
pub(super) const YEAR_SECONDS: i64 = 365 * 24 * 3_600;

/// The value of a cookie (RFC 6265 section 4.2.1).
pub(super) fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// A `Set-Cookie` value. `Lax`, not `Strict`: a link in a notice mail must open
/// the page for somebody who is signed in; changes are guarded apart.
/// `None` when a byte of the value may not stand in a header.
pub(super) fn set(name: &str, value: &str, age_seconds: i64, secure: bool) -> Option<HeaderValue> {
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::try_from(format!(
        "{name}={value}; Path=/; Max-Age={age_seconds}; HttpOnly; SameSite=Lax{secure}"
    ))
    .ok()
}

/// A `Set-Cookie` value that removes a cookie.
pub(super) fn clear(name: &str, secure: bool) -> Option<HeaderValue> {
    set(name, "", 0, secure)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("a=1; postern_session=abc"),
        );
        headers.append(
            header::COOKIE,
            HeaderValue::from_static("postern_language=zh"),
        );
        assert_eq!(read(&headers, SESSION).as_deref(), Some("abc"));
        assert_eq!(read(&headers, LANGUAGE).as_deref(), Some("zh"));
        assert_eq!(read(&headers, "session"), None);
    }
}
