//! The values of a mail as they go onto the wire: domains in ASCII, one line, bounded.

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
/// Says nothing inside a text, and readers drop it where one begins.
pub(super) const BYTE_ORDER_MARK: char = '\u{FEFF}';
/// Longest subject, in characters.
const SUBJECT_LENGTH_MAX: usize = 500;

/// Longest Content-ID that is taken over, without what we put behind its `@`.
const CONTENT_ID_LENGTH_MAX: usize = 100;

/// The addresses and values as they go onto the wire: on one line, bounded, in ASCII but for
/// local parts that have no such form (RFC 6532).
pub(super) struct Wire {
    pub(super) from: NamedAddress,
    pub(super) reply_to: Option<NamedAddress>,
    pub(super) to: Vec<NamedAddress>,
    pub(super) cc: Vec<NamedAddress>,
    bcc: Vec<NamedAddress>,
    pub(super) subject: String,
    pub(super) references: Vec<MessageId>,
    /// Of each file, in the order of the composition.
    pub(super) file_names: Vec<String>,
    /// What the HTML calls each file that it shows.
    pub(super) content_ids: Vec<Option<String>>,
}

/// A subject as it leaves: on one line, and no longer than anybody reads.
#[must_use]
pub fn subject_as_sent(text: &str) -> String {
    let line: String = one_line(&text.replace(BYTE_ORDER_MARK, ""))
        .chars()
        .take(SUBJECT_LENGTH_MAX)
        .collect();
    line.trim_end().to_owned()
}

impl Wire {
    pub(super) fn new(composition: &Composition<'_>) -> Result<Self, ComposeError> {
        let all = |list: &[NamedAddress]| list.iter().map(on_wire).collect::<Result<Vec<_>, _>>();
        let subject = subject_as_sent(composition.subject);
        Ok(Self {
            from: on_wire(composition.from)?,
            reply_to: composition.reply_to.map(on_wire).transpose()?,
            to: all(composition.to)?,
            cc: all(composition.cc)?,
            bcc: all(composition.bcc)?,
            subject,
            references: composition.answered.map(references).unwrap_or_default(),
            file_names: composition
                .files
                .iter()
                .map(|file| clean_name(Some(file.name), file.content_type))
                .collect(),
            content_ids: composition
                .files
                .iter()
                .map(|file| {
                    let id = file.content_id.filter(|_| composition.with_html)?;
                    content_id(id, composition.message_id)
                })
                .collect(),
        })
    }

    /// Whether the header holds letters beyond ASCII (RFC 6532).
    pub(super) fn is_utf8(&self) -> bool {
        let shown = self.to.iter().chain(&self.cc).chain(&self.reply_to);
        shown
            .chain([&self.from])
            .any(|one| !one.address.as_str().is_ascii())
    }

    /// To, Cc and Bcc, each address once.
    pub(super) fn envelope(&self) -> Result<Envelope, ComposeError> {
        let mut forward_paths: Vec<Address> = Vec::new();
        for one in self.to.iter().chain(&self.cc).chain(&self.bcc) {
            let folded = one.address.folded();
            if !forward_paths.iter().any(|known| known.folded() == folded) {
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

/// RFC 5890: the domain as A-labels. A local part has no such form and stays as it is. A name
/// that looks encoded would be decoded by many readers, even between quotes.
fn on_wire(named: &NamedAddress) -> Result<NamedAddress, ComposeError> {
    let address = &named.address;
    let name = named.name().map(|name| name.replace("=?", "= ?"));
    if address.domain().is_ascii() {
        return Ok(NamedAddress::new(name.as_deref(), address.clone()));
    }
    let ascii = address
        .ascii_domain()
        .and_then(|domain| Address::parse(&format!("{}@{domain}", address.local())).ok())
        .ok_or_else(|| ComposeError::Domain(address.clone()))?;
    Ok(NamedAddress::new(name.as_deref(), ascii))
}

/// A Content-ID that the world may read (RFC 2392): letters that no program encodes, and
/// behind the `@` what makes it ours. `None` when nothing is left of it.
fn content_id(id: &str, message_id: &MessageId) -> Option<String> {
    let local = id.split('@').next().unwrap_or_default();
    let kept: String = local
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .take(CONTENT_ID_LENGTH_MAX)
        .collect();
    let hash = blake3::hash(message_id.as_str().as_bytes()).to_hex();
    (!kept.is_empty()).then(|| format!("{kept}@{}", &hash[..16]))
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
