//! `postern outbox`: replies on their way.

use clap::Subcommand;

use crate::control::message::{OrderWord, OutboxAsked, Request};

#[derive(Debug, Subcommand)]
pub(super) enum OutboxCommand {
    /// Show what is under way or waits, then what has ended, the newest first
    List {
        /// Only these: open (all that are not at their end), queued, scheduled, held, sending,
        /// deferred, uncertain, sent, failed, bounced or cancelled
        #[arg(long)]
        state: Option<String>,
        /// Only those of this mailbox: address, slug or id
        #[arg(long)]
        mailbox: Option<String>,
        /// Go on where the last page ended
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
        /// How many
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Show one reply, what each recipient's server said, and all that became known of its fate
    Show {
        /// Its id
        id: String,
    },
    /// Send what waits (queued, scheduled or deferred) at once
    Retry {
        /// Its id
        id: String,
    },
    /// Stop a reply that has not begun to be sent
    Cancel {
        /// Its id
        id: String,
    },
    /// Say of an uncertain reply that the customer has it
    Arrived {
        /// Its id
        id: String,
    },
    /// Send an uncertain or failed reply again: the same mail, to those who may not have it
    Again {
        /// Its id
        id: String,
    },
}

impl OutboxCommand {
    pub(super) fn request(self) -> Request {
        let (id, order) = match self {
            Self::List {
                state,
                mailbox,
                after,
                limit,
            } => {
                return Request::OutboxList(Box::new(OutboxAsked {
                    state,
                    mailbox,
                    after,
                    limit,
                }));
            }
            Self::Show { id } => return Request::OutboxShow { id },
            Self::Retry { id } => (id, OrderWord::Retry),
            Self::Cancel { id } => (id, OrderWord::Cancel),
            Self::Arrived { id } => (id, OrderWord::Arrived),
            Self::Again { id } => (id, OrderWord::Again),
        };
        Request::OutboxOrder { id, order }
    }
}
