//! Forms of people, tokens and mailboxes.

use super::{RecordError, Stored, stored_enum, stored_struct};
use crate::domain::mailbox::{
    Credentials, ForwardingWay, History, ImapWay, Login, Mailbox, MailboxLogins, MailboxSettings,
    OAuthGrant, Pop3Keep, Pop3Way, Security, Server, Switch, TokenMechanism, WayIn, WayOut,
};
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
stored_struct!(MailboxSettings {
    name,
    address,
    slug,
    preset,
    overlay,
    registered_address,
    way_in,
    way_out,
    sent_folder,
    provider_files_sent,
    identity,
    aliases,
    signature,
    history,
    threading,
    code_created_on,
    rescue_address,
    check_interval,
    attempts_max,
    canary_every,
    switch,
});
stored_struct!(Mailbox {
    key,
    id,
    workspace,
    settings,
    connected_at
});
