//! The command line's end of the socket.

use std::io;
use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;

use super::message::{Answer, LINE_LENGTH_MAX, Request};

/// Answers of one command, in bytes.
const ANSWER_LENGTH_MAX: u64 = 64 * LINE_LENGTH_MAX as u64;

/// A gateway that listens.
#[derive(Debug)]
pub struct Gateway {
    stream: UnixStream,
}

impl Gateway {
    /// Finds the gateway that owns the socket; `None` when nobody listens.
    ///
    /// # Errors
    /// When the socket is there but may not be opened.
    pub async fn find(path: &Path) -> io::Result<Option<Self>> {
        match UnixStream::connect(path).await {
            Ok(stream) => Ok(Some(Self { stream })),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Asks and waits for the last word; `tell` gets the steps on the way.
    ///
    /// # Errors
    /// When the gateway goes away before it has answered.
    pub async fn ask(self, request: &Request, mut tell: impl FnMut(Answer)) -> io::Result<Answer> {
        let (read, mut write) = self.stream.into_split();
        let mut line = serde_json::to_vec(request)?;
        line.push(b'\n');
        write.write_all(&line).await?;
        let mut lines = BufReader::new(read.take(ANSWER_LENGTH_MAX)).lines();
        while let Some(line) = lines.next_line().await? {
            match serde_json::from_str(&line)? {
                answer if Answer::is_last(&answer) => return Ok(answer),
                more => tell(more),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the gateway stopped before it answered",
        ))
    }
}
