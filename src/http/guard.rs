//! What every request passes before anything else looks at it: is it meant for
//! us (DNS rebinding), was a change asked for by one of our own pages (forgery),
//! and the headers every answer carries.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{Kind, Problem};
use super::options::Options;
use crate::domain::saying::saying;

/// Nothing but our own style, script, images and frames; no inline script; never framed.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
    img-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; \
    base-uri 'none'; frame-ancestors 'none'";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses requests under a name that is not ours.
pub(super) async fn refuse_foreign_host(
    State(options): State<Options>,
    request: Request,
    next: Next,
) -> Response {
    match host_of(&request) {
        Some(host) if options.serves(host) => next.run(request).await,
        _ => Problem::new(Kind::Misdirected, saying!("problem.host")).into_response(),
    }
}

/// Refuses changes that were not asked for by a page of our own. Only for routes
/// where a cookie proves who asks; a bearer token cannot be forged by a page.
pub(super) async fn refuse_forgery(request: Request, next: Next) -> Response {
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let host = host_of(&request).map(str::to_owned);
    if safe || comes_from_us(request.headers(), host.as_deref()) {
        return next.run(request).await;
    }
    Problem::new(Kind::Forbidden, saying!("problem.other_site")).into_response()
}

/// Fetch metadata where the browser sends it, else `Origin`; a browser sends at
/// least one of them with every POST.
fn comes_from_us(headers: &HeaderMap, host: Option<&str>) -> bool {
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return site == "same-origin";
    }
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok());
    let from = origin
        .and_then(|origin| origin.split_once("://"))
        .map(|(_, host)| host);
    from.is_some() && from == host
}

fn host_of(request: &Request) -> Option<&str> {
    let named = request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    // RFC 9112 section 3.2.2: the authority of an absolute target wins over Host.
    request
        .uri()
        .authority()
        .map_or(named, |authority| Some(authority.as_str()))
}

/// Puts the security headers on an answer that has not set its own.
pub(super) async fn add_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let defaults = [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(), geolocation=(), microphone=()",
        ),
    ];
    for (name, value) in defaults {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_must_come_from_our_own_page() {
        let cases: [(&[(&str, &str)], bool); 7] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "http://localhost:8460"),
                ],
                false,
            ),
            (&[("origin", "http://localhost:8460")], true),
            (&[("origin", "http://evil.example")], false),
            (&[("origin", "null")], false),
            (&[], false),
        ];
        for (fields, allowed) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            assert_eq!(
                comes_from_us(&headers, Some("localhost:8460")),
                allowed,
                "{fields:?}"
            );
        }
    }
}
