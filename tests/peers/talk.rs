//! An IMAP dialogue by hand, a line at a time, over any stream.
//!
//! It judges the peers and, later, what the gateway left on the server. It shares
//! no code with `src/protocol/imap`.

use std::sync::Arc;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::STEP_MAX;
use super::tls::{client_config, server_name};

/// One connection; remembers how many commands it has sent.
pub struct Talk<S> {
    stream: BufReader<S>,
    sent: u32,
}

/// Plain TCP; the greeting is read and returned.
pub async fn connect(port: u16) -> (Talk<TcpStream>, String) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    greet(stream).await
}

/// TLS from the first byte (RFC 8314).
pub async fn connect_tls(port: u16, authority_pem: &str) -> (Talk<TlsStream<TcpStream>>, String) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    greet(upgrade(stream, authority_pem).await).await
}

async fn greet<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> (Talk<S>, String) {
    let stream = BufReader::new(stream);
    let mut talk = Talk { stream, sent: 0 };
    let greeting = talk.line().await;
    (talk, greeting)
}

async fn upgrade(stream: TcpStream, authority_pem: &str) -> TlsStream<TcpStream> {
    let connector = TlsConnector::from(Arc::clone(&client_config(authority_pem)));
    let handshake = connector.connect(server_name(), stream);
    timeout(STEP_MAX, handshake).await.unwrap().unwrap()
}

impl Talk<TcpStream> {
    /// STARTTLS (RFC 9051 section 6.2.1); what was buffered before is gone with the buffer.
    pub async fn start_tls(mut self, authority_pem: &str) -> Talk<TlsStream<TcpStream>> {
        self.command("STARTTLS").await;
        let sent = self.sent;
        let stream = upgrade(self.stream.into_inner(), authority_pem).await;
        let stream = BufReader::new(stream);
        Talk { stream, sent }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Talk<S> {
    /// Sends a command and returns all lines up to its tagged answer, which must be OK.
    /// A literal is part of the line that announces it.
    pub async fn command(&mut self, command: &str) -> Vec<String> {
        let lines = self.try_command(command).await;
        let answer = lines.last().unwrap();
        assert!(answer.contains(" OK "), "{command}: {answer}");
        lines
    }

    /// The same; the answer may be NO or BAD.
    pub async fn try_command(&mut self, command: &str) -> Vec<String> {
        self.sent += 1;
        let tag = format!("t{} ", self.sent);
        self.send(&format!("{tag}{command}")).await;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            let last = line.starts_with(&tag);
            lines.push(line);
            if last {
                return lines;
            }
        }
    }

    /// Sends a line as it is (DONE, a continuation).
    pub async fn send(&mut self, line: &str) {
        let bytes = format!("{line}\r\n");
        self.stream.write_all(bytes.as_bytes()).await.unwrap();
    }

    /// The stream alone, for who reads by other means. Nothing may be buffered.
    pub fn into_stream(self) -> S {
        assert!(self.stream.buffer().is_empty(), "responses would be lost");
        self.stream.into_inner()
    }

    /// The next response, its literals included, without the final CRLF.
    pub async fn line(&mut self) -> String {
        timeout(STEP_MAX, self.read_response())
            .await
            .expect("the server says nothing")
    }

    async fn read_response(&mut self) -> String {
        let mut all = Vec::new();
        loop {
            let count = self.stream.read_until(b'\n', &mut all).await.unwrap();
            assert!(count > 0, "the server closed the connection");
            let Some(length) = literal_length(&all) else {
                break;
            };
            let start = all.len();
            all.resize(start + length, 0);
            self.stream.read_exact(&mut all[start..]).await.unwrap();
        }
        String::from_utf8_lossy(&all).trim_end().to_owned()
    }
}

/// The number in `{...}` at the end of a line (RFC 9051 section 4.3).
pub fn literal_length(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}
