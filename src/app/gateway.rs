//! The gateway as a whole: opened, running, stopped.

mod doctor;
mod handles;
mod reauthenticating;
mod scripting;

use std::net::SocketAddr;

use anyhow::Context as _;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::reload;
use crate::config::Config;
use crate::control::desk::Desk;
use crate::control::{self, SOCKET_NAME};
use crate::domain::condition::Patience;
use crate::http;
use crate::net::dial::{DialOptions, Dialer};
use crate::net::discovery::{DiscoveryOptions, LookUps};
use crate::net::dns::{RecordOptions, Records};
use crate::net::http_client::{HttpClient, HttpOptions};
use crate::net::oauth::OAuth;
use crate::script::Scripts;
use crate::service::asking::Asking;
use crate::service::authenticating::Authenticating;
use crate::service::clock::Clock;
use crate::service::collecting::Collecting;
use crate::service::connect::Connect;
use crate::service::connect::detection::Detection;
use crate::service::credentials::Keyring;
use crate::service::diary::{self, Diary, Unwritten};
use crate::service::diary_reading::DiaryReading;
use crate::service::doctor::Examinations;
use crate::service::filing::FilingCopies;
use crate::service::jobs;
use crate::service::ledger::Ledger;
use crate::service::mailboxes::Mailboxes;
use crate::service::oauth_clients::{OAuthClients, OAuthOptions};
use crate::service::outbox::{Hurry, Outbox};
use crate::service::people::People;
use crate::service::presets::Presets;
use crate::service::proving::Proving;
use crate::service::random::Random;
use crate::service::receiving::Receiving;
use crate::service::rehearsal::Turns;
use crate::service::signing_in::SigningIn;
use crate::service::submitting::Submitting;
use crate::service::sync::Sync;
use crate::service::sync::board::Board;
use crate::service::sync::options::SyncOptions;
use crate::service::sync::standing;
use crate::service::uploads::Uploads;
use crate::service::way_out::SystemSmtp;
use crate::smtp_server;
use crate::store::{self, Store};

/// An opened gateway. Nothing runs before [`Gateway::run`].
#[derive(Debug)]
pub struct Gateway {
    config: Config,
    store: Store,
    dialer: Dialer,
    scripts: Scripts,
    asking: Asking,
    zone: TimeZone,
    rehearsing: Turns,
    board: Board,
    diary: Diary,
    unwritten: Option<Unwritten>,
    clock: Clock,
    sync: Sync,
    system_smtp: Option<SystemSmtp>,
    presets: Presets,
    keyring: Keyring,
    clients: OAuthClients,
    oauth: OAuth,
    records: Records,
    detection: Detection,
    examinations: Examinations,
    hurry: Hurry,
    shutdown: CancellationToken,
}

/// Why the pages have no place.
pub(super) fn cannot_listen(listen: SocketAddr) -> String {
    format!(
        "cannot listen on {listen}; is another program using it? `[http] listen` in the \
         configuration, or `demo --listen`, chooses another"
    )
}

