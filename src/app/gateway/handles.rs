//! What the pages and the API are given.

use super::Gateway;
use crate::http;
use crate::service::conversations::Conversations;
use crate::service::feed::Feed;
use crate::service::random::Random;
use crate::service::replies::Replies;

impl Gateway {
    pub(super) fn http_handles(&self) -> http::Handles {
        let connect = self.connect();
        let signing_in = self.signing_in(connect.clone());
        let script_editing = self.script_editing();
        http::Handles {
            people: self.people(),
            conversations: Conversations::new(self.store.clone(), self.clock.clone(), Random),
            replies: Replies::new(
                self.store.clone(),
                self.presets.clone(),
                self.clock.clone(),
                Random,
            )
            .undone_within(self.config.undo()),
            outbox: self.outbox(),
            uploads: self.uploads(),
            mailboxes: self.mailboxes(),
            reauthentication: self.reauthentication(signing_in.clone()),
            links: self.links(),
            signing_in,
            connect,
            diary: self.diary_reading(),
            ledger: self.ledger(),
            collecting: self.collecting(),
            proving: self.proving(),
            doctor: self.doctor(),
            alerts: self.alerts(),
            presets: self.presets.clone(),
            feed: Feed::new(self.store.clone()),
            scripts: self.scripts.clone(),
            asking: self.asking.clone(),
            console: self.console(&script_editing),
            script_editing,
            rehearsals: self.rehearsals(),
            random: Random,
        }
    }
}
