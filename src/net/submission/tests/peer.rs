//! A submission server that follows a script.
//!
//! A script has a step per line: `S:` the server says, `C:` it hears a line that
//! begins so, `D:` it reads the content, `X:` it closes, `H:` it says nothing more
//! and lets time pass. After its last step it goes on politely until QUIT.

#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream,
};

/// The lines and the content a peer was sent.
pub(super) type Heard = Vec<Vec<u8>>;

async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> Vec<u8> {
    let mut line = Vec::new();
    // A peer that breaks off is an end like any other for a script.
    let _ = stream.read_until(b'\n', &mut line).await;
    line.trim_ascii_end().to_vec()
}

pub(super) async fn play(stream: impl AsyncRead + AsyncWrite + Unpin, script: Vec<u8>) -> Heard {
    let mut stream = BufStream::new(stream);
    let mut heard = Vec::new();
    for step in script.split(|byte| *byte == b'\n') {
        let step = step.trim_ascii_start();
        let Some((kind, rest)) = step.split_at_checked(2) else {
            continue;
        };
        let rest = rest.trim_ascii_start();
        match kind {
            b"S:" => {
                let said = [rest, b"\r\n"].concat();
                stream.write_all(&said).await.expect("written");
                stream.flush().await.expect("flushed");
            }
            b"C:" => {
                let line = line(&mut stream).await;
                let words = String::from_utf8_lossy(&line);
                assert!(line.starts_with(rest), "{words:?}, not {step:?}");
                heard.push(line);
            }
            b"D:" => heard.push(content(&mut stream).await),
            b"X:" => return heard,
            b"H:" => {
                // From here on only deadlines can end the wait, and they pass at once.
                tokio::time::pause();
                let mut rest = Vec::new();
                let _ = stream.read_to_end(&mut rest).await;
                return heard;
            }
            _ => panic!("what is {:?}?", String::from_utf8_lossy(step)),
        }
    }
    loop {
        let line = line(&mut stream).await;
        let answer: &[u8] = match line.as_slice() {
            b"" => return heard,
            b"QUIT" => b"221 bye\r\n",
            _ => b"250 as you like\r\n",
        };
        heard.push(line);
        if stream.write_all(answer).await.is_err() || stream.flush().await.is_err() {
            return heard;
        }
    }
}

async fn content(stream: &mut (impl AsyncRead + Unpin)) -> Vec<u8> {
    let mut content = Vec::new();
    while !content.ends_with(b"\r\n.\r\n") {
        match stream.read_u8().await {
            Ok(byte) => content.push(byte),
            Err(_) => break,
        }
    }
    content
}
