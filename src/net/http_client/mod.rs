//! Requests of our own over HTTPS: small questions, small answers (OAuth endpoints, autoconfig).
//!
//! Invariant: every request goes through the dialer, so the address it reaches is one
//! the guard has judged; a redirect is followed only within the origin, by a new
//! connection that is judged again.
//! Invariant: each wait has a deadline and each answer a bound.
//! Deliberately absent: plain HTTP, connections that are kept, cookies, compression,
//! and trying again.

mod url;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::JoinSet;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::dial::{DialError, Dialer, Target};
use super::guard::Guard;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::secret::Secret;

pub use self::url::{HttpsUrl, UrlError};

/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 32 * 1024;
/// Fields of an answer's head.
const HEADERS_MAX: usize = 100;
/// Redirects of one request.
const REDIRECTS_MAX: usize = 3;

/// Bounds of a client.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// How far requests may reach.
    pub guard: Guard,
    /// For a connection with TLS; the dialer's own deadlines lie below it.
    pub connect_deadline: Duration,
    /// From the request to the head of its answer.
    pub head_deadline: Duration,
    /// For the body of the answer.
    pub body_deadline: Duration,
    /// Bytes of the body; a larger one is an error.
    pub body_bytes_max: usize,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            guard: Guard::Public,
            connect_deadline: Duration::from_secs(15),
            head_deadline: Duration::from_secs(15),
            body_deadline: Duration::from_secs(15),
            body_bytes_max: 256 * 1024,
        }
    }
}

/// What came back.
pub struct HttpAnswer {
    /// The status.
    pub status: u16,
    /// The body; it may hold tokens, so it does not print.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for HttpAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpAnswer({}, {} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum HttpError {
    /// There is no connection.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// Nothing came in time.
    Timeout {
        /// The host.
        host: String,
        /// For what we waited.
        step: Saying,
        /// How long.
        deadline: Duration,
    },
    /// The connection broke, or what came is no HTTP.
    Broken {
        /// The host.
        host: String,
        /// What happened.
        words: String,
    },
    /// The answer is larger than anything we expect there.
    TooLarge {
        /// The host.
        host: String,
        /// What is accepted.
        bytes_max: usize,
    },
    /// The answer sends us elsewhere.
    Redirected {
        /// The host.
        host: String,
    },
}

impl Said for HttpError {
    fn saying(&self) -> Saying {
        match self {
            Self::Dial(error) => error.saying(),
            Self::Timeout {
                host,
                deadline,
                step,
                ..
            } => saying!("web.timeout", host, seconds = deadline.as_secs(), step),
            Self::Broken { host, words, .. } => saying!("net.at", host, what = words),
            Self::TooLarge {
                host, bytes_max, ..
            } => saying!("web.too_large", host, bytes_max),
            Self::Redirected { host, .. } => saying!("web.redirected", host),
        }
    }
}

impl HttpError {
    /// Whether trying again, without anybody changing anything, makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Dial(error) => error.is_transient(),
            Self::Timeout { .. } | Self::Broken { .. } => true,
            Self::TooLarge { .. } | Self::Redirected { .. } => false,
        }
    }
}

/// Asks over HTTPS. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpClient {
    dialer: Dialer,
    options: HttpOptions,
}

impl HttpClient {
    /// A client over a dialer.
    #[must_use]
    pub fn new(dialer: Dialer, options: HttpOptions) -> Self {
        Self { dialer, options }
    }

