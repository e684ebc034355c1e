//! The doctor, with the instruments it examines mailboxes by.

use super::Gateway;
use crate::service::doctor::{Doctor, Instruments};

impl Gateway {
    /// Its examinations are those of every other.
    pub(super) fn doctor(&self) -> Doctor {
        let with = Instruments {
            dialer: self.dialer.soon(),
            records: self.records.clone(),
            keyring: self.keyring.clone(),
            presets: self.presets.clone(),
            system: self.system_smtp.clone(),
            receiving: self.config.smtp_listener.receiving(),
            diary: self.diary.clone(),
            proving: self.proving(),
            clock: self.clock.clone(),
        };
        Doctor::new(with, self.mailboxes(), self.examinations.clone())
    }
}
