//! The gateway's end of the socket.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::message::{Answer, LINE_LENGTH_MAX, Request};

/// Commands served at the same time.
const CONNECTIONS_MAX: usize = 16;
/// A command line that does not say what it wants is hung up on.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);

/// Binds the socket. A socket left by a crash is replaced: the store's lock, held
/// by the caller, proves that no other gateway owns it.
///
/// # Errors
/// When it cannot be made or protected.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves commands until `shutdown`, and takes the socket away.
pub async fn run(listener: UnixListener, path: PathBuf, desk: Desk, shutdown: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            break;
        };
        match accepted {
            Ok((stream, _)) => {
                let (desk, shutdown) = (desk.clone(), shutdown.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = shutdown.cancelled() => {}
                        served = serve(stream, &desk) => if let Err(error) = served {
                            tracing::debug!(%error, "a command went away");
                        },
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control socket does not accept");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::debug!(%error, "the control socket was gone already");
    }
}

async fn serve(stream: UnixStream, desk: &Desk) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    let mut reader = BufReader::new(read.take(LINE_LENGTH_MAX as u64));
    match tokio::time::timeout(REQUEST_TIME_MAX, reader.read_line(&mut line)).await {
        Ok(read) => read?,
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    };
    let request: Request = match serde_json::from_str(&line) {
        Ok(request) => request,
        Err(error) => {
            let words = format!(
                "the gateway does not understand this command ({error}); are both of one version?"
            );
            return send(&mut write, &Answer::Failed { words }).await;
        }
    };
    let (steps, mut told) = mpsc::unbounded_channel();
    // Steps are few (one per stage of a trial) and lists are bounded where they are read,
    // so the channel needs no bound of its own.
    let work = desk.carry_out(request, |step| {
        let _gone_asker = steps.send(step);
    });
    tokio::pin!(work);
    let answer = loop {
        tokio::select! {
            biased;
            Some(step) = told.recv() => send(&mut write, &step).await?,
            answer = &mut work => break answer,
        }
    };
    while let Ok(step) = told.try_recv() {
        send(&mut write, &step).await?;
    }
    send(&mut write, &answer).await
}

async fn send(write: &mut tokio::net::unix::OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    write.write_all(&line).await
}
