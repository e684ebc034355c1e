//! Who asks: tokens, login links and sessions become an [`Actor`] here, and only here.
//!
//! Invariant: the text of a token leaves this room once, when it is made; what is
//! stored is its BLAKE3 hash. 256 random bits need no slow hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use crate::domain::address::Address;
use crate::domain::key::{TokenKey, UserKey, WorkspaceKey};
use crate::domain::secret::Secret;
use crate::domain::user::{Actor, Membership, Role, Team, Token, TokenUse, User};
use crate::service::clock::Clock;
use crate::service::random::{NoRandomness, Random};
use crate::store::{Store, StoreError};

/// How long a session lasts.
pub const SESSION_AGE_MAX: SignedDuration = SignedDuration::from_hours(14 * 24);
/// How long a login link waits to be used.
pub const LOGIN_LINK_AGE_MAX: SignedDuration = SignedDuration::from_hours(1);
/// Longest name of a token, user or team, in characters.
pub const NAME_LENGTH_MAX: usize = 100;
/// Longer texts are no tokens of ours, and not hashed.
const TOKEN_LENGTH_MAX: usize = 128;
const TOKEN_BYTES: usize = 32;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// Unknown, used, revoked, expired, or without a place in any workspace: told the same.
    #[error("the token is unknown, revoked or expired")]
    Refused,
    /// No session can be made.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why people or tokens were not changed.
#[derive(Debug, thiserror::Error)]
pub enum PeopleError {
    /// Not for this actor.
    #[error("only an administrator may do this")]
    Forbidden,
    /// About oneself, or for managers.
    #[error("only the person itself or a manager may say who is available")]
    NotYours,
    /// No such user or token.
    #[error("there is no such person or token")]
    NotFound,
    /// No such team.
    #[error("there is no team {0:?}; `postern team add` makes one")]
    NoSuchTeam(String),
    /// Empty or overlong.
    #[error("a name has 1 to {NAME_LENGTH_MAX} characters")]
    Name,
    /// Nothing can be made without.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The service.
#[derive(Clone, Debug)]
pub struct People {
    store: Store,
    clock: Clock,
    random: Random,
}

impl People {
    /// A service over the store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, random: Random) -> Self {
        Self {
            store,
            clock,
            random,
        }
    }

    /// The actor behind `Authorization: Bearer`.
    ///
    /// # Errors
    /// When the token opens nothing.
    pub fn actor_of_token(&self, token: &Secret) -> Result<Actor, SignInError> {
        self.actor_of(token, TokenUse::Api).map(|(actor, _)| actor)
    }

    /// The actor behind a session cookie, and the person.
    ///
    /// # Errors
    /// When the session is over or never was.
    pub fn actor_of_session(&self, token: &Secret) -> Result<(Actor, User), SignInError> {
        self.actor_of(token, TokenUse::Session)
    }

    /// Uses a login link up and opens a session, whose token it returns.
    ///
    /// # Errors
    /// When the link was used, is too old or never was.
    pub async fn open_session(&self, link: &Secret) -> Result<Secret, SignInError> {
        let hash = hash_of(link).ok_or(SignInError::Refused)?;
        let session = self.new_token()?;
        let session_hash = hash_of(&session).ok_or(SignInError::Refused)?;
        let now = self.clock.now();
        let opened = self
            .store
            .use_login_link(hash, session_hash, now, later(now, SESSION_AGE_MAX))
            .await?;
        opened.map(|_| session).ok_or(SignInError::Refused)
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the store does not take it.
    pub async fn close_session(&self, session: &Secret) -> Result<(), SignInError> {
        let found = hash_of(session)
            .map(|hash| self.store.token_by_hash(&hash))
            .transpose()?
            .flatten();
        if let Some(token) = found {
            self.store.remove_token(token.key).await?;
        }
        Ok(())
    }

    /// Makes an API token for a person. The text is returned once and never again.
    ///
    /// # Errors
    /// When the actor may not, or there is no such person.
    pub async fn create_token(
        &self,
        actor: &Actor,
        user: UserKey,
        name: &str,
        expires_at: Option<Timestamp>,
    ) -> Result<Secret, PeopleError> {
        if actor.user() != Some(user) {
            allow_administrator(actor)?;
        }
        self.make(TokenUse::Api, user, checked(name)?, expires_at)
            .await
    }

    /// Makes a one-time login link's token for a person.
    ///
    /// # Errors
    /// When the actor may not, or there is no such person.
    pub async fn create_login_link(
        &self,
        actor: &Actor,
        user: UserKey,
    ) -> Result<Secret, PeopleError> {
        allow_administrator(actor)?;
        let expires_at = later(self.clock.now(), LOGIN_LINK_AGE_MAX);
        self.make(
            TokenUse::LoginLink,
            user,
            "login link".to_owned(),
            Some(expires_at),
        )
        .await
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// When the actor may not.
    pub async fn remove_token(&self, actor: &Actor, token: TokenKey) -> Result<(), PeopleError> {
        allow_administrator(actor)?;
        self.store.remove_token(token).await?;
        Ok(())
    }

    /// Adds a person with a part in the actor's workspace.
    ///
    /// # Errors
    /// When the actor may not, or the address is taken.
    pub async fn add_user(
        &self,
        actor: &Actor,
        name: &str,
        address: Address,
        role: Role,
    ) -> Result<User, PeopleError> {
        allow_administrator(actor)?;
        let now = self.clock.now();
        let random = self.random.bytes()?;
        let administrator = role == Role::Administrator;
        let user = self
            .store
            .add_user(checked(name)?, address, administrator, now, random)
            .await?;
        let workspace = actor.workspace();
        self.store
            .set_membership(Membership {
                user: user.key,
                workspace,
                role,
            })
            .await?;
        Ok(user)
    }

    /// Says whether somebody is given conversations in turn and by load. People say it of
    /// themselves, managers of everybody in their workspace.
    ///
    /// # Errors
    /// When the actor may not, or there is no such person here.
    pub async fn set_available(
        &self,
        actor: &Actor,
        user: UserKey,
        available: bool,
    ) -> Result<User, PeopleError> {
        let here = self.store.membership(user, actor.workspace())?;
        if here.is_none() {
            return Err(PeopleError::NotFound);
        }
        if actor.user() != Some(user) && !actor.may(Role::Manager, actor.workspace()) {
            return Err(PeopleError::NotYours);
        }
        Ok(self.store.set_available(user, available).await?)
    }

    /// Adds a team to the actor's workspace.
    ///
    /// # Errors
    /// When the actor may not.
    pub async fn add_team(
        &self,
        actor: &Actor,
        name: &str,
        members: Vec<UserKey>,
    ) -> Result<Team, PeopleError> {
        allow_administrator(actor)?;
        let now = self.clock.now();
        let random = self.random.bytes()?;
        Ok(self
            .store
            .add_team(actor.workspace(), checked(name)?, members, now, random)
            .await?)
    }

    /// Lets people join and leave a team; who is in it already, or is not, stays so.
    ///
    /// # Errors
    /// When the actor may not, or there is no such team.
    pub async fn change_team(
        &self,
        actor: &Actor,
        name: &str,
        join: &[UserKey],
        leave: &[UserKey],
    ) -> Result<Team, PeopleError> {
        allow_administrator(actor)?;
        let found = self.store.teams(actor.workspace())?;
        let found = found.into_iter().find(|team| team.name == name.trim());
        let mut team = found.ok_or_else(|| PeopleError::NoSuchTeam(name.to_owned()))?;
        for user in join {
            if !team.members.contains(user) {
                team.members.push(*user);
            }
        }
        team.members.retain(|member| !leave.contains(member));
        self.store
            .set_members(team.key, team.members.clone())
            .await?;
        Ok(team)
    }

    /// The people of the actor's workspace.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn users(&self, actor: &Actor) -> Result<Vec<User>, StoreError> {
        let mut here = Vec::new();
        for user in self.store.users()? {
            if self
                .store
                .membership(user.key, actor.workspace())?
                .is_some()
            {
                here.push(user);
            }
        }
        Ok(here)
    }

    /// The teams of the actor's workspace.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn teams(&self, actor: &Actor) -> Result<Vec<Team>, StoreError> {
        self.store.teams(actor.workspace())
    }

