//! Forms of people, tokens and mailboxes.

use std::collections::BTreeMap;

use super::{RecordError, Stored, stored_enum, stored_struct};
use crate::domain::mailbox::{
    Credentials, ForwardingWay, History, ImapWay, Login, Mailbox, MailboxLogins, MailboxSettings,
    OAuthGrant, Pop3Keep, Pop3Way, Security, Server, Switch, TokenMechanism, WayIn, WayOut,
};
use crate::domain::replying::{ReplySettings, SenderName};
use crate::domain::threading::{ReopenPolicy, ThreadingRules};
use crate::domain::user::{Role, Team, Token, TokenUse, User};

stored_enum!(Role { 0 = Operator, 1 = Manager, 2 = Administrator });
impl Stored for User {
    const FORM: u8 = 2;

    fn write(&self, out: &mut Vec<u8>) {
        self.key.write(out);
        self.id.write(out);
        self.name.write(out);
        self.address.write(out);
        self.administrator.write(out);
        self.available.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let before = Self::read_old(1, input)?;
        Ok(Self {
            available: Stored::read(input)?,
            ..before
        })
    }

    /// As it was before people could be away.
    fn read_old(form: u8, input: &mut &[u8]) -> Result<Self, RecordError> {
        if form != 1 {
            return Err(RecordError::Version(form));
        }
        Ok(Self {
            key: Stored::read(input)?,
            id: Stored::read(input)?,
            name: Stored::read(input)?,
            address: Stored::read(input)?,
            administrator: Stored::read(input)?,
            available: true,
        })
    }
}
stored_struct!(Team {
    key,
    id,
    workspace,
    name,
    members
});
stored_enum!(TokenUse { 0 = Api, 1 = LoginLink, 2 = Session });
stored_struct!(Token {
    key,
    used_as,
    user,
    name,
    hash,
    created_at,
    expires_at
});
stored_enum!(Security { 0 = Tls, 1 = StartTls, 2 = None });
stored_struct!(Server {
    host,
    port,
    security
});
stored_enum!(Credentials {
    0 = Password(secret),
    1 = AccessToken(secret),
    2 = OAuth(grant),
});
stored_struct!(OAuthGrant {
    client,
    refresh_token,
    access_token,
    access_expires_at,
    account,
    obtained_at,
    mechanism,
});
stored_enum!(TokenMechanism { 0 = XOAuth2, 1 = OAuthBearer });
stored_struct!(Login { user, credentials });
stored_struct!(MailboxLogins { incoming, outgoing });
stored_enum!(History { 0 = Nothing, 1 = Days(days), 2 = All });
stored_enum!(ReopenPolicy { 0 = ThreadOnly, 1 = Recent, 2 = OnePerContact });
stored_struct!(ThreadingRules {
    reopen,
    reopen_within,
    same_subject_within
});
stored_enum!(WayIn { 0 = Imap(way), 1 = Pop3(way), 2 = Forwarding(way) });
stored_struct!(ImapWay {
    server,
    folder,
    more_folders,
    junk
});
stored_struct!(Pop3Way { server, keep });
stored_enum!(Pop3Keep { 0 = Leave, 1 = Days(days), 2 = DeleteOnceStored });
stored_struct!(ForwardingWay { local_part });
stored_enum!(WayOut { 0 = Own(server), 1 = System });
stored_enum!(Switch { 0 = On, 1 = Offline, 2 = Unbound });
stored_enum!(SenderName { 0 = Identity, 1 = Operator, 2 = OperatorAndIdentity });
stored_struct!(ReplySettings {
    quote_history,
    with_html,
    sender_name,
    tagged_reply_to,
    create_sent,
    watch_sent
});
/// Without its values and how it replies, which came later: they stand behind the mailbox.
impl Stored for MailboxSettings {
    fn write(&self, out: &mut Vec<u8>) {
        self.name.write(out);
        self.address.write(out);
        self.slug.write(out);
        self.preset.write(out);
        self.overlay.write(out);
        self.registered_address.write(out);
        self.way_in.write(out);
        self.way_out.write(out);
        self.sent_folder.write(out);
        self.provider_files_sent.write(out);
        self.identity.write(out);
        self.aliases.write(out);
        self.signature.write(out);
        self.history.write(out);
        self.threading.write(out);
        self.code_created_on.write(out);
        self.rescue_address.write(out);
        self.check_interval.write(out);
        self.attempts_max.write(out);
        self.canary_every.write(out);
        self.switch.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        Ok(Self {
            name: Stored::read(input)?,
            address: Stored::read(input)?,
            slug: Stored::read(input)?,
            preset: Stored::read(input)?,
            overlay: Stored::read(input)?,
            registered_address: Stored::read(input)?,
            way_in: Stored::read(input)?,
            way_out: Stored::read(input)?,
            sent_folder: Stored::read(input)?,
            provider_files_sent: Stored::read(input)?,
            identity: Stored::read(input)?,
            aliases: Stored::read(input)?,
            signature: Stored::read(input)?,
            history: Stored::read(input)?,
            threading: Stored::read(input)?,
            code_created_on: Stored::read(input)?,
            rescue_address: Stored::read(input)?,
            check_interval: Stored::read(input)?,
            attempts_max: Stored::read(input)?,
            canary_every: Stored::read(input)?,
            switch: Stored::read(input)?,
            values: BTreeMap::new(),
            replies: ReplySettings::default(),
        })
    }
}
impl Stored for Mailbox {
    const FORM: u8 = 3;

    fn write(&self, out: &mut Vec<u8>) {
        self.key.write(out);
        self.id.write(out);
        self.workspace.write(out);
        self.settings.write(out);
        self.connected_at.write(out);
        self.settings.values.write(out);
        self.settings.replies.write(out);
    }

    fn read(input: &mut &[u8]) -> Result<Self, RecordError> {
        let mut mailbox = Self::read_old(2, input)?;
        mailbox.settings.replies = Stored::read(input)?;
        Ok(mailbox)
    }

    /// Form 1 had no values that administrators attach, form 2 no settings of replies.
    fn read_old(form: u8, input: &mut &[u8]) -> Result<Self, RecordError> {
        if form == 2 {
            let mut mailbox = Self::read_old(1, input)?;
            mailbox.settings.values = Stored::read(input)?;
            return Ok(mailbox);
        }
        if form != 1 {
            return Err(RecordError::Version(form));
        }
        Ok(Self {
            key: Stored::read(input)?,
            id: Stored::read(input)?,
            workspace: Stored::read(input)?,
            settings: Stored::read(input)?,
            connected_at: Stored::read(input)?,
        })
    }
}
