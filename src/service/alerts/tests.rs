//! What scripts are asked about mailboxes whose states are set by hand, over a real store.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::watching::Watch;
use super::*;
use crate::domain::alert::{Due, Told};
use crate::domain::condition::{Failure, Patience};
use crate::domain::key::{MailboxKey, WorkspaceKey};
use crate::domain::mailbox::Switch;
use crate::domain::state::MailboxState;
use crate::net::dial::DialOptions;
use crate::net::http_client::{HttpClient, HttpOptions};
use crate::net::oauth::OAuth;
use crate::script::{Limits, Scripts};
use crate::service::agenda::Agenda;
use crate::service::connect::Connect;
use crate::service::diary::Diary;
use crate::service::oauth_clients::{OAuthClients, OAuthOptions};
use crate::service::reauthentication::LinkOptions;
use crate::service::sync::Sync;
use crate::service::sync::options::SyncOptions;
use crate::service::testing::{logins, settings};
use crate::store::Options;

const STATES: &str = "fn on_mailbox_state(ctx) {
  alert(`${ctx.mailbox.state_before} -> ${ctx.mailbox.state}`);
}
";

struct Desk {
    alerts: Alerts,
    watch: Watch,
    seconds: Arc<AtomicI64>,
    scripts: Scripts,
    folder: tempfile::TempDir,
}

impl Desk {
    fn open(states: Option<&str>) -> Self {
        let seconds = Arc::new(AtomicI64::new(0));
        let read = Arc::clone(&seconds);
        let start: Timestamp = "2026-01-31T10:00:00Z".parse().expect("a time");
        let clock =
            Clock::new(move || start + SignedDuration::from_secs(read.load(Ordering::Relaxed)));
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("data"), Options::default()).expect("a store");
        let dialer = Dialer::new(DialOptions::default()).expect("a dialer");
        let (diary, _unwritten) = Diary::new(clock.clone());
        let patience = Patience {
            attempts_max: 2,
            ..Patience::default()
        };
        let board = Board::new(patience, diary);
        let presets = Presets::open(folder.path());
        let clients = OAuthClients::new(OAuthOptions::default(), presets.clone());
        let oauth = OAuth::new(HttpClient::new(dialer.clone(), HttpOptions::default()));
        let keyring = Keyring::new(store.clone(), oauth, clients, clock.clone());
        let sync = Sync::new(
            store.clone(),
            dialer.clone(),
            board.clone(),
            clock.clone(),
            presets.clone(),
            keyring.clone(),
            SyncOptions::default(),
        );
        let connect = Connect::new(
            store.clone(),
            dialer.clone(),
            sync.clone(),
            clock.clone(),
            Random,
            None,
            presets.clone(),
        );
        let mailboxes = Mailboxes::new(
            store.clone(),
            sync,
            board.clone(),
            clock.clone(),
            connect,
            keyring.clone(),
        );
        let links = Links::new(
            store.clone(),
            mailboxes.clone(),
            clock.clone(),
            LinkOptions::default(),
        );
        let written = folder.path().join("scripts");
        fs::create_dir(&written).expect("made");
        if let Some(states) = states {
            fs::write(written.join("states.rhai"), states).expect("written");
        }
        let scripts = Scripts::open(&written, Limits::default());
        let asking = Asking::new(store.clone(), scripts.clone(), clock.clone(), TimeZone::UTC);
        let agenda = Agenda::new(&store, clock.now(), |_| true).expect("readable");
        let options = AlertOptions::default();
        let alerts = Alerts::new(
            store, dialer, board, mailboxes, keyring, clock, None, presets, links, options,
        );
        let alerts = alerts.asking(asking);
        Self {
            watch: alerts.begin(agenda),
            alerts,
            seconds,
            scripts,
            folder,
        }
    }

    async fn mailbox(&self, number: u8) -> MailboxKey {
        let address = format!("help{number}@shop.example");
        let (now, workspace) = (self.alerts.clock.now(), WorkspaceKey::DEFAULT);
        let (settings, logins, random) = (settings(&address), logins(), [number; 10]);
        let store = &self.alerts.store;
        let added = store.add_mailbox(settings, &logins, workspace, None, now, random);
        added.await.expect("added").key
    }

    fn script(&self) -> PathBuf {
        self.folder.path().join("scripts").join("states.rhai")
    }

    /// Lets a while pass in which everything that changes is seen at once and lasts.
    async fn minutes(&mut self, mailbox: MailboxKey) {
        for _ in 0..3 {
            self.watch.agenda.put(mailbox, self.alerts.clock.now());
            self.alerts.look(&mut self.watch).await.expect("looked");
            self.seconds.fetch_add(60, Ordering::Relaxed);
        }
    }

    fn now(&self) -> Timestamp {
        self.alerts.clock.now()
    }

    fn sends(&self, mailbox: MailboxKey, works: bool) {
        let gone = || Failure::Passing("timed out".into());
        // As often as it takes for an error.
        for _ in 0..2 {
            let outcome = if works { Ok(()) } else { Err(gone()) };
            self.alerts.board.submitted(mailbox, outcome, self.now(), 0);
        }
    }

    /// The gateway is started again, and receives.
    fn restart(&self, mailbox: MailboxKey) {
        let board = &self.alerts.board;
        board.restore(mailbox, board.standing(mailbox));
        board.set_switch(mailbox, Switch::On);
        board.alive(mailbox, self.now());
    }

    /// What was told so far: what the script said, `!` for what the gateway says by itself.
    fn told(&self) -> Vec<String> {
        let notices = self.alerts.store.waiting_notices().expect("readable");
        let words = notices.into_iter().map(|notice| match notice.due {
            Due::Script { words, .. } => words,
            _ => "!".to_owned(),
        });
        words.collect()
    }

    fn remembered(&self, mailbox: MailboxKey) -> Told {
        self.alerts.store.told(mailbox).expect("readable")
    }
}