    /// A person by address, for the command line.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn user_by_address(&self, address: &Address) -> Result<Option<User>, StoreError> {
        self.store.user_by_address(address)
    }

    async fn make(
        &self,
        used_as: TokenUse,
        user: UserKey,
        name: String,
        expires_at: Option<Timestamp>,
    ) -> Result<Secret, PeopleError> {
        if self.store.user(user)?.is_none() {
            return Err(PeopleError::NotFound);
        }
        let token = self.new_token()?;
        let hash = hash_of(&token).ok_or(PeopleError::NotFound)?;
        self.store
            .add_token(used_as, user, name, hash, self.clock.now(), expires_at)
            .await?;
        Ok(token)
    }

    fn actor_of(&self, token: &Secret, used_as: TokenUse) -> Result<(Actor, User), SignInError> {
        let hash = hash_of(token).ok_or(SignInError::Refused)?;
        let found: Option<Token> = self.store.token_by_hash(&hash)?;
        let now = self.clock.now();
        let token = found
            .filter(|token| {
                token.used_as == used_as && token.expires_at.is_none_or(|end| now < end)
            })
            .ok_or(SignInError::Refused)?;
        let user = self.store.user(token.user)?.ok_or(SignInError::Refused)?;
        let (workspace, role) = self.part_of(&user)?.ok_or(SignInError::Refused)?;
        Ok((
            Actor::User {
                user: user.key,
                workspace,
                role,
            },
            user,
        ))
    }

    /// Where the person works and as what. Somebody with a part in several
    /// workspaces works in the first; choosing comes with the workspace pages.
    fn part_of(&self, user: &User) -> Result<Option<(WorkspaceKey, Role)>, StoreError> {
        let first = self.store.memberships(user.key)?.into_iter().next();
        if user.administrator {
            let workspace = first.map_or(WorkspaceKey::DEFAULT, |membership| membership.workspace);
            return Ok(Some((workspace, Role::Administrator)));
        }
        Ok(first.map(|membership| (membership.workspace, membership.role)))
    }

    fn new_token(&self) -> Result<Secret, NoRandomness> {
        Ok(Secret::new(
            URL_SAFE_NO_PAD.encode(self.random.bytes::<TOKEN_BYTES>()?),
        ))
    }
}

fn allow_administrator(actor: &Actor) -> Result<(), PeopleError> {
    if actor.may(Role::Administrator, actor.workspace()) {
        Ok(())
    } else {
        Err(PeopleError::Forbidden)
    }
}

fn checked(name: &str) -> Result<String, PeopleError> {
    let name = name.trim();
    let fits = (1..=NAME_LENGTH_MAX).contains(&name.chars().count())
        && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned()).ok_or(PeopleError::Name)
}

fn hash_of(token: &Secret) -> Option<[u8; 32]> {
    let text = token.expose();
    let fits = (1..=TOKEN_LENGTH_MAX).contains(&text.len());
    fits.then(|| *blake3::hash(text.as_bytes()).as_bytes())
}

fn later(now: Timestamp, age: SignedDuration) -> Timestamp {
    now.checked_add(age).unwrap_or(Timestamp::MAX)
}
