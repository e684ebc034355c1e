//! How the replies of a mailbox are written and filed, as a person sets it.

/// Under which name replies leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SenderName {
    /// That of the identity.
    #[default]
    Identity,
    /// The operator's who wrote it.
    Operator,
    /// `Operator (Identity)`.
    OperatorAndIdentity,
}

impl SenderName {
    /// The word by which settings call it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Operator => "operator",
            Self::OperatorAndIdentity => "operator_and_identity",
        }
    }

    /// The one a word stands for.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        [Self::Identity, Self::Operator, Self::OperatorAndIdentity]
            .into_iter()
            .find(|one| one.word() == word)
    }
}

/// New values of [`ReplySettings`] as they were typed; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyChange {
    /// Whether history is quoted.
    pub quote_history: Option<bool>,
    /// Whether HTML goes along.
    pub with_html: Option<bool>,
    /// A word of [`SenderName`]; the usual one when empty.
    pub sender_name: Option<String>,
    /// Whether Reply-To carries a token.
    pub tagged_reply_to: Option<bool>,
    /// Whether a missing Sent folder is made.
    pub create_sent: Option<bool>,
    /// Whether the Sent folder is read.
    pub watch_sent: Option<bool>,
}

impl ReplyChange {
    /// The settings with the new values; `None` when the word is none of [`SenderName`]'s.
    #[must_use]
    pub fn over(&self, before: ReplySettings) -> Option<ReplySettings> {
        let sender_name = match self.sender_name.as_deref().map(str::trim) {
            None => before.sender_name,
            Some("") => SenderName::default(),
            Some(word) => SenderName::named(word)?,
        };
        Some(ReplySettings {
            quote_history: self.quote_history.unwrap_or(before.quote_history),
            with_html: self.with_html.unwrap_or(before.with_html),
            sender_name,
            tagged_reply_to: self.tagged_reply_to.unwrap_or(before.tagged_reply_to),
            create_sent: self.create_sent.unwrap_or(before.create_sent),
            watch_sent: self.watch_sent.unwrap_or(before.watch_sent),
        })
    }
}

/// How replies of a mailbox are written and filed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplySettings {
    /// The mail that is answered is quoted below, unless the reply says otherwise.
    pub quote_history: bool,
    /// Replies carry HTML beside their text, made of the same source.
    pub with_html: bool,
    /// Under which name they leave.
    pub sender_name: SenderName,
    /// Reply-To is the address with `+` and a signed token, so that an answer finds its
    /// conversation where every header was lost. Only for providers that deliver it.
    pub tagged_reply_to: bool,
    /// A Sent folder that is missing is made.
    pub create_sent: bool,
    /// The Sent folder is read too: answers written elsewhere join their conversation.
    pub watch_sent: bool,
}

impl Default for ReplySettings {
    fn default() -> Self {
        Self {
            quote_history: false,
            with_html: true,
            sender_name: SenderName::default(),
            tagged_reply_to: false,
            create_sent: true,
            watch_sent: true,
        }
    }
}
