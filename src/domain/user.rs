//! People and programs that use the gateway, and what they may do.

use std::fmt;

use jiff::Timestamp;

use super::address::Address;
use super::key::{PublicId, TeamKey, TokenKey, UserKey, WorkspaceKey};

/// What somebody may do in one workspace. Each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads and answers.
    Operator,
    /// Also connects and changes mailboxes.
    Manager,
    /// Everything, in every workspace of the gateway.
    Administrator,
}

/// A person who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its key.
    pub key: UserKey,
    /// Its id outside.
    pub id: PublicId,
    /// Shown to colleagues and in signatures.
    pub name: String,
    /// Where notices go; unique on the gateway.
    pub address: Address,
    /// Gateway-wide rights.
    pub administrator: bool,
}

/// A group of operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// Its key.
    pub key: TeamKey,
    /// Its id outside.
    pub id: PublicId,
    /// Whose it is.
    pub workspace: WorkspaceKey,
    /// Scripts call it by this; unique in the workspace, case folded.
    pub name: String,
    /// Who belongs to it.
    pub members: Vec<UserKey>,
}

/// Somebody's part in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Who.
    pub user: UserKey,
    /// Where.
    pub workspace: WorkspaceKey,
    /// As what.
    pub role: Role,
}

/// What a token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenUse {
    /// `Authorization: Bearer` of the API.
    Api,
    /// A one-time link that opens a session.
    LoginLink,
    /// A browser session.
    Session,
}

/// A token. Only the hash of its text is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its key.
    pub key: TokenKey,
    /// What it is for.
    pub used_as: TokenUse,
    /// Who acts by it.
    pub user: UserKey,
    /// What its maker called it.
    pub name: String,
    /// BLAKE3 of the text.
    pub hash: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Who asks. Every call of a service takes one; what it may see is decided there.
#[derive(Clone, PartialEq, Eq)]
pub enum Actor {
    /// A person, by session or token.
    User {
        /// Who.
        user: UserKey,
        /// In which workspace.
        workspace: WorkspaceKey,
        /// As what.
        role: Role,
    },
    /// Whoever holds the data folder: the command line.
    Console,
    /// The gateway itself.
    Gateway,
}

impl Actor {
    /// Whether the actor may do what `role` may do in `workspace`.
    #[must_use]
    pub fn may(&self, role: Role, workspace: WorkspaceKey) -> bool {
        match self {
            Self::Console | Self::Gateway => true,
            Self::User {
                role: Role::Administrator,
                ..
            } => true,
            Self::User {
                role: own,
                workspace: at,
                ..
            } => *own >= role && *at == workspace,
        }
    }

    /// The workspace whose things the actor means when none is named.
    #[must_use]
    pub fn workspace(&self) -> WorkspaceKey {
        match self {
            Self::Console | Self::Gateway => WorkspaceKey::DEFAULT,
            Self::User { workspace, .. } => *workspace,
        }
    }

    /// The person, where there is one.
    #[must_use]
    pub fn user(&self) -> Option<UserKey> {
        match self {
            Self::Console | Self::Gateway => None,
            Self::User { user, .. } => Some(*user),
        }
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Console => f.write_str("console"),
            Self::Gateway => f.write_str("gateway"),
            Self::User {
                user,
                workspace,
                role,
            } => write!(f, "{user:?} in {workspace:?} as {role:?}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_end_at_the_workspace_except_for_administrators() {
        let (here, there) = (WorkspaceKey(1), WorkspaceKey(2));
        let actor = |role| Actor::User {
            user: UserKey(1),
            workspace: here,
            role,
        };
        assert!(actor(Role::Manager).may(Role::Operator, here));
        assert!(!actor(Role::Operator).may(Role::Manager, here));
        assert!(!actor(Role::Manager).may(Role::Operator, there));
        assert!(actor(Role::Administrator).may(Role::Manager, there));
    }
}
