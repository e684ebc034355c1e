//! An HTTPS server that is posted to: it keeps what comes and answers as it is told.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio_rustls::rustls::{ServerConnection, StreamOwned};

use super::STEP_MAX;
use super::tls::Authority;

/// The server; its thread ends with the test's process.
pub struct Hook {
    pub port: u16,
    authority: Authority,
    shared: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The next answers; then 200.
    answers: VecDeque<u16>,
    kept: Vec<Value>,
}

impl Hook {
    /// Answers with these statuses first.
    pub fn start(answers: impl IntoIterator<Item = u16>) -> Self {
        let authority = Authority::new();
        let tls = authority.issue().server_config();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Mutex::new(State {
            answers: answers.into_iter().collect(),
            kept: Vec::new(),
        }));
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(STEP_MAX)).unwrap();
                let session = ServerConnection::new(Arc::clone(&tls)).unwrap();
                // A client that breaks off is a matter of its own.
                let _ = serve(StreamOwned::new(session, stream), &theirs);
            }
        });
        Self {
            port,
            authority,
            shared,
        }
    }

    pub fn authority_pem(&self) -> String {
        self.authority.pem()
    }

    /// Every body that came, whatever was answered.
    pub fn kept(&self) -> Vec<Value> {
        self.shared.lock().unwrap().kept.clone()
    }
}

fn serve(stream: impl Read + Write, shared: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let status = {
        let mut state = shared.lock().unwrap();
        state.kept.push(serde_json::from_slice(&body).unwrap());
        state.answers.pop_front().unwrap_or(200)
    };
    let stream = reader.get_mut();
    write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    stream.flush()
}
