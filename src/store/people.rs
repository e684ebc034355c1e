//! People and programs that use the gateway, teams, tokens; and contacts.

use jiff::Timestamp;

use super::Store;
use super::counter::Counter;
use super::error::StoreError;
use super::key::{Key, number_at};
use super::table::{Order, Rows, Table, Transaction};
use crate::domain::address::{Address, NamedAddress};
use crate::domain::key::{PublicId, TeamKey, TokenKey, UserKey, WorkspaceKey};
use crate::domain::message::Message;
use crate::domain::user::{Membership, Role, Team, Token, TokenUse, User};

/// People and teams that are listed at most.
const LISTED_MAX: usize = 10_000;

/// Writes the author of a note into it.
pub(super) fn sign_note(
    transaction: &Transaction<'_>,
    author: Option<UserKey>,
    note: &mut Message,
) -> Result<(), StoreError> {
    let Some(author) = author else {
        return Ok(());
    };
    let user: User = transaction.named(Table::Users, author.0, "user")?;
    note.head.from = Some(NamedAddress::new(Some(&user.name), user.address));
    transaction.put_record(Table::Messages, &note.key.0.to_be_bytes(), note)
}

fn membership_key(user: UserKey, workspace: WorkspaceKey) -> Key {
    Key::new(user.0).number(workspace.0)
}

fn team_name_key(workspace: WorkspaceKey, name: &str) -> Key {
    Key::new(workspace.0).bytes(name.trim().to_lowercase().as_bytes())
}

/// The team scripts call by that name.
pub(super) fn team_by_name(
    rows: &impl Rows,
    workspace: WorkspaceKey,
    name: &str,
) -> Result<Option<Team>, StoreError> {
    let key = team_name_key(workspace, name);
    match rows.pointer(Table::TeamNames, key.as_ref())? {
        Some(team) => rows.record(Table::Teams, &team.to_be_bytes()),
        None => Ok(None),
    }
}

pub(super) fn user_with_address(
    rows: &impl Rows,
    address: &Address,
) -> Result<Option<User>, StoreError> {
    match rows.pointer(Table::UserAddresses, address.folded().as_bytes())? {
        Some(user) => rows.record(Table::Users, &user.to_be_bytes()),
        None => Ok(None),
    }
}

/// What somebody may do in a workspace.
pub(super) fn role_of(
    rows: &impl Rows,
    user: &User,
    workspace: WorkspaceKey,
) -> Result<Option<Role>, StoreError> {
    if user.administrator {
        return Ok(Some(Role::Administrator));
    }
    rows.record(
        Table::Memberships,
        membership_key(user.key, workspace).as_ref(),
    )
}

fn put_token(transaction: &Transaction<'_>, token: &Token) -> Result<(), StoreError> {
    transaction.put_record(Table::Tokens, &token.key.0.to_be_bytes(), token)?;
    transaction.point(Table::TokenHashes, &token.hash, token.key.0)
}

fn token_with_hash(rows: &impl Rows, hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
    match rows.pointer(Table::TokenHashes, hash)? {
        Some(token) => rows.record(Table::Tokens, &token.to_be_bytes()),
        None => Ok(None),
    }
}

fn remove_token(transaction: &Transaction<'_>, token: &Token) -> Result<(), StoreError> {
    transaction.remove(Table::Tokens, &token.key.0.to_be_bytes())?;
    transaction.remove(Table::TokenHashes, &token.hash)?;
    Ok(())
}

impl Store {
    /// Adds a person.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when somebody has the address already.
    pub async fn add_user(
        &self,
        name: String,
        address: Address,
        administrator: bool,
        now: Timestamp,
        random: [u8; 10],
    ) -> Result<User, StoreError> {
        self.write(move |transaction| {
            if user_with_address(transaction, &address)?.is_some() {
                return Err(StoreError::Taken {
                    what: "person",
                    name: address.to_string(),
                });
            }
            let user = User {
                key: UserKey(transaction.next(Counter::User)?),
                id: PublicId::new(now, random),
                name: name.clone(),
                address: address.clone(),
                administrator,
                available: true,
            };
            let folded = address.folded();
            transaction.point(Table::UserAddresses, folded.as_bytes(), user.key.0)?;
            transaction.put_record(Table::Users, &user.key.0.to_be_bytes(), &user)?;
            Ok(user)
        })
        .await
    }

