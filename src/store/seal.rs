//! Sealing: secrets at rest, and the keys that seal and sign.
//!
//! Keys are numbered files in `<folder>/keys`, so that they can be rotated; a
//! backup of the database alone opens nothing. A sealed value is version, key
//! number, nonce and XChaCha20-Poly1305 ciphertext, bound to its row: moved to
//! another row it does not open. Nothing outside this file unseals.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::domain::message_id::SigningKey;

const FOLDER: &str = "keys";
const FOLDER_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const KEY_LENGTH: usize = 32;
const NONCE_LENGTH: usize = 24;
/// Form of sealed values.
const VERSION: u8 = 1;
/// Why a sealed value does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// Written by a newer program, or no sealed value at all.
    #[error("its form is unknown")]
    Form,
    /// The key is not among the files.
    #[error("key number {0} is not in the keys folder; put it back from where it is kept")]
    NoKey(u32),
    /// Altered, moved to another row, or sealed by another key of the same number.
    #[error("it was altered, or the key file is not the one that sealed it")]
    Refused,
    /// The system gave no random bytes.
    #[error("the system gives no random bytes")]
    NoRandomness,
}

/// Why the keys of a folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The database is there, its keys are not.
    #[error(
        "the database is there but {} holds no {kind} key; put the keys folder back beside it (a backup leaves it out on purpose)",
        folder.display()
    )]
    Missing {
        /// Where they should be.
        folder: PathBuf,
        /// Which sort.
        kind: &'static str,
    },
    /// They are not the keys of this database.
    #[error(
        "the keys in {} are not the ones this database was made with; put the right ones back",
        folder.display()
    )]
    Wrong {
        /// Where they are.
        folder: PathBuf,
    },
    /// Not what a key file looks like.
    #[error("{} is no key file: it must hold {} hexadecimal digits", path.display(), 2 * KEY_LENGTH)]
    Form {
        /// Which.
        path: PathBuf,
    },
    /// Cannot be read or made.
    #[error("{} cannot be used: {cause}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
}

type KeyBytes = Zeroizing<[u8; KEY_LENGTH]>;

/// The keys of one data folder.
pub(super) struct Keys {
    folder: PathBuf,
    sealing: BTreeMap<u32, KeyBytes>,
    signing: BTreeMap<u32, SigningKey>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("sealing", &self.sealing.keys())
            .field("signing", &self.signing.keys())
            .finish_non_exhaustive()
    }
}

impl Keys {
    /// Reads them; makes the first ones when there is no database yet either.
    pub(super) fn load(data_folder: &Path, database_exists: bool) -> Result<Self, KeyError> {
        let folder = data_folder.join(FOLDER);
        DirBuilder::new()
            .recursive(true)
            .mode(FOLDER_MODE)
            .create(&folder)
            .map_err(|cause| io_error(&folder, cause))?;
        let kind = |kind: &'static str| -> Result<BTreeMap<u32, KeyBytes>, KeyError> {
            let mut found = read_all(&folder, kind)?;
            if found.is_empty() {
                if database_exists {
                    return Err(KeyError::Missing {
                        folder: folder.clone(),
                        kind,
                    });
                }
                found.insert(1, make(&folder, kind, 1)?);
            }
            Ok(found)
        };
        let sealing = kind("seal")?;
        let signing = kind("sign")?
            .into_iter()
            .map(|(id, bytes)| (id, SigningKey::new(id, *bytes)))
            .collect();
        Ok(Self {
            folder,
            sealing,
            signing,
        })
    }

    /// The key with which new Message-IDs are signed: the highest number.
    pub(super) fn signing(&self) -> Option<&SigningKey> {
        self.signing.values().next_back()
    }

    /// The key of that number.
    pub(super) fn signing_by_id(&self, id: u32) -> Option<&SigningKey> {
        self.signing.get(&id)
    }

    /// Seals for one row.
    pub(super) fn seal(&self, row: &[u8], clear: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, key) = self.sealing.last_key_value().ok_or(SealError::NoKey(0))?;
        let mut nonce = [0; NONCE_LENGTH];
        getrandom::fill(&mut nonce).map_err(|_| SealError::NoRandomness)?;
        let text = cipher(key)
            .encrypt(
                &XNonce::from(nonce),
                Payload {
                    msg: clear,
                    aad: row,
                },
            )
            .map_err(|_| SealError::Refused)?;
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&id.to_be_bytes());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        Ok(sealed)
    }

    /// Opens what was sealed for the same row.
    pub(super) fn unseal(
        &self,
        row: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let rest = sealed.strip_prefix(&[VERSION]).ok_or(SealError::Form)?;
        let (id, rest) = rest.split_first_chunk().ok_or(SealError::Form)?;
        let (nonce, text) = rest
            .split_first_chunk::<NONCE_LENGTH>()
            .ok_or(SealError::Form)?;
        let id = u32::from_be_bytes(*id);
        let key = self.sealing.get(&id).ok_or(SealError::NoKey(id))?;
        cipher(key)
            .decrypt(
                &XNonce::from(*nonce),
                Payload {
                    msg: text,
                    aad: row,
                },
            )
            .map(Zeroizing::new)
            .map_err(|_| SealError::Refused)
    }

    /// The sentence for keys that failed the check.
    pub(super) fn wrong(&self) -> KeyError {
        KeyError::Wrong {
            folder: self.folder.clone(),
        }
    }
}

