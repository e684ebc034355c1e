//! Files that people hand in before the mail that takes them along.
//!
//! A file goes into the store as it comes, piece by piece; its id is told once it is durable.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::key::PublicId;
use crate::domain::saying::{Said, Saying, saying};
use crate::domain::upload::Upload;
use crate::domain::user::{Actor, Role};
use crate::mime::compose::LENGTH_MAX;
use crate::service::clock::Clock;
use crate::service::random::{NoRandomness, Random};
use crate::store::{RawWriter, Store, StoreError};

/// Longest name of a file as it is handed in, in bytes.
const NAME_LENGTH_MAX: usize = 1_000;
/// Between two looks for files that nobody came for.
const SWEPT_EVERY: Duration = Duration::from_secs(60 * 60);
/// Longest type, in bytes.
const TYPE_LENGTH_MAX: usize = 127;

/// Why a file was not taken. Nothing of it is kept then.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub enum UploadError {
    /// The actor may not write replies.
    NotAllowed,
    /// Larger than any mail.
    TooLarge,
    /// Its name is too long.
    Name,
    /// Too many wait already.
    TooMany,
    /// No id can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Said for UploadError {
    fn saying(&self) -> Saying {
        match self {
            Self::NotAllowed => saying!("cannot.upload.not_allowed"),
            Self::TooLarge => saying!("cannot.upload.too_large", mib = LENGTH_MAX / 1024 / 1024),
            Self::Name => saying!("cannot.upload.name", most = NAME_LENGTH_MAX),
            Self::TooMany => saying!("cannot.upload.too_many", most = Upload::WAITING_MAX),
            Self::Randomness(error) => error.saying(),
            Self::Store(error) => Saying::words(error),
        }
    }
}

/// The service.
#[derive(Clone, Debug)]
pub struct Uploads {
    store: Store,
    clock: Clock,
    random: Random,
}

/// A file on its way in.
#[derive(Debug)]
pub struct Incoming {
    uploads: Uploads,
    actor: Actor,
    name: String,
    content_type: String,
    writer: RawWriter,
    size: u64,
}

impl Uploads {
    /// A service over the store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, random: Random) -> Self {
        Self {
            store,
            clock,
            random,
        }
    }

    /// Begins a file. `content_type` is what the client claims.
    ///
    /// # Errors
    /// When the actor may not, or the name is too long.
    pub async fn begin(
        &self,
        actor: &Actor,
        name: &str,
        content_type: Option<&str>,
    ) -> Result<Incoming, UploadError> {
        if !actor.may(Role::Operator, actor.workspace()) {
            return Err(UploadError::NotAllowed);
        }
        if name.len() > NAME_LENGTH_MAX {
            return Err(UploadError::Name);
        }
        let claimed = content_type
            .and_then(|text| text.split(';').next())
            .map(|text| text.trim().to_ascii_lowercase())
            .filter(|text| text.len() <= TYPE_LENGTH_MAX && text.contains('/'));
        Ok(Incoming {
            uploads: self.clone(),
            actor: actor.clone(),
            name: name.to_owned(),
            content_type: claimed.unwrap_or_else(|| "application/octet-stream".to_owned()),
            writer: self.store.begin_raw().await,
            size: 0,
        })
    }

    /// Takes away what nobody came for, at once and then now and then, until the stop signal.
    pub async fn sweep(self, stop: CancellationToken) {
        loop {
            match self.store.sweep_uploads(self.clock.now()).await {
                Ok(0) => {}
                Ok(count) => tracing::info!(count, "uploads that no mail took along are removed"),
                Err(error) => tracing::warn!(%error, "old uploads could not be removed"),
            }
            let stopped = tokio::time::timeout(SWEPT_EVERY, stop.cancelled()).await;
            if stopped.is_ok() {
                return;
            }
        }
    }
}

impl Incoming {
    /// Takes the next bytes.
    ///
    /// # Errors
    /// When there are too many, or the store does not take them.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        self.size += bytes.len() as u64;
        if self.size > LENGTH_MAX as u64 {
            return Err(UploadError::TooLarge);
        }
        Ok(self.writer.write(bytes).await?)
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn finish(self) -> Result<Upload, UploadError> {
        let Self {
            uploads,
            actor,
            name,
            content_type,
            writer,
            size,
        } = self;
        let now = uploads.clock.now();
        let upload = Upload {
            id: PublicId::new(now, uploads.random.bytes()?),
            workspace: actor.workspace(),
            by: actor.user(),
            name,
            content_type,
            raw: writer.finish().await?,
            size,
            at: now,
        };
        if uploads.store.keep_upload(upload.clone()).await? {
            Ok(upload)
        } else {
            Err(UploadError::TooMany)
        }
    }

    /// Forgets what has come of it.
    pub async fn discard(self) {
        if let Err(error) = self.writer.discard().await {
            tracing::debug!(%error, "a broken upload is removed at the next start");
        }
    }
}