impl Gateway {
    /// Opens store and scripts. Broken scripts do not stop the gateway: mail takes
    /// the default route and the problems are shown.
    ///
    /// # Errors
    /// When the data folder is in use or damaged, or a certificate file cannot be read.
    pub fn open(config: Config, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let options = store::Options {
            cache_bytes: config.store.cache_mib as usize * 1024 * 1024,
            free_space_floor_bytes: config.store.free_space_floor_mib * 1024 * 1024,
        };
        let clock = super::clock();
        let store = Store::open(&config.store.folder, options)?;
        let dialer = Dialer::new(DialOptions {
            ca_files: config.mail.ca_files.clone(),
            reach: config.network.reach(),
            ceilings: Some(config.ceilings()),
            ..DialOptions::default()
        })?;
        let zone = config.zone().context("the time zone of the scripts")?;
        let scripts = Self::open_scripts(&config, &zone);
        scripts.note_live(clock.now());
        let asking = Self::open_asking(&config, &store, &scripts, &clock, &zone);
        let (diary, unwritten) = Diary::new(clock.clone());
        let patience = Patience {
            attempts_max: config.mail.max_reconnect_attempts,
            ..Patience::default()
        };
        let board = Board::new(patience, diary.clone());
        let sync_options = SyncOptions {
            mail_size_max: config.mail.mail_size_max_mib * 1024 * 1024,
            check_interval: config.check_interval(),
            rescan: config.rescan(),
            ..SyncOptions::default()
        };
        let system_smtp = config
            .system_smtp
            .way()
            .context("the password_file of [system_smtp]")?;
        let presets = Presets::open(&config.plugins.folder);
        let oauth_options = OAuthOptions {
            enabled: config.oauth.enabled,
            clients: config
                .oauth
                .clients()
                .context("a client_secret_file of [oauth]")?,
            public_url: config.public_url(),
        };
        let clients = OAuthClients::new(oauth_options, presets.clone());
        let https = HttpOptions {
            guard: config.network.lookups(),
            ..HttpOptions::default()
        };
        // A person or a mailbox waits for what is asked by it.
        let http = HttpClient::new(dialer.soon(), https);
        let oauth = OAuth::new(http.clone());
        let records = Records::new(RecordOptions {
            name_server: config.network.name_server(),
            ..RecordOptions::default()
        });
        let look_ups = LookUps::new(http, records.clone(), DiscoveryOptions::default());
        let look_ups = config.network.look_up_servers.then_some(look_ups);
        let detection = Detection::new(presets.clone(), look_ups);
        let keyring = Keyring::new(store.clone(), oauth.clone(), clients.clone(), clock.clone())
            .counting(board.refusals());
        let sync = Sync::new(
            store.clone(),
            dialer.clone(),
            board.clone(),
            clock.clone(),
            presets.clone(),
            keyring.clone(),
            sync_options,
        )
        .until(shutdown.clone());
        Ok(Self {
            config,
            store,
            dialer,
            scripts,
            asking,
            zone,
            rehearsing: Turns::default(),
            board,
            diary,
            unwritten: Some(unwritten),
            clock,
            sync,
            system_smtp,
            presets,
            keyring,
            clients,
            oauth,
            records,
            detection,
            examinations: Examinations::default(),
            hurry: Hurry::default(),
            shutdown,
        })
    }

    /// The services that commands use.
    #[must_use]
    pub fn desk(&self) -> Desk {
        Desk {
            connect: self.connect(),
            mailboxes: self.mailboxes(),
            people: self.people(),
            diary: self.diary_reading(),
            ledger: self.ledger(),
            collecting: self.collecting(),
            outbox: self.outbox(),
            proving: self.proving(),
            doctor: self.doctor(),
            alerts: self.alerts(),
            signing_in: self.signing_in(self.connect()),
            links: self.links(),
            rehearsals: self.rehearsals(),
            public_url: self.config.public_url(),
            is_running: !self.shutdown.is_cancelled(),
        }
    }