    /// Says whether somebody is given conversations in turn and by load.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn set_available(&self, key: UserKey, available: bool) -> Result<User, StoreError> {
        self.write(move |transaction| {
            let mut user: User = transaction.named(Table::Users, key.0, "user")?;
            user.available = available;
            transaction.put_record(Table::Users, &key.0.to_be_bytes(), &user)?;
            Ok(user)
        })
        .await
    }

    /// Everybody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn users(&self) -> Result<Vec<User>, StoreError> {
        self.read(|rows| rows.records(Table::Users, &[], None, Order::Up, LISTED_MAX))
    }

    /// One person.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn user(&self, key: UserKey) -> Result<Option<User>, StoreError> {
        self.read(|rows| rows.record(Table::Users, &key.0.to_be_bytes()))
    }

    /// One person, by address.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn user_by_address(&self, address: &Address) -> Result<Option<User>, StoreError> {
        self.read(|rows| user_with_address(rows, address))
    }

    /// Gives somebody a part in a workspace, or another one.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn set_membership(&self, membership: Membership) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let _user: User = transaction.named(Table::Users, membership.user.0, "user")?;
            let key = membership_key(membership.user, membership.workspace);
            transaction.put_record(Table::Memberships, key.as_ref(), &membership.role)
        })
        .await
    }

    /// Somebody's part in a workspace; administrators have one in each.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn membership(
        &self,
        user: UserKey,
        workspace: WorkspaceKey,
    ) -> Result<Option<Membership>, StoreError> {
        self.read(|rows| {
            let Some(found) = rows.record::<User>(Table::Users, &user.0.to_be_bytes())? else {
                return Ok(None);
            };
            let role = role_of(rows, &found, workspace)?;
            Ok(role.map(|role| Membership {
                user,
                workspace,
                role,
            }))
        })
    }

    /// The workspaces somebody has a part in; not those of administrators.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn memberships(&self, user: UserKey) -> Result<Vec<Membership>, StoreError> {
        self.read(|rows| {
            let prefix = user.0.to_be_bytes();
            let keys = rows.keys(Table::Memberships, &prefix, None, Order::Up, LISTED_MAX)?;
            let mut memberships = Vec::with_capacity(keys.len());
            for key in keys {
                let role = rows.record(Table::Memberships, &key)?;
                memberships.extend(role.map(|role| Membership {
                    user,
                    workspace: WorkspaceKey(number_at(&key, 8)),
                    role,
                }));
            }
            Ok(memberships)
        })
    }

    /// Adds a team.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the workspace has one of that name.
    pub async fn add_team(
        &self,
        workspace: WorkspaceKey,
        name: String,
        members: Vec<UserKey>,
        now: Timestamp,
        random: [u8; 10],
    ) -> Result<Team, StoreError> {
        self.write(move |transaction| {
            let key = team_name_key(workspace, &name);
            if transaction
                .pointer(Table::TeamNames, key.as_ref())?
                .is_some()
            {
                return Err(StoreError::Taken {
                    what: "team",
                    name: name.clone(),
                });
            }
            let team = Team {
                key: TeamKey(transaction.next(Counter::Team)?),
                id: PublicId::new(now, random),
                workspace,
                name: name.clone(),
                members: members.clone(),
            };
            transaction.point(Table::TeamNames, key.as_ref(), team.key.0)?;
            transaction.put_record(Table::Teams, &team.key.0.to_be_bytes(), &team)?;
            Ok(team)
        })
        .await
    }

    /// Sets who belongs to a team.
    ///
    /// # Errors
    /// When there is no such team.
    pub async fn set_members(
        &self,
        team: TeamKey,
        members: Vec<UserKey>,
    ) -> Result<(), StoreError> {
        self.write(move |transaction| {
            let mut found: Team = transaction.named(Table::Teams, team.0, "team")?;
            found.members.clone_from(&members);
            transaction.put_record(Table::Teams, &team.0.to_be_bytes(), &found)
        })
        .await
    }

    /// The teams of a workspace, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn teams(&self, workspace: WorkspaceKey) -> Result<Vec<Team>, StoreError> {
        self.read(|rows| {
            let prefix = workspace.0.to_be_bytes();
            let mut teams = Vec::new();
            for key in rows.keys(Table::TeamNames, &prefix, None, Order::Up, LISTED_MAX)? {
                if let Some(team) = rows.pointer(Table::TeamNames, &key)? {
                    teams.push(rows.named(Table::Teams, team, "team")?);
                }
            }
            Ok(teams)
        })
    }

    /// One team.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn team(&self, key: TeamKey) -> Result<Option<Team>, StoreError> {
        self.read(|rows| rows.record(Table::Teams, &key.0.to_be_bytes()))
    }

    /// One team, by the name scripts use.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn team_by_name(
        &self,
        workspace: WorkspaceKey,
        name: &str,
    ) -> Result<Option<Team>, StoreError> {
        self.read(|rows| team_by_name(rows, workspace, name))
    }

    /// Adds a token; its text is known only to its owner.
    ///
    /// # Errors
    /// When there is no such person.
    pub async fn add_token(
        &self,
        used_as: TokenUse,
        user: UserKey,
        name: String,
        hash: [u8; 32],
        created_at: Timestamp,
        expires_at: Option<Timestamp>,
    ) -> Result<Token, StoreError> {
        self.write(move |transaction| {
            let _user: User = transaction.named(Table::Users, user.0, "user")?;
            let token = Token {
                key: TokenKey(transaction.next(Counter::Token)?),
                used_as,
                user,
                name: name.clone(),
                hash,
                created_at,
                expires_at,
            };
            put_token(transaction, &token)?;
            Ok(token)
        })
        .await
    }

    /// The token with that hash, also an expired one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn token_by_hash(&self, hash: &[u8; 32]) -> Result<Option<Token>, StoreError> {
        self.read(|rows| token_with_hash(rows, hash))
    }

    /// Turns a login link into a session, once. `None` when there is no such link,
    /// or it was used, or its time is over.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn use_login_link(
        &self,
        hash: [u8; 32],
        session_hash: [u8; 32],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<Token>, StoreError> {
        self.write(move |transaction| {
            let link = token_with_hash(transaction, &hash)?
                .filter(|token| token.used_as == TokenUse::LoginLink);
            let Some(link) = link else {
                return Ok(None);
            };
            remove_token(transaction, &link)?;
            if link.expires_at.is_some_and(|end| end <= now) {
                return Ok(None);
            }
            let session = Token {
                key: TokenKey(transaction.next(Counter::Token)?),
                used_as: TokenUse::Session,
                hash: session_hash,
                created_at: now,
                expires_at: Some(expires_at),
                ..link
            };
            put_token(transaction, &session)?;
            Ok(Some(session))
        })
        .await
    }

    /// Removes a token; what was made with it stays.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub async fn remove_token(&self, key: TokenKey) -> Result<bool, StoreError> {
        self.write(move |transaction| {
            let token: Option<Token> = transaction.record(Table::Tokens, &key.0.to_be_bytes())?;
            match token {
                Some(token) => remove_token(transaction, &token).map(|()| true),
                None => Ok(false),
            }
        })
        .await
    }
}
