//! A [`MailboxForm`] becomes a [`Wish`], field by field.

use super::message::{Hidden, MailboxForm};
use crate::domain::secret::Secret;
use crate::service::connect::wish::{Readable, Wish};

pub(super) fn wish(form: MailboxForm) -> Wish {
    let secret = |hidden: Hidden| Secret::new(hidden.0.clone());
    Wish {
        address: form.address,
        name: form.name,
        preset: form.preset,
        slug: form.slug,
        protocol: form.protocol,
        incoming: form.incoming,
        incoming_security: form.incoming_security,
        pop3_keep: form.pop3_keep,
        outgoing: form.smtp,
        outgoing_security: form.smtp_security,
        system_smtp: form.system_smtp,
        readable: Readable::WhereTyped,
        user: form.user,
        password: form.password.map(secret),
        outgoing_user: form.smtp_user,
        outgoing_password: form.smtp_password.map(secret),
        folder: form.folder,
        more_folders: form.more_folders,
        junk: form.junk,
        sent_folder: form.sent_folder,
        provider_files_sent: form.provider_files_sent.then_some(true),
        from_name: form.from_name,
        aliases: form.aliases,
        signature: form.signature,
        replies: form.replies.into(),
        threading: form.threading.into(),
        history: form.history,
        code_created_on: form.code_created_on,
        rescue_address: form.rescue_address,
        overlay: form.overlay,
        registered_address: form.registered_address,
        grant: None,
        account: form.account,
        receiving: None,
    }
}