fn cipher(key: &KeyBytes) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&chacha20poly1305::Key::from(**key))
}

fn io_error(path: &Path, cause: io::Error) -> KeyError {
    KeyError::Io {
        path: path.to_owned(),
        cause,
    }
}

fn read_all(folder: &Path, kind: &str) -> Result<BTreeMap<u32, KeyBytes>, KeyError> {
    let mut keys = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|cause| io_error(folder, cause))? {
        let path = entry.map_err(|cause| io_error(folder, cause))?.path();
        let id = path
            .file_name()
            .and_then(|name| name.to_str())
            .and_then(|name| name.strip_prefix(kind)?.strip_prefix('-'))
            .and_then(|name| name.strip_suffix(".key")?.parse().ok());
        if let Some(id) = id {
            let text = fs::read_to_string(&path).map_err(|cause| io_error(&path, cause))?;
            let bytes = from_hex(Zeroizing::new(text).trim()).ok_or(KeyError::Form { path })?;
            keys.insert(id, bytes);
        }
    }
    Ok(keys)
}

/// Makes a key and its file; an existing file is never overwritten.
fn make(folder: &Path, kind: &str, id: u32) -> Result<KeyBytes, KeyError> {
    let path = folder.join(format!("{kind}-{id}.key"));
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    getrandom::fill(bytes.as_mut_slice())
        .map_err(|cause| io_error(&path, io::Error::other(cause)))?;
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&path)?;
        let mut text = Zeroizing::new(String::with_capacity(2 * KEY_LENGTH + 1));
        bytes.iter().for_each(|byte| push_hex(&mut text, *byte));
        text.push('\n');
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        File::open(folder)?.sync_all()
    };
    written().map_err(|cause| io_error(&path, cause))?;
    Ok(bytes)
}

fn push_hex(text: &mut String, byte: u8) {
    for digit in [byte >> 4, byte & 0xF] {
        text.extend(char::from_digit(u32::from(digit), 16));
    }
}

fn from_hex(text: &str) -> Option<KeyBytes> {
    let digits = text.as_bytes();
    if digits.len() != 2 * KEY_LENGTH {
        return None;
    }
    let mut bytes = Zeroizing::new([0; KEY_LENGTH]);
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_sealed_value_opens_only_in_its_row_and_unaltered() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::load(folder.path(), false).unwrap();
        let sealed = keys.seal(b"logins 1", b"hunter2").unwrap();
        assert_eq!(*keys.unseal(b"logins 1", &sealed).unwrap(), b"hunter2");
        assert_eq!(
            keys.unseal(b"logins 2", &sealed).unwrap_err(),
            SealError::Refused
        );
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert!(keys.unseal(b"logins 1", &altered).is_err(), "byte {at}");
        }
        assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
    }

    #[test]
    fn keys_are_made_once_and_only_for_their_owner() {
        let folder = tempfile::tempdir().unwrap();
        let sealed = Keys::load(folder.path(), false)
            .unwrap()
            .seal(b"r", b"x")
            .unwrap();
        let again = Keys::load(folder.path(), true).unwrap();
        assert_eq!(*again.unseal(b"r", &sealed).unwrap(), b"x");
        let file = folder.path().join("keys/seal-1.key");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file), 0o600);
        assert_eq!(mode(&folder.path().join("keys")), 0o700);
        assert!(make(&folder.path().join("keys"), "seal", 1).is_err());
    }

    #[test]
    fn absent_and_broken_key_files_are_sentences() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Keys::load(folder.path(), true).unwrap_err().to_string();
        assert!(missing.contains("put the keys folder back"), "{missing}");
        fs::write(folder.path().join("keys/seal-1.key"), "abc").unwrap();
        let broken = Keys::load(folder.path(), false).unwrap_err().to_string();
        assert!(broken.contains("seal-1.key is no key file"), "{broken}");
    }
}
