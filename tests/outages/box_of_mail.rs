//! A mailbox under test: the real sync over a real socket into a real store, with
//! short waits, and questions that wait for the feed instead of for time.

use std::time::Duration;

use postern::domain::address::Address;
use postern::domain::back_off::BackOff;
use postern::domain::ceiling::Ceiling;
use postern::domain::condition::Patience;
use postern::domain::key::WorkspaceKey;
use postern::domain::ledger::{Fate, Source};
use postern::domain::mailbox::{
    Condition, Credentials, History, Login, Mailbox, MailboxLogins, MailboxSettings, Pop3Keep,
    Pop3Way, Security, Server, WayIn, WayOut,
};
use postern::domain::secret::Secret;
use postern::domain::turns::Ceilings;
use postern::net::dial::{DialOptions, Dialer};
use postern::net::http_client::{HttpClient, HttpOptions};
use postern::net::oauth::OAuth;
use postern::service::clock::Clock;
use postern::service::credentials::Keyring;
use postern::service::diary::Diary;
use postern::service::oauth_clients::{OAuthClients, OAuthOptions};
use postern::service::presets::Presets;
use postern::service::random::Random;
use postern::service::sync::Sync;
use postern::service::sync::board::Board;
use postern::service::sync::options::SyncOptions;
use postern::store::{Options, Store};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::peers::STEP_MAX;

pub const PASSWORD: &str = "right";

/// Mailboxes of one store; everything stops with this value.
pub struct Boxes {
    pub store: Store,
    pub sync: Sync,
    pub keyring: Keyring,
    pub dialer: Dialer,
    board: Board,
    shutdown: CancellationToken,
    _folder: tempfile::TempDir,
}

/// Waits of milliseconds instead of minutes.
pub fn patience(attempts_max: u32, wait: Duration) -> Patience {
    Patience {
        attempts_max,
        back_off: BackOff {
            first: wait,
            longest: wait,
        },
        put_off: BackOff {
            first: wait,
            longest: wait,
        },
        slow_retry: wait,
        ..Patience::default()
    }
}

/// Nobody waits for anybody.
pub const UNBOUND: Ceilings = Ceilings {
    host: WIDE,
    all: WIDE,
};

const WIDE: Ceiling = Ceiling {
    per_second: 10_000,
    at_once: 1_000,
};

pub fn quick() -> SyncOptions {
    SyncOptions {
        rescan: Duration::from_millis(300),
        check_interval: Duration::from_millis(300),
        answer_deadline: Duration::from_secs(1),
        ..SyncOptions::default()
    }
}

impl Boxes {
    pub fn open(patience: Patience, options: SyncOptions) -> Self {
        Self::open_within(UNBOUND, patience, options)
    }

    pub fn open_within(ceilings: Ceilings, patience: Patience, options: SyncOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store_options = Options {
            cache_bytes: 8 * 1024 * 1024,
            free_space_floor_bytes: 0,
        };
        let store = Store::open(folder.path(), store_options).unwrap();
        let board = Board::new(patience, Diary::new(Clock::new(Timestamp::now)).0);
        let shutdown = CancellationToken::new();
        let dialer = Dialer::new(DialOptions {
            ceilings: Some(ceilings),
            ..DialOptions::default()
        })
        .unwrap();
        let clock = Clock::new(Timestamp::now);
        let presets = Presets::open(&folder.path().join("plugins"));
        let clients = OAuthClients::new(OAuthOptions::default(), presets.clone());
        let oauth = OAuth::new(HttpClient::new(dialer.clone(), HttpOptions::default()));
        let keyring = Keyring::new(store.clone(), oauth, clients, clock.clone());
        let keyring = keyring.counting(board.refusals());
        let sync = Sync::new(
            store.clone(),
            dialer.clone(),
            board.clone(),
            clock,
            presets,
            keyring.clone(),
            options,
        )
        .until(shutdown.clone());
        Self {
            store,
            sync,
            keyring,
            dialer,
            board,
            shutdown,
            _folder: folder,
        }
    }

    /// Connects a mailbox to a port, all mail included.
    pub async fn connect(&self, address: &str, port: u16, security: Security) -> Mailbox {
        let way = WayIn::inbox(server(port, security));
        self.add(address, way, History::All).await
    }

