//! Why a copy of a reply is not in Sent, in words for a person.

use crate::domain::folder::FolderName;
use crate::domain::saying::{Said, Saying, saying};
use crate::net::imap::ImapError;
use crate::protocol::imap::Code;
use crate::service::credentials::EnterError;
use crate::store::StoreError;

/// Why no copy was made.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.saying())]
pub(super) enum FileError {
    Enter(#[from] EnterError),
    Imap(#[from] ImapError),
    NoSentFolder,
    NotCreated(FolderName, #[source] Box<ImapError>),
    NoEvidence,
    NoBytes,
    NoFolders,
    Store(#[from] StoreError),
}

impl Said for FileError {
    fn saying(&self) -> Saying {
        match self {
            Self::Enter(error) => error.saying(),
            Self::Imap(error) => error.saying(),
            Self::NoSentFolder => saying!("filing.no_folder"),
            Self::NotCreated(folder, what) => {
                saying!("filing.not_created", folder, what = what.as_ref())
            }
            Self::NoEvidence => saying!("filing.no_evidence"),
            Self::NoBytes => saying!("outbox.no_bytes"),
            Self::NoFolders => saying!("filing.no_folders"),
            Self::Store(what) => saying!("sync.store", what),
        }
    }
}

impl FileError {
    /// The server will not say otherwise in an hour (RFC 5530, RFC 9208): a person hears of
    /// it now.
    pub(super) fn is_final(&self) -> bool {
        let error = match self {
            Self::Imap(error) => error,
            Self::NotCreated(_, error) => error,
            Self::NoSentFolder => return true,
            _ => return false,
        };
        let ImapError::Refused { refusal, .. } = error else {
            return false;
        };
        let quota = refusal.text.to_lowercase().contains("quota");
        let code = matches!(
            refusal.code,
            Some(Code::OverQuota | Code::NoPerm | Code::TooBig | Code::Cannot | Code::Limit)
        );
        quota || code
    }
}
