//! What the hooks of a plugin read in a mail: fields, and what sort of mail it is for
//! somebody who sells on a marketplace.

use super::message::Kind;

/// Fields of one mail.
pub const FIELDS_MAX: usize = 20;
/// Bytes of one field; a longer one is no field but a text.
pub const FIELD_BYTES_MAX: usize = 200;

/// What a plugin found in a mail.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extraction {
    /// Id of the plugin.
    pub plugin: String,
    /// What sort of mail it is; `None` when the plugin does not say.
    pub sort: Option<MailSort>,
    /// Names and values, in the order of their names; never empty ones.
    pub fields: Vec<(String, String)>,
    /// Why there is nothing: the hooks failed, with file, line and words.
    pub failure: Option<String>,
}

/// What sort of mail it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MailSort {
    /// A buyer wrote it.
    BuyerMessage,
    /// The marketplace tells something, of this sort; nobody waits for an answer.
    Notice(String),
    /// A copy of an answer that was given there.
    OwnAnswer,
    /// An answer of ours did not reach the buyer.
    Undeliverable,
}

impl MailSort {
    /// Their names in plugins, scripts and the API.
    pub const NAMES: [&str; 4] = ["buyer_message", "notice", "own_answer", "undeliverable"];

    /// By name; `notice` is what a notice is about.
    #[must_use]
    pub fn named(name: &str, notice: &str) -> Option<Self> {
        match name {
            "buyer_message" => Some(Self::BuyerMessage),
            "notice" => Some(Self::Notice(notice.to_owned())),
            "own_answer" => Some(Self::OwnAnswer),
            "undeliverable" => Some(Self::Undeliverable),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::BuyerMessage => "buyer_message",
            Self::Notice(_) => "notice",
            Self::OwnAnswer => "own_answer",
            Self::Undeliverable => "undeliverable",
        }
    }

    /// What a notice is about; empty for anything else.
    #[must_use]
    pub fn notice(&self) -> &str {
        match self {
            Self::Notice(about) => about,
            Self::BuyerMessage | Self::OwnAnswer | Self::Undeliverable => "",
        }
    }

    /// The kind of a mail of this sort. A marketplace sends buyers' messages by its own
    /// machines, whose marks say nothing of the buyer; but what answers or reports by
    /// itself stays so, whatever a plugin says.
    #[must_use]
    pub fn kind(&self, found: Kind) -> Kind {
        match (self, found) {
            (Self::Notice(_) | Self::OwnAnswer, Kind::Personal | Kind::List | Kind::Invitation) => {
                Kind::Automatic
            }
            (Self::BuyerMessage, Kind::Automatic | Kind::List) => Kind::Personal,
            (Self::Undeliverable, _) => Kind::Bounce,
            (_, found) => found,
        }
    }

    /// A person waits for an answer.
    #[must_use]
    pub fn wants_an_answer(&self) -> bool {
        *self == Self::BuyerMessage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back_and_only_buyers_are_persons() {
        for name in MailSort::NAMES {
            let sort = MailSort::named(name, "return").expect("a name");
            assert_eq!(sort.name(), name);
            for sent in [Kind::Automatic, Kind::Personal] {
                let personal = sort.kind(sent) == Kind::Personal;
                assert_eq!(personal, sort.wants_an_answer());
            }
            for machine in [Kind::AutomaticReply, Kind::Bounce, Kind::ReadReceipt] {
                assert_ne!(sort.kind(machine), Kind::Personal);
            }
        }
        assert_eq!(MailSort::named("ticket", ""), None);
    }
}
