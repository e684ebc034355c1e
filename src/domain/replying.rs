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