#[tokio::test]
async fn neither_a_restart_nor_another_try_brings_sending_back_that_was_sick() {
    let mut desk = Desk::open(Some(STATES));
    let mailbox = desk.mailbox(1).await;
    desk.alerts.board.alive(mailbox, desk.now());
    desk.minutes(mailbox).await;
    let noted = desk.remembered(mailbox).asked.about;
    assert_eq!(noted, Some(MailboxState::Active), "unused sending is fine");
    desk.sends(mailbox, true);
    desk.sends(mailbox, false);
    desk.minutes(mailbox).await;
    let first = ["active -> error"];
    assert_eq!(desk.told(), first);
    for again in [Desk::restart, |desk: &Desk, key| {
        desk.alerts.board.forget_failures(key);
    }] {
        again(&desk, mailbox);
        desk.minutes(mailbox).await;
        assert_eq!(desk.told(), first, "nothing has recovered");
        desk.sends(mailbox, false);
        desk.minutes(mailbox).await;
        assert_eq!(desk.told(), first, "nor failed anew");
    }
    desk.sends(mailbox, true);
    desk.minutes(mailbox).await;
    assert_eq!(desk.told().last().expect("told"), "error -> active");
}

#[tokio::test]
async fn what_is_due_for_all_is_stored_before_a_script_is_asked_about_one() {
    let mut desk = Desk::open(Some(STATES));
    let keys = [desk.mailbox(1).await, desk.mailbox(2).await];
    for key in keys {
        desk.alerts.board.alive(key, desk.now());
        desk.minutes(key).await;
        let gone = || Failure::Passing("timed out".into());
        for _ in 0..2 {
            desk.alerts
                .board
                .receiving_failed(key, gone(), desk.now(), 0);
        }
    }
    // Both are seen at the beginning and at the end of a long while.
    for seconds in [0, 3_600] {
        desk.seconds.fetch_add(seconds, Ordering::Relaxed);
        for key in keys {
            desk.watch.agenda.put(key, desk.now());
        }
        desk.alerts.look(&mut desk.watch).await.expect("looked");
    }
    let script = "active -> error";
    assert_eq!(desk.told(), ["!", "!", script, script]);
}

#[tokio::test]
async fn where_no_script_asks_a_state_that_flaps_is_not_written_down() {
    let mut desk = Desk::open(None);
    let mailbox = desk.mailbox(1).await;
    for works in [true, false, true, false] {
        desk.alerts.board.alive(mailbox, desk.now());
        desk.sends(mailbox, works);
        let now = desk.now();
        desk.watch.agenda.put(mailbox, now);
        desk.alerts.look(&mut desk.watch).await.expect("looked");
        assert_eq!(desk.remembered(mailbox).asked, Told::default().asked);
    }
    // One that comes later begins with what is so then.
    fs::write(desk.script(), STATES).expect("written");
    desk.scripts.reload();
    desk.alerts.look(&mut desk.watch).await.expect("looked");
    let about = |desk: &Desk| desk.remembered(mailbox).asked.about;
    assert_eq!(about(&desk), Some(MailboxState::Error));
    desk.sends(mailbox, true);
    desk.minutes(mailbox).await;
    assert_eq!(desk.told(), ["error -> active"]);
    // And one that is taken away leaves nothing behind.
    fs::remove_file(desk.script()).expect("removed");
    desk.scripts.reload();
    desk.alerts.look(&mut desk.watch).await.expect("looked");
    assert_eq!(about(&desk), None);
}
