//! A client of `/api/v1` by hand, on a socket: it shares no code with the gateway.
//!
//! Waiting is asking the feed for what comes next; there is no pause here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest wait for something on the feed. A deferred reply is tried again after
/// half a minute at most, and the shortest timer of a script takes a minute; this is longer.
pub const FEED_WAIT_MAX: Duration = Duration::from_secs(90);
/// One answer takes no longer; a reading of the feed waits up to 20 seconds.
const ANSWER_MAX: Duration = Duration::from_secs(40);

/// Where the gateway answers, and as whom we ask.
#[derive(Debug, Clone)]
pub struct Api {
    pub port: u16,
    pub token: String,
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Api {
    /// What stands at an address; it must be there.
    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &[], "");
        assert_eq!(answer.status, 200, "GET {path}: {answer:?}");
        answer.json()
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.ask("POST", path, headers, &body.to_string())
    }

    /// HTTP/1.0, so that the end of the answer is the end of the connection
    /// (RFC 1945 section 7.2.2).
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.try_ask(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// The same, when the gateway may be gone.
    pub fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> std::io::Result<Answer> {
        let mut all = vec![("Content-Type", "application/json")];
        all.extend(headers);
        self.try_send(method, path, &all, body.as_bytes())
    }

    /// Hands a file in.
    pub fn upload(&self, name: &str, content_type: &str, bytes: &[u8]) -> Answer {
        let path = format!("/uploads?name={name}");
        let headers = [("Content-Type", content_type)];
        self.try_send("POST", &path, &headers, bytes)
            .unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        let (port, token, length) = (self.port, &self.token, body.len());
        let mut request = format!(
            "{method} /api/v1{path} HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\
             Authorization: Bearer {token}\r\nContent-Length: {length}\r\n"
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        stream.write_all(format!("{request}\r\n").as_bytes())?;
        stream.write_all(body)?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        parse(&all).ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
    }

    /// All conversations, newest first.
    pub fn conversations(&self) -> Vec<Value> {
        self.pages("/conversations")
    }

    /// The messages of a conversation, by its id.
    pub fn messages(&self, conversation: &str) -> Vec<Value> {
        self.pages(&format!("/conversations/{conversation}/messages"))
    }

    /// Every message there is.
    pub fn all_messages(&self) -> Vec<Value> {
        let ids = self.conversations();
        ids.iter()
            .flat_map(|one| self.messages(text(one, "id")))
            .collect()
    }

    /// The header Message-IDs of every message, sorted, as often as they occur.
    pub fn message_ids(&self) -> Vec<String> {
        let messages = self.all_messages();
        let mut ids: Vec<_> = messages
            .iter()
            .map(|one| one["message_id"].as_str().unwrap_or_default().to_owned())
            .collect();
        ids.sort();
        ids
    }

    /// The exact bytes of a message.
    pub fn raw(&self, message: &str) -> Vec<u8> {
        let answer = self.ask("GET", &format!("/messages/{message}/raw"), &[], "");
        assert_eq!(answer.status, 200);
        answer.body
    }

    fn pages(&self, path: &str) -> Vec<Value> {
        let mut all = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.get(&format!("{path}?limit=200{after}"));
            all.extend(page["items"].as_array().unwrap().iter().cloned());
            let Some(next) = page["next"].as_str() else {
                return all;
            };
            after = format!("&after={next}");
        }
    }

    /// The feed from its beginning.
    pub fn feed(&self) -> Feed {
        Feed {
            api: self.clone(),
            next: 0,
        }
    }

    /// The feed from now on.
    pub fn feed_from_now(&self) -> Feed {
        let mut feed = self.feed();
        while !feed.read(0).is_empty() {}
        feed
    }
}

/// A place in the feed.
#[derive(Debug, Clone)]
pub struct Feed {
    pub api: Api,
    next: u64,
}

impl Feed {
    /// What is there, or comes within `wait` seconds.
    pub fn read(&mut self, wait: u64) -> Vec<Value> {
        let next = self.next;
        let path = format!("/events?after={next}&limit=1000&wait={wait}");
        let answer = self.api.get(&path);
        self.next = answer["next"].as_u64().unwrap();
        answer["events"].as_array().unwrap().clone()
    }

    /// Reads on until an event answers the question.
    pub fn until<T>(&mut self, what: &str, mut question: impl FnMut(&Value) -> Option<T>) -> T {
        let deadline = Instant::now() + FEED_WAIT_MAX;
        while Instant::now() < deadline {
            for event in self.read(5) {
                if let Some(answer) = question(&event) {
                    return answer;
                }
            }
        }
        panic!("waited {FEED_WAIT_MAX:?} in vain until {what}");
    }

    /// Reads on until `count` more mails have been routed; their conversations.
    pub fn until_routed(&mut self, count: usize) -> Vec<String> {
        let mut routed = Vec::new();
        let what = format!("{count} mails are routed");
        self.until(&what, |event| {
            if event["type"] == "conversation.routed" {
                routed.push(text(event, "conversation_id").to_owned());
            }
            (routed.len() >= count).then_some(())
        });
        routed
    }
}

/// A text that must be there.
pub fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("no {name} in {value}"))
}

fn parse(all: &[u8]) -> Option<Answer> {
    let split = all.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&all[..split]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let body = all[split + 4..].to_vec();
    Some(Answer { status, body })
}
