//! A stream whose client has to read: a write that makes no progress for too long is the
//! end of it. Deliberately absent: idle streams. Who has nothing to read is not late.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The stream.
#[derive(Debug)]
pub(super) struct Patience<S> {
    stream: S,
    unread_max: Duration,
    /// Runs while bytes wait to be written.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patience<S> {
    /// A write may stand still so long.
    pub(super) fn new(stream: S, unread_max: Duration) -> Self {
        Self {
            stream,
            unread_max,
            waiting: None,
        }
    }

    /// What a try to write has come to; an error when it was the last.
    fn after<T>(
        &mut self,
        tried: Poll<io::Result<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if tried.is_ready() {
            self.waiting = None;
            return tried;
        }
        let unread_max = self.unread_max;
        let begin = || Box::pin(tokio::time::sleep(unread_max));
        let waiting = self.waiting.get_or_insert_with(begin);
        waiting.as_mut().poll(cx).map(|()| {
            let words = "the client has stopped reading";
            Err(io::Error::new(io::ErrorKind::TimedOut, words))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patience<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patience<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.after(tried, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let tried = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.after(tried, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    const UNREAD_MAX: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn who_stops_reading_is_left_and_who_reads_slowly_is_not() {
        let (near, mut far) = tokio::io::duplex(16);
        let mut stream = Patience::new(near, UNREAD_MAX);
        let reader = tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_secs(29)).await;
                let mut some = [0; 16];
                far.read_exact(&mut some).await.expect("it is sent");
            }
            far
        });
        stream.write_all(&[0; 160]).await.expect("slow, but read");
        let _far = reader.await.expect("no panic");
        // Nothing to write for an hour, as a live stream without news.
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let begun = Instant::now();
        let left = tokio::time::timeout(2 * UNREAD_MAX, stream.write_all(&[0; 160]))
            .await
            .expect("it ends")
            .map_err(|error| error.kind());
        assert_eq!(left, Err(io::ErrorKind::TimedOut));
        assert_eq!(begun.elapsed().as_secs(), UNREAD_MAX.as_secs());
    }
}
