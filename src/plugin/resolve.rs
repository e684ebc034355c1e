//! A plugin joined with the one it extends.

use super::facts::{Facts, Named};
use crate::domain::preset::{Field, Preset};
use crate::domain::refusal::Bilingual;

impl Facts {
    /// Joined with the plugin it extends: what is said here wins.
    pub(super) fn resolve(self, base: Option<&Preset>) -> Preset {
        // Only who takes the other's place answers for its addresses.
        let takes_over = self.replaces.is_some();
        let inherit = |own: Option<Vec<Named>>, base: Option<&Vec<String>>| match own {
            Some(names) => names.into_iter().map(|named| named.name).collect(),
            None => base.filter(|_| takes_over).cloned().unwrap_or_default(),
        };
        let mut sign_in = self
            .sign_in
            .or_else(|| base.map(|base| base.sign_in.clone()))
            .unwrap_or_default();
        sign_in.oauth = self
            .oauth
            .or_else(|| base.and_then(|base| base.sign_in.oauth.clone()));
        let mut failures = self.failures;
        let mut fields = self.fields;
        let mut notices = self.notices;
        if let Some(base) = base {
            failures.extend(base.failures.iter().cloned());
            add_missing(&mut fields, &base.fields);
            add_missing(&mut notices, &base.notices);
        }
        let same = self.id.clone();
        Preset {
            name: self
                .name
                .or_else(|| base.map(|base| base.name.clone()))
                .unwrap_or_else(|| Bilingual {
                    en: same.clone(),
                    zh: same,
                }),
            id: self.id,
            overlay: self.overlay || base.is_some_and(|base| base.overlay),
            domains: inherit(self.domains, base.map(|base| &base.domains)),
            mx: inherit(self.mx, base.map(|base| &base.mx)),
            settings_url: self
                .settings_url
                .or_else(|| base.and_then(|base| base.settings_url.clone())),
            verified: self
                .verified
                .unwrap_or_else(|| base.is_some_and(|base| base.verified)),
            unverified: self.unverified,
            imap: self
                .imap
                .or_else(|| base.and_then(|base| base.imap.clone())),
            pop3: self
                .pop3
                .or_else(|| base.and_then(|base| base.pop3.clone())),
            smtp: self
                .smtp
                .or_else(|| base.and_then(|base| base.smtp.clone())),
            sign_in,
            folders: self
                .folders
                .or_else(|| base.map(|base| base.folders.clone()))
                .unwrap_or_default(),
            limits: self
                .limits
                .or_else(|| base.map(|base| base.limits))
                .unwrap_or_default(),
            failures,
            fields,
            notices,
            replies: self
                .replies
                .or_else(|| base.and_then(|base| base.replies.clone())),
            asks_registered_address: self
                .asks_registered_address
                .or_else(|| base.and_then(|base| base.asks_registered_address.clone())),
        }
    }
}

fn add_missing(own: &mut Vec<Field>, base: &[Field]) {
    for field in base {
        if !own.iter().any(|own| own.key == field.key) {
            own.push(field.clone());
        }
    }
}
