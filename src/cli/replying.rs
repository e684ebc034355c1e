//! Options of how a mailbox replies.

use clap::Args;

use crate::control::replying::RepliesForm;

#[derive(Clone, Debug, Default, Args)]
pub(super) struct ReplyingOptions {
    /// Quote the answered mail below replies, unless a reply says otherwise: true or false
    #[arg(long, value_name = "BOOL")]
    quote_history: Option<bool>,
    /// Send simple HTML beside the text: true or false
    #[arg(long, value_name = "BOOL")]
    with_html: Option<bool>,
    /// Whose name replies leave under: identity, operator or operator_and_identity
    #[arg(long, value_name = "WHOSE")]
    sender_name: Option<String>,
    /// Reply-To with a signed token behind a plus sign, where the provider delivers it: true or
    /// false
    #[arg(long, value_name = "BOOL")]
    tagged_reply_to: Option<bool>,
    /// Make the folder for copies of replies when there is none: true or false
    #[arg(long, value_name = "BOOL")]
    create_sent: Option<bool>,
    /// Read the Sent folder too, for answers written elsewhere: true or false
    #[arg(long, value_name = "BOOL")]
    watch_sent: Option<bool>,
}

impl From<ReplyingOptions> for RepliesForm {
    fn from(options: ReplyingOptions) -> Self {
        Self {
            quote_history: options.quote_history,
            with_html: options.with_html,
            sender_name: options.sender_name,
            tagged_reply_to: options.tagged_reply_to,
            create_sent: options.create_sent,
            watch_sent: options.watch_sent,
        }
    }
}
