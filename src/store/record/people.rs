//! Forms of people, tokens and mailboxes.

use super::{stored_enum, stored_struct};
use crate::domain::mailbox::{
    Credentials, History, Login, Mailbox, MailboxLogins, MailboxSettings, Security, Server,
};
use crate::domain::threading::{ReopenPolicy, ThreadingRules};
use crate::domain::user::{Role, Team, Token, TokenUse, User};

stored_enum!(Role { 0 = Operator, 1 = Manager, 2 = Administrator });
stored_struct!(User {
    key,
    id,
    name,
    address,
    administrator
});
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
stored_enum!(Credentials { 0 = Password(secret), 1 = AccessToken(secret) });
stored_struct!(Login { user, credentials });
stored_struct!(MailboxLogins { incoming, outgoing });
stored_enum!(History { 0 = Nothing, 1 = Days(days), 2 = All });
stored_enum!(ReopenPolicy { 0 = ThreadOnly, 1 = Recent, 2 = OnePerContact });
stored_struct!(ThreadingRules {
    reopen,
    reopen_within,
    same_subject_within
});
stored_struct!(MailboxSettings {
    name,
    address,
    preset,
    incoming,
    outgoing,
    folder,
    sent_folder,
    provider_files_sent,
    identity,
    signature,
    history,
    threading,
    offline,
});
stored_struct!(Mailbox {
    key,
    id,
    workspace,
    settings,
    connected_at
});
