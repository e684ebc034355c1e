//! Somebody's browser, by hand: one cookie, forms with their tokens, and no script.
//!
//! Deliberately absent: following where an answer leads; tests look at that.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::STEP_MAX;
use super::gateway::Gateway;

/// A person who is signed in.
pub struct Browser {
    port: u16,
    cookie: String,
}

/// A page, or where it sends us.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub location: Option<String>,
    pub head: String,
    pub body: String,
}

impl Browser {
    /// Uses up a login link of the first administrator.
    pub fn sign_in(gateway: &Gateway) -> Self {
        let link = gateway.run(&["user", "login-link"]).good().out;
        let (_, token) = link.trim().rsplit_once('/').unwrap();
        let mut browser = Self {
            port: gateway.api().port,
            cookie: String::new(),
        };
        let head = browser.exchange("POST", &format!("/login/{token}"), "").0;
        browser.cookie = cookie_in(&head).unwrap_or_else(|| panic!("no session: {head}"));
        browser
    }

    /// Somebody who is not signed in.
    pub fn stranger(gateway: &Gateway) -> Self {
        Self {
            port: gateway.api().port,
            cookie: String::new(),
        }
    }

    /// Keeps the cookie that a page has set.
    pub fn keep_cookie(&mut self, page: &Page) {
        let cookie = cookie_in(&page.head);
        self.cookie = cookie.unwrap_or_else(|| panic!("no cookie: {page:?}"));
    }

    /// Sends a form of a page that nobody is signed in to.
    pub fn send(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.send_from(&format!("http://127.0.0.1:{}", self.port), path, fields)
    }

    /// The same, asked for by a page of that origin.
    pub fn send_from(&self, origin: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let fields = fields.iter();
        let fields: Vec<String> = fields
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        page_of(self.exchange_from(origin, "POST", path, &fields.join("&")))
    }

    pub fn get(&self, path: &str) -> Page {
        self.ask("GET", path, "")
    }

    /// Sends a form with the token of the page `from`.
    pub fn post(&self, from: &Page, path: &str, fields: &[(&str, &str)]) -> Page {
        let token = from.between("name=\"form_token\" value=\"", "\"");
        let mut form = format!("form_token={token}");
        for (name, value) in fields {
            form += &format!("&{name}={}", encoded(value));
        }
        self.ask("POST", path, &form)
    }

    fn ask(&self, method: &str, path: &str, form: &str) -> Page {
        page_of(self.exchange(method, path, form))
    }

    fn exchange(&self, method: &str, path: &str, form: &str) -> (String, String) {
        let origin = format!("http://127.0.0.1:{}", self.port);
        self.exchange_from(&origin, method, path, form)
    }

    fn exchange_from(
        &self,
        origin: &str,
        method: &str,
        path: &str,
        form: &str,
    ) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(STEP_MAX * 4)).unwrap();
        let (port, cookie, length) = (self.port, &self.cookie, form.len());
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\nAccept: text/html\r\n\
             Origin: {origin}\r\nCookie: {cookie}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut all = String::new();
        stream.read_to_string(&mut all).unwrap();
        let (head, body) = all.split_once("\r\n\r\n").unwrap();
        (head.to_owned(), body.to_owned())
    }
}

fn page_of((head, body): (String, String)) -> Page {
    let status = head.split_whitespace().nth(1).unwrap().parse().unwrap();
    let location = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location")
            .then(|| value.to_owned())
    });
    Page {
        status,
        location,
        head,
        body,
    }
}

impl Page {
    /// Where it leads, which must be somewhere.
    pub fn leads(&self) -> &str {
        let location = self.location.as_deref();
        location.unwrap_or_else(|| panic!("it leads nowhere: {self:?}"))
    }

    /// What stands between two texts, with HTML's entities read.
    pub fn between(&self, before: &str, after: &str) -> String {
        let found = self
            .body
            .split_once(before)
            .and_then(|(_, rest)| rest.split_once(after));
        let (text, _) = found.unwrap_or_else(|| panic!("no {before:?} in {self:?}"));
        text.replace("&#38;", "&").replace("&amp;", "&")
    }

    /// It was refused, in these words.
    pub fn refused(&self, words: &[&str]) {
        assert_eq!(self.status, 422, "{self:?}");
        for one in words {
            assert!(self.body.contains(one), "nothing of {one:?} in {self:?}");
        }
    }
}

fn cookie_in(head: &str) -> Option<String> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        let set = name.eq_ignore_ascii_case("set-cookie");
        set.then(|| value.split(';').next().map(str::to_owned))?
    })
}

fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(byte).collect()
}