    /// Reads how mailboxes stood when the gateway last ran, for a command that runs alone.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn recall(&self) -> anyhow::Result<()> {
        Ok(self.sync.recall_all()?)
    }

    /// The store, for the demo to put its teams into.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Runs until the shutdown token; `ready` is called with the address of the
    /// pages once everything is up.
    ///
    /// # Errors
    /// When an address or the control socket cannot be bound.
    pub async fn run(mut self, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
        let listen = self.config.http.listen;
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| cannot_listen(listen))?;
        let address = listener.local_addr()?;
        let socket = self.config.store.folder.join(SOCKET_NAME);
        let control = control::server::bind(&socket)
            .with_context(|| format!("cannot make the control socket {}", socket.display()))?;
        let tasks = TaskTracker::new();
        let mail = self.config.smtp_listener.listener();
        let mail = mail.context("TLS of [smtp_listener]")?;
        if let Some(options) = mail {
            if let Some(acceptor) = options.acceptor.clone() {
                tasks.spawn(reload::run_certificate(acceptor, self.shutdown.clone()));
            }
            let (receiving, stop) = (self.receiving(), self.shutdown.clone());
            let door = smtp_server::Listener::bind(options, receiving, stop).await?;
            tracing::info!(address = %door.address()?, "forwarded mail is taken");
            tasks.spawn(door.run());
        }
        self.begin_work(&tasks)?;
        if let Some(unwritten) = self.unwritten.take() {
            let (store, clock) = (self.store.clone(), self.clock.clone());
            tasks.spawn(diary::run(unwritten, store, clock, self.shutdown.clone()));
        }
        tasks.spawn(control::server::run(
            control,
            socket,
            self.desk(),
            self.shutdown.clone(),
        ));
        tasks.spawn(http::run(
            listener,
            self.config.http.options(),
            self.http_handles(),
            self.shutdown.clone(),
        ));
        let mailboxes = self.sync.start_all()?;
        self.mailboxes().finish_removals()?;
        let proving = self.proving();
        proving.resume()?;
        tasks.spawn(proving.run_canaries(self.shutdown.clone()));
        tasks.spawn(self.alerts().run(self.shutdown.clone()));
        tasks.spawn(self.uploads().sweep(self.shutdown.clone()));
        tracing::info!(%address, mailboxes, folder = %self.config.store.folder.display(), "Postern is up");
        ready(address);
        self.shutdown.cancelled().await;
        tracing::info!("stopping: finishing what is under way");
        self.sync.join().await;
        tasks.close();
        tasks.wait().await;
        self.keyring.finish().await;
        Ok(())
    }

    /// Starts the stages of a mail's way.
    fn begin_work(&self, tasks: &TaskTracker) -> anyhow::Result<()> {
        let (store, clock, stop) = (&self.store, &self.clock, &self.shutdown);
        let submitting = Submitting::new(
            store.clone(),
            self.dialer.soon(),
            self.board.clone(),
            self.keyring.clone(),
            clock.clone(),
            self.system_smtp.clone(),
            self.presets.clone(),
        )
        .hurried_by(&self.hurry);
        let filing = FilingCopies::new(
            store.clone(),
            self.dialer.clone(),
            self.board.clone(),
            self.keyring.clone(),
            clock.clone(),
            Random,
            self.presets.clone(),
        );
        tasks.spawn(self.triage().run(stop.clone()));
        tasks.spawn(jobs::run(
            self.timers(),
            store.clone(),
            clock.clone(),
            stop.clone(),
        ));
        tasks.spawn(jobs::run(
            self.composing(),
            store.clone(),
            clock.clone(),
            stop.clone(),
        ));
        tasks.spawn(jobs::run(
            submitting,
            store.clone(),
            clock.clone(),
            stop.clone(),
        ));
        tasks.spawn(jobs::run(
            filing,
            store.clone(),
            clock.clone(),
            stop.clone(),
        ));
        let authenticating = Authenticating::new(
            store.clone(),
            self.records.clone(),
            clock.clone(),
            self.config.smtp_listener.host(),
        );
        tasks.spawn(jobs::run(
            authenticating,
            store.clone(),
            clock.clone(),
            stop.clone(),
        ));
        tasks.spawn(standing::run(
            self.board.clone(),
            store.clone(),
            stop.clone(),
        ));
        tasks.spawn(reload::run_plugins(
            self.presets.plugins().clone(),
            stop.clone(),
        ));
        tasks.spawn(reload::run(
            self.scripts_folder(),
            self.scripts.clone(),
            self.on_scripts(),
            stop.clone(),
        ));
        Ok(())
    }

    fn connect(&self) -> Connect {
        Connect::new(
            self.store.clone(),
            self.dialer.soon(),
            self.sync.clone(),
            self.clock.clone(),
            Random,
            self.system_smtp.clone(),
            self.presets.clone(),
        )
        .taking_mail_for(self.config.smtp_listener.receiving())
        .looking_up(self.detection.clone())
    }

    fn receiving(&self) -> Receiving {
        Receiving::new(
            self.store.clone(),
            self.board.clone(),
            self.clock.clone(),
            Random,
            self.config.smtp_listener.receiving(),
        )
    }

    fn mailboxes(&self) -> Mailboxes {
        Mailboxes::new(
            self.store.clone(),
            self.sync.clone(),
            self.board.clone(),
            self.clock.clone(),
            self.connect(),
            self.keyring.clone(),
        )
    }

    /// Its attempts are those of `connect`.
    fn signing_in(&self, connect: Connect) -> SigningIn {
        SigningIn::new(
            self.oauth.clone(),
            self.clients.clone(),
            connect,
            self.mailboxes(),
            self.clock.clone(),
        )
    }

    fn diary_reading(&self) -> DiaryReading {
        DiaryReading::new(self.store.clone(), self.diary.clone(), self.mailboxes())
    }

    fn ledger(&self) -> Ledger {
        Ledger::new(self.store.clone(), self.mailboxes())
    }

    fn proving(&self) -> Proving {
        let proving = Proving::new(
            self.store.clone(),
            self.dialer.soon(),
            self.board.clone(),
            self.keyring.clone(),
            self.clock.clone(),
            self.system_smtp.clone(),
            self.mailboxes(),
        );
        proving.until(self.shutdown.clone())
    }

    fn collecting(&self) -> Collecting {
        Collecting::new(
            self.store.clone(),
            self.dialer.soon(),
            self.sync.clone(),
            self.diary.clone(),
            self.keyring.clone(),
            self.clock.clone(),
            self.mailboxes(),
        )
    }

    fn outbox(&self) -> Outbox {
        Outbox::new(self.store.clone(), self.clock.clone(), self.hurry.clone())
    }

    fn people(&self) -> People {
        People::new(self.store.clone(), self.clock.clone(), Random)
    }

    fn uploads(&self) -> Uploads {
        Uploads::new(self.store.clone(), self.clock.clone(), Random)
    }
}
