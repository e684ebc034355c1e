//! The values of a mail as they go onto the wire: ASCII addresses, one line, bounded.

use crate::domain::address::{Address, NamedAddress};
use crate::domain::envelope::Envelope;
use crate::domain::message_id::MessageId;
use crate::mime::header::words::one_line;
use crate::mime::name::clean_name;

use super::composition::{Answered, ComposeError, Composition};

/// Most ids in References; of longer threads the first and the last remain (RFC 5322 section 3.6.4).
pub const REFERENCES_MAX: usize = 30;
/// Longest id that is taken over into References: it has to fit on a line.
const REFERENCE_LENGTH_MAX: usize = 500;
/// Longest subject, in characters.
const SUBJECT_LENGTH_MAX: usize = 500;

/// The addresses and values as they go onto the wire: ASCII, on one line, bounded.
pub(super) struct Wire {
    pub(super) from: NamedAddress,
    pub(super) reply_to: Option<NamedAddress>,
    pub(super) to: Vec<NamedAddress>,
    pub(super) cc: Vec<NamedAddress>,
    bcc: Vec<NamedAddress>,
    pub(super) subject: String,
    pub(super) references: Vec<MessageId>,
    pub(super) file_names: Vec<String>,
}

impl Wire {
    pub(super) fn new(composition: &Composition<'_>) -> Result<Self, ComposeError> {
        let all = |list: &[NamedAddress]| list.iter().map(to_ascii).collect::<Result<Vec<_>, _>>();
        let subject: String = one_line(composition.subject)
            .chars()
            .take(SUBJECT_LENGTH_MAX)
            .collect();
        Ok(Self {
            from: to_ascii(composition.from)?,
            reply_to: composition.reply_to.map(to_ascii).transpose()?,
            to: all(composition.to)?,
            cc: all(composition.cc)?,
            bcc: all(composition.bcc)?,
            subject: subject.trim_end().to_owned(),
            references: composition.answered.map(references).unwrap_or_default(),
            file_names: composition
                .files
                .iter()
                .map(|file| clean_name(Some(file.name), file.content_type))
                .collect(),
        })
    }

    /// To, Cc and Bcc, each address once.
    pub(super) fn envelope(&self) -> Result<Envelope, ComposeError> {
        let mut forward_paths: Vec<Address> = Vec::new();
        for one in self.to.iter().chain(&self.cc).chain(&self.bcc) {
            if !forward_paths.contains(&one.address) {
                forward_paths.push(one.address.clone());
            }
        }
        match forward_paths.len() {
            0 => Err(ComposeError::NoRecipient),
            count if count > Envelope::RECIPIENTS_MAX => {
                Err(ComposeError::TooManyRecipients(count))
            }
            _ => Ok(Envelope {
                reverse_path: Some(self.from.address.clone()),
                forward_paths,
            }),
        }
    }
}

/// RFC 5890: the domain as A-labels. A local part has no such form.
fn to_ascii(named: &NamedAddress) -> Result<NamedAddress, ComposeError> {
    let address = &named.address;
    if address.as_str().is_ascii() {
        return Ok(named.clone());
    }
    let domain = idna::domain_to_ascii(address.domain()).ok();
    let ascii = domain
        .and_then(|domain| Address::parse(&format!("{}@{domain}", address.local())).ok())
        .filter(|ascii| ascii.as_str().is_ascii())
        .ok_or_else(|| ComposeError::NotAscii(address.clone()))?;
    Ok(NamedAddress::new(named.name(), ascii))
}

/// RFC 5322 section 3.6.4: the parent's References and its Message-ID behind them.
pub(super) fn references(answered: Answered<'_>) -> Vec<MessageId> {
    let fits =
        |id: &&MessageId| id.as_str().is_ascii() && id.as_str().len() <= REFERENCE_LENGTH_MAX;
    let older = answered
        .references
        .iter()
        .filter(|id| *id != answered.message_id);
    let mut all: Vec<MessageId> = older
        .chain([answered.message_id])
        .filter(fits)
        .cloned()
        .collect();
    if all.len() > REFERENCES_MAX {
        // The root stays: some programs thread by it alone.
        let surplus = all.len() - REFERENCES_MAX;
        all.drain(1..=surplus);
    }
    all
}