    /// GET, following redirects within the origin. `bearer` is shown where given.
    ///
    /// # Errors
    /// When no answer came, or one that is too large. A status is no error here.
    pub async fn get(
        &self,
        url: &HttpsUrl,
        accept: &'static str,
        bearer: Option<&Secret>,
    ) -> Result<HttpAnswer, HttpError> {
        let mut url = url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let mut request = self.request(Method::GET, &url, accept, Bytes::new())?;
            if let Some(token) = bearer {
                let value = format!("Bearer {}", token.expose());
                let mut value = HeaderValue::from_str(&value)
                    .map_err(|_| broken(&url, "the token holds a line break"))?;
                value.set_sensitive(true);
                request.headers_mut().insert(header::AUTHORIZATION, value);
            }
            let response = self.send(&url, request).await?;
            let Some(location) = location(&response) else {
                return self.read(&url, response).await;
            };
            let refused = || HttpError::Redirected {
                host: url.host().to_owned(),
            };
            let next = url.follow(&location).map_err(|_| refused())?;
            if !next.same_origin(&url) {
                return Err(refused());
            }
            url = next;
        }
        Err(HttpError::Redirected {
            host: url.host().to_owned(),
        })
    }

    /// POST of a form, for an answer in JSON. A redirect is an error.
    ///
    /// # Errors
    /// When no answer came, or one that is too large. A status is no error here.
    pub async fn post_form(&self, url: &HttpsUrl, form: &Secret) -> Result<HttpAnswer, HttpError> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        self.post(url, kind, form).await
    }

    /// POST of JSON. A redirect is an error.
    ///
    /// # Errors
    /// When no answer came, or one that is too large. A status is no error here.
    pub async fn post_json(&self, url: &HttpsUrl, json: &Secret) -> Result<HttpAnswer, HttpError> {
        let kind = HeaderValue::from_static("application/json");
        self.post(url, kind, json).await
    }

    async fn post(
        &self,
        url: &HttpsUrl,
        kind: HeaderValue,
        body: &Secret,
    ) -> Result<HttpAnswer, HttpError> {
        let body = Bytes::copy_from_slice(body.expose().as_bytes());
        let mut request = self.request(Method::POST, url, "application/json", body)?;
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        let response = self.send(url, request).await?;
        if location(&response).is_some() {
            return Err(HttpError::Redirected {
                host: url.host().to_owned(),
            });
        }
        self.read(url, response).await
    }

    fn request(
        &self,
        method: Method,
        url: &HttpsUrl,
        accept: &'static str,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, HttpError> {
        Request::builder()
            .method(method)
            .uri(url.path_and_query())
            .header(header::HOST, url.authority())
            .header(header::ACCEPT, accept)
            .header(
                header::USER_AGENT,
                concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| broken(url, error))
    }

    async fn send(
        &self,
        url: &HttpsUrl,
        request: Request<Full<Bytes>>,
    ) -> Result<Answering, HttpError> {
        let target = Target {
            guard: self.options.guard.clone(),
            ..Target::mail_server(url.host(), url.port())
        };
        let dialling = self.dialer.dial_tls(&target);
        let deadline = self.options.connect_deadline;
        let stream = within(url, saying!("web.step.connecting"), deadline, dialling).await??;
        let handshake = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|error| broken(url, error))?;
        // Ends with this value, however the request ends.
        let mut running = JoinSet::new();
        running.spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection for a request ended early");
            }
        });
        let asking = sender.send_request(request);
        let deadline = self.options.head_deadline;
        let response = within(url, saying!("web.step.answer"), deadline, asking).await?;
        Ok(Answering {
            response: response.map_err(|error| broken(url, error))?,
            _running: running,
        })
    }

    async fn read(&self, url: &HttpsUrl, answering: Answering) -> Result<HttpAnswer, HttpError> {
        let (bytes_max, deadline) = (self.options.body_bytes_max, self.options.body_deadline);
        let status = answering.response.status().as_u16();
        let body = Limited::new(answering.response.into_body(), bytes_max);
        let read = within(url, saying!("web.step.body"), deadline, body.collect()).await?;
        let read = read.map_err(|error| {
            if error.downcast_ref::<LengthLimitError>().is_some() {
                let host = url.host().to_owned();
                return HttpError::TooLarge { host, bytes_max };
            }
            broken(url, error)
        })?;
        Ok(HttpAnswer {
            status,
            body: Zeroizing::new(read.to_bytes().to_vec()),
        })
    }
}

/// An answer whose body still comes.
struct Answering {
    response: Response<hyper::body::Incoming>,
    _running: JoinSet<()>,
}

fn location(answering: &Answering) -> Option<String> {
    let redirects = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::FOUND,
        StatusCode::SEE_OTHER,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    if !redirects.contains(&answering.response.status()) {
        return None;
    }
    let field = answering.response.headers().get(header::LOCATION);
    Some(
        field
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned(),
    )
}

async fn within<T>(
    url: &HttpsUrl,
    step: Saying,
    deadline: Duration,
    waiting: impl Future<Output = T>,
) -> Result<T, HttpError> {
    timeout(deadline, waiting)
        .await
        .map_err(|_elapsed| HttpError::Timeout {
            host: url.host().to_owned(),
            step,
            deadline,
        })
}

fn broken(url: &HttpsUrl, words: impl fmt::Display) -> HttpError {
    HttpError::Broken {
        host: url.host().to_owned(),
        words: words.to_string(),
    }
}

#[cfg(test)]
mod tests;