    /// The same for mail that comes from now on.
    pub async fn connect_from_now(&self, address: &str, port: u16) -> Mailbox {
        let way = WayIn::inbox(server(port, Security::None));
        self.add(address, way, History::Nothing).await
    }

    /// The same by POP3, in the clear.
    pub async fn connect_maildrop(&self, address: &str, port: u16, keep: Pop3Keep) -> Mailbox {
        let server = server(port, Security::None);
        let way = WayIn::Pop3(Pop3Way { server, keep });
        self.add(address, way, History::All).await
    }

    async fn add(&self, address: &str, way_in: WayIn, history: History) -> Mailbox {
        let address = Address::parse(address).unwrap();
        let login = Login {
            user: address.as_str().to_owned(),
            credentials: Credentials::Password(Secret::new(PASSWORD)),
        };
        let settings = MailboxSettings {
            name: "Help".to_owned(),
            history,
            ..MailboxSettings::new(address, way_in, WayOut::System)
        };
        let logins = MailboxLogins {
            incoming: Some(login),
            outgoing: None,
        };
        let (now, random) = (Timestamp::now(), Random.bytes().unwrap());
        let mailbox = self
            .store
            .add_mailbox(settings, &logins, WorkspaceKey::DEFAULT, None, now, random)
            .await
            .unwrap();
        self.sync.start(mailbox.clone());
        mailbox
    }

    pub fn receiving(&self, mailbox: &Mailbox) -> Condition {
        self.board.health(mailbox.key).receiving
    }

    /// Subjects of what is stored for a mailbox, in order of arrival; a mail that came
    /// twice would stand here twice.
    pub fn subjects(&self, mailbox: &Mailbox) -> Vec<String> {
        let mut rows = self.store.ledger(mailbox.key, None, 1_000).unwrap();
        rows.reverse();
        let stored = rows.iter().filter_map(|row| match row.fate {
            Fate::Stored(message) | Fate::Unreadable(message) => Some(message),
            _ => None,
        });
        stored
            .map(|key| self.store.message(key).unwrap().unwrap().head.subject)
            .collect()
    }

    /// UIDs of the mails of which the ledger says that the server has not given them.
    pub fn not_given(&self, mailbox: &Mailbox) -> Vec<u32> {
        let rows = self.store.ledger(mailbox.key, None, 1_000).unwrap();
        let rows = rows.into_iter().filter(|row| row.fate == Fate::NotGiven);
        rows.map(|row| match row.source {
            Source::Imap { uid, .. } => uid.get(),
            other => panic!("{other:?}"),
        })
        .collect()
    }

    /// Waits until the question has an answer, looking whenever something has happened.
    pub async fn until<T>(&self, what: &str, mut question: impl FnMut() -> Option<T>) -> T {
        let mut feed = self.store.subscribe();
        let asked = async {
            loop {
                feed.mark_unchanged();
                if let Some(answer) = question() {
                    return answer;
                }
                feed.changed().await.unwrap();
            }
        };
        match tokio::time::timeout(STEP_MAX, asked).await {
            Ok(answer) => answer,
            Err(_) => panic!("waited {STEP_MAX:?} in vain until {what}"),
        }
    }

    pub async fn until_subjects(&self, mailbox: &Mailbox, expected: &[&str]) {
        let complete = || (self.subjects(mailbox).len() >= expected.len()).then_some(());
        self.until(&format!("{expected:?} are stored"), complete)
            .await;
        let mut subjects = self.subjects(mailbox);
        subjects.sort();
        assert_eq!(subjects, expected);
    }

    pub async fn until_condition(&self, mailbox: &Mailbox, wanted: fn(&Condition) -> bool) {
        let is = || wanted(&self.receiving(mailbox)).then_some(());
        let what = format!("the mailbox is {}", std::any::type_name_of_val(&wanted));
        self.until(&what, is).await;
    }
}

fn server(port: u16, security: Security) -> Server {
    Server {
        host: "localhost".to_owned(),
        port,
        security,
    }
}

impl Drop for Boxes {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn is_active(condition: &Condition) -> bool {
    *condition == Condition::Active
}

pub fn is_interrupted(condition: &Condition) -> bool {
    matches!(condition, Condition::Interrupted { .. })
}

pub fn is_error(condition: &Condition) -> bool {
    matches!(condition, Condition::Error { .. })
}

pub fn needs_a_person(condition: &Condition) -> bool {
    matches!(condition, Condition::ReauthenticationNeeded { .. })
}
