//! The moment before the content leaves: the attempt is made durable, or the mail is kept back.

use crate::domain::key::OutgoingKey;
use crate::net::submission::Permit;
use crate::service::clock::Clock;
use crate::store::{Store, StoreError};

/// An attempt that has not begun.
#[derive(Debug)]
pub(super) struct Beginning<'b> {
    store: &'b Store,
    clock: &'b Clock,
    outgoing: OutgoingKey,
    refused: Option<StoreError>,
}

impl<'b> Beginning<'b> {
    pub(super) fn new(store: &'b Store, clock: &'b Clock, outgoing: OutgoingKey) -> Self {
        Self {
            store,
            clock,
            outgoing,
            refused: None,
        }
    }

    /// Why the mail was kept back, when it was.
    pub(super) fn refused(self) -> Option<StoreError> {
        self.refused
    }
}

impl Permit for Beginning<'_> {
    async fn ask(&mut self) -> bool {
        let begun = self.store.begin_attempt(self.outgoing, self.clock.now());
        self.refused = begun.await.err();
        self.refused.is_none()
    }
}
