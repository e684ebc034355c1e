//! The services by which people hear of a sick mailbox and give it a new login.

use super::Gateway;
use crate::net::http_client::{HttpClient, HttpOptions};
use crate::service::alerts::{Alerts, Webhook};
use crate::service::reauthentication::{LinkOptions, Links, Reauthentication};
use crate::service::signing_in::SigningIn;

impl Gateway {
    pub(super) fn alerts(&self) -> Alerts {
        let alerts = Alerts::new(
            self.store.clone(),
            self.dialer.soon(),
            self.board.clone(),
            self.mailboxes(),
            self.keyring.clone(),
            self.clock.clone(),
            self.system_smtp.clone(),
            self.presets.clone(),
            self.links(),
            self.config.alerts.options(self.config.address_in_mails()),
        );
        alerts
            .posting_to(self.webhook())
            .asking(self.asking.clone())
    }

    fn webhook(&self) -> Option<Webhook> {
        let options = HttpOptions {
            guard: self.config.network.lookups(),
            ..HttpOptions::default()
        };
        Some(Webhook {
            url: self.config.alerts.webhook()?,
            client: HttpClient::new(self.dialer.soon(), options),
        })
    }

    pub(super) fn links(&self) -> Links {
        let options = LinkOptions {
            valid: self.config.alerts.link_valid(),
            address: self.config.public_url(),
            is_local: self.config.address_in_mails().is_none(),
        };
        let mailboxes = self.mailboxes();
        Links::new(self.store.clone(), mailboxes, self.clock.clone(), options)
    }

    /// Its sign-ins are those of `signing_in`, to which browsers come back.
    pub(super) fn reauthentication(&self, signing_in: SigningIn) -> Reauthentication {
        let (store, clock) = (self.store.clone(), self.clock.clone());
        Reauthentication::new(store, self.mailboxes(), signing_in, clock)
    }
}
