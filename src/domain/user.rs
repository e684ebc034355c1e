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
    /// Is given conversations in turn and by load; who is away is passed over.
    pub available: bool,
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

impl Team {
    /// The available member after the one whose turn was last, round and round; `None`
    /// when nobody is available. Whoever was away has missed the turn and gets the next.
    #[must_use]
    pub fn next_in_turn(
        &self,
        last: Option<UserKey>,
        is_available: impl Fn(UserKey) -> bool,
    ) -> Option<UserKey> {
        let at = self.members.iter().position(|one| Some(*one) == last);
        let (before, after) = self.members.split_at(at.map_or(0, |at| at + 1));
        let mut turns = after.iter().chain(before).copied();
        turns.find(|member| is_available(*member))
    }
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
    use proptest::prelude::*;

    use super::*;

    fn team(size: u64) -> Team {
        Team {
            key: TeamKey(1),
            id: PublicId::new(Timestamp::UNIX_EPOCH, [0; 10]),
            workspace: WorkspaceKey::DEFAULT,
            name: "help".to_owned(),
            members: (1..=size).map(UserKey).collect(),
        }
    }

    proptest! {
        #[test]
        fn turns_are_fair_among_those_who_are_there(
            size in 1_u64..9,
            away in any::<u16>(),
            turns in 0_usize..60,
        ) {
            let team = team(size);
            let is_there = |user: UserKey| away & (1 << user.0) == 0;
            let there: Vec<UserKey> = team.members.iter().copied().filter(|one| is_there(*one)).collect();
            let mut last = None;
            let mut counts = std::collections::HashMap::new();
            for _ in 0..turns {
                let chosen = team.next_in_turn(last, is_there);
                prop_assert_eq!(chosen.is_some(), !there.is_empty());
                let Some(chosen) = chosen else { return Ok(()) };
                prop_assert!(is_there(chosen));
                *counts.entry(chosen).or_insert(0_usize) += 1;
                last = Some(chosen);
            }
            let of = |user: &UserKey| counts.get(user).copied().unwrap_or(0);
            let most = there.iter().map(of).max().unwrap_or(0);
            let least = there.iter().map(of).min().unwrap_or(0);
            prop_assert!(most - least <= 1, "{most} and {least}");
        }

        #[test]
        fn who_stays_is_asked_once_a_round_however_the_others_come_and_go(
            size in 1_u64..9,
            stays in 1_u64..9,
            away in proptest::collection::vec(any::<u16>(), 0..60),
        ) {
            let team = team(size);
            let stays = UserKey(stays.min(size));
            let mut last = None;
            let mut since = 0;
            for away in away {
                let is_there = |user: UserKey| user == stays || away & (1 << user.0) == 0;
                last = team.next_in_turn(last, is_there);
                since = if last == Some(stays) { 0 } else { since + 1 };
                prop_assert!(since < size, "passed over for {since} turns");
            }
        }
    }

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
