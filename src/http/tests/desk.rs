//! A gateway with a little mail in it, and a client for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use http_body_util::BodyExt;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::domain::address::{Address, NamedAddress};
use crate::domain::condition::Patience;
use crate::domain::conversation::Tag;
use crate::domain::decision::{Occasion, Outcome, Routing, ScriptVersion, TraceStep};
use crate::domain::extraction::Extraction;
use crate::domain::folder::{FolderName, Uid, UidValidity};
use crate::domain::job::WorkKind;
use crate::domain::key::{MailboxKey, MessageKey, PublicId, WorkspaceKey};
use crate::domain::ledger::Source;
use crate::domain::mailbox::{
    Credentials, Login, Mailbox, MailboxLogins, MailboxSettings, Security, Server, WayIn, WayOut,
};
use crate::domain::secret::Secret;
use crate::domain::user::{Actor, Membership, Role, User};
use crate::http::{Handles, Options, router};
use crate::mime;
use crate::net::dial::{DialOptions, Dialer};
use crate::net::dns::{RecordOptions, Records};
use crate::net::http_client::{HttpClient, HttpOptions};
use crate::net::oauth::OAuth;
use crate::script::{Limits, Routed, Scripts, Snapshot};
use crate::service::alerts::{AlertOptions, Alerts};
use crate::service::asking::Asking;
use crate::service::clock::Clock;
use crate::service::collecting::Collecting;
use crate::service::connect::Connect;
use crate::service::console::Console;
use crate::service::conversations::Conversations;
use crate::service::credentials::Keyring;
use crate::service::diary::Diary;
use crate::service::diary_reading::DiaryReading;
use crate::service::doctor::{Doctor, Examinations, Instruments};
use crate::service::feed::Feed;
use crate::service::ledger::Ledger;
use crate::service::mailboxes::Mailboxes;
use crate::service::oauth_clients::{OAuthClients, OAuthOptions};
use crate::service::outbox::{Hurry, Outbox};
use crate::service::people::People;
use crate::service::presets::Presets;
use crate::service::proving::Proving;
use crate::service::random::Random;
use crate::service::reauthentication::{LinkOptions, Links, Reauthentication};
use crate::service::receiving::ReceivingOptions;
use crate::service::rehearsal::{Rehearsals, Turns};
use crate::service::replies::Replies;
use crate::service::script_editing::{EditingOptions, ScriptEditing};
use crate::service::signing_in::SigningIn;
use crate::service::sync::Sync;
use crate::service::sync::board::Board;
use crate::service::sync::options::SyncOptions;
use crate::service::uploads::Uploads;
use crate::store::{
    Arrival, ArrivalRaw, CompressedRaw, Delivered, Delivery, GoesOn, NewDecision, NewLogins, Store,
    Triaged,
};

pub(super) const OTHER: WorkspaceKey = WorkspaceKey(2);

pub(super) struct Desk {
    pub(super) store: Store,
    pub(super) people: People,
    pub(super) router: Router,
    pub(super) shutdown: CancellationToken,
    /// Of an operator of the default workspace.
    pub(super) token: Secret,
    /// Of a manager of another workspace.
    pub(super) foreign_token: Secret,
    pub(super) operator: User,
    pub(super) mailbox: Mailbox,
    folder: tempfile::TempDir,
}

impl Desk {
    pub(super) async fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(
            &folder.path().join("data"),
            crate::store::Options::default(),
        )
        .expect("a store");
        let clock = Clock::new(Timestamp::now);
        let people = People::new(store.clone(), clock.clone(), Random);
        let operator = person(
            &store,
            "Ada Lovelace",
            "ada@desk.example",
            WorkspaceKey::DEFAULT,
            Role::Operator,
        )
        .await;
        let foreigner = person(&store, "Zoe", "zoe@other.example", OTHER, Role::Manager).await;
        let token = people
            .create_token(&Actor::Console, operator.key, "test", None)
            .await
            .expect("a token");
        let foreign_token = people
            .create_token(&Actor::Console, foreigner.key, "test", None)
            .await
            .expect("a token");
        let mailbox = connect(
            &store,
            WorkspaceKey::DEFAULT,
            "Support",
            "support@desk.example",
        )
        .await;
        let shutdown = CancellationToken::new();
        std::fs::create_dir(folder.path().join("scripts")).expect("a folder");
        let handles = handles(&store, &people, &clock, &folder.path().join("scripts"));
        let router = router(Options::default(), handles, shutdown.clone());
        Self {
            store,
            people,
            router,
            shutdown,
            token,
            foreign_token,
            operator,
            mailbox,
            folder,
        }
    }

    /// Takes a mail in and triages it; the ids of its message and conversation.
    pub(super) async fn receive(&self, mail: &str) -> (PublicId, PublicId) {
        self.receive_as(mail, routing()).await
    }

    pub(super) async fn receive_as(&self, mail: &str, routing: Routing) -> (PublicId, PublicId) {
        self.take_in(mail, Made::of(routing), None).await
    }

    /// A mail that these scripts have routed, which are kept.
    pub(super) async fn receive_routed(
        &self,
        mail: &str,
        scripts: &Snapshot,
        routed: Routed,
    ) -> (PublicId, PublicId) {
        let version = scripts.version();
        let kept = self.store.keep_script(version, scripts.files().to_vec());
        kept.await.expect("kept");
        let made = Made {
            routing: routed.routing,
            trace: routed.trace,
            version: Some(version),
        };
        self.take_in(mail, made, None).await
    }

    /// A file of the scripts.
    pub(super) fn script(&self, name: &str) -> PathBuf {
        self.folder.path().join("scripts").join(name)
    }

    /// A mail of a mailbox whose plugin reads mail.
    pub(super) async fn receive_read(
        &self,
        mail: &str,
        extraction: Extraction,
    ) -> (PublicId, PublicId) {
        let made = Made::of(routing());
        self.take_in(mail, made, Some(extraction)).await
    }

    async fn take_in(
        &self,
        mail: &str,
        made: Made,
        extraction: Option<Extraction>,
    ) -> (PublicId, PublicId) {
        let message = deliver(&self.store, self.mailbox.key, mail).await;
        triage(&self.store, message, made, extraction).await;
        let message = self
            .store
            .message(message)
            .expect("readable")
            .expect("a message");
        let conversation = self
            .store
            .conversation(message.conversation)
            .expect("readable")
            .expect("a conversation");
        (message.id, conversation.id)
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Response {
        self.router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer")
    }

    /// Asks the API as the operator.
    pub(super) async fn api(
        &self,
        method: Method,
        path: &str,
        body: Option<serde_json::Value>,
    ) -> (StatusCode, serde_json::Value) {
        let request = ask(method, path).header(
            header::AUTHORIZATION,
            format!("Bearer {}", self.token.expose()),
        );
        let request = request.header(header::CONTENT_TYPE, "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.send(request.body(body).expect("a request")).await;
        let status = response.status();
        let text = text_of(response).await;
        (
            status,
            serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)),
        )
    }

    pub(super) async fn get(&self, path: &str) -> (StatusCode, serde_json::Value) {
        self.api(Method::GET, path, None).await
    }

    /// The cookie of a fresh session of the operator.
    pub(super) async fn session(&self) -> String {
        let link = self
            .people
            .create_login_link(&Actor::Console, self.operator.key)
            .await
            .expect("a link");
        let session = self.people.open_session(&link).await.expect("a session");
        format!("postern_session={}", session.expose())
    }

    /// The mailbox gets an overlay, and the address that is registered there.
    pub(super) async fn sell_on(&self, overlay: &'static str, registered: &str) {
        let registered = Address::parse(registered).expect("an address");
        self.store
            .alter_mailbox(
                self.mailbox.key,
                move |settings| {
                    settings.overlay = Some(overlay.to_owned());
                    settings.registered_address = Some(registered.clone());
                },
                NewLogins::Keep,
                GoesOn::WhereItStopped,
                Timestamp::now(),
            )
            .await
            .expect("altered");
    }

    /// The cookie of a fresh session of somebody who manages the mailboxes.
    pub(super) async fn managers_session(&self) -> String {
        self.session_of("Grace Hopper", "grace@desk.example", Role::Manager)
            .await
    }

    /// The cookie of a fresh session of somebody new.
    pub(super) async fn session_of(&self, name: &str, address: &str, role: Role) -> String {
        let workspace = WorkspaceKey::DEFAULT;
        let person = person(&self.store, name, address, workspace, role).await;
        let link = self
            .people
            .create_login_link(&Actor::Console, person.key)
            .await
            .expect("a link");
        let session = self.people.open_session(&link).await.expect("a session");
        format!("postern_session={}", session.expose())
    }

    /// Sends a form of a page, with the token of that page.
    pub(super) async fn submit(
        &self,
        cookie: &str,
        page: &str,
        action: &str,
        fields: &str,
    ) -> Response {
        let (_, shown) = self.page(cookie, page).await;
        let token = shown.split("name=\"form_token\" value=\"").nth(1);
        let token = token.and_then(|rest| rest.split('"').next());
        let body = format!("form_token={}&{fields}", token.expect("a token"));
        let request = ask(Method::POST, action)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie)
            .header("sec-fetch-site", "same-origin")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .expect("a request");
        self.send(request).await
    }

    /// A page, as a browser asks for it.
    pub(super) async fn page(&self, cookie: &str, path: &str) -> (StatusCode, String) {
        let request = ask(Method::GET, path)
            .header(header::ACCEPT, "text/html")
            .header(header::COOKIE, cookie);
        let response = self
            .send(request.body(Body::empty()).expect("a request"))
            .await;
        (response.status(), text_of(response).await)
    }
}

/// A request under a name that is served.
pub(super) fn ask(method: Method, path: &str) -> axum::http::request::Builder {
    Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, "localhost:8460")
}

pub(super) async fn text_of(response: Response) -> String {
    let bytes = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(super) fn routing() -> Routing {
    Routing {
        tags: Tag::new("invoice").into_iter().collect(),
        ..Routing::default()
    }
}

fn handles(store: &Store, people: &People, clock: &Clock, scripts: &Path) -> Handles {
    let dialer = Dialer::new(DialOptions::default()).expect("a dialer");
    let (diary, _unwritten) = Diary::new(clock.clone());
    let board = Board::new(Patience::default(), diary.clone());
    let presets = Presets::open(Path::new("none"));
    let clients = OAuthClients::new(OAuthOptions::default(), presets.clone());
    let https = HttpClient::new(dialer.clone(), HttpOptions::default());
    let oauth = OAuth::new(https);
    let keyring = Keyring::new(store.clone(), oauth.clone(), clients.clone(), clock.clone());
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
        sync.clone(),
        board.clone(),
        clock.clone(),
        connect.clone(),
        keyring.clone(),
    );
    let (for_it, at_it) = (connect.clone(), mailboxes.clone());
    let signing_in = SigningIn::new(oauth, clients, for_it, at_it, clock.clone());
    let proving = Proving::new(
        store.clone(),
        dialer.clone(),
        board.clone(),
        keyring.clone(),
        clock.clone(),
        None,
        mailboxes.clone(),
    );
    let links = links(store, &mailboxes, clock);
    let scripts = Scripts::open(scripts, Limits::default());
    let asking = Asking::new(store.clone(), scripts.clone(), clock.clone(), TimeZone::UTC);
    Handles {
        asking,
        doctor: doctor(&dialer, &keyring, &presets, &diary, &proving, &mailboxes),
        conversations: Conversations::new(store.clone(), clock.clone(), Random),
        feed: Feed::new(store.clone()),
        people: people.clone(),
        replies: Replies::new(store.clone(), presets.clone(), clock.clone(), Random),
        outbox: Outbox::new(store.clone(), clock.clone(), Hurry::default()),
        uploads: Uploads::new(store.clone(), clock.clone(), Random),
        diary: DiaryReading::new(store.clone(), diary.clone(), mailboxes.clone()),
        ledger: Ledger::new(store.clone(), mailboxes.clone()),
        collecting: Collecting::new(
            store.clone(),
            dialer.clone(),
            sync,
            diary,
            keyring.clone(),
            clock.clone(),
            mailboxes.clone(),
        ),
        alerts: Alerts::new(
            store.clone(),
            dialer,
            board,
            mailboxes.clone(),
            keyring,
            clock.clone(),
            None,
            presets.clone(),
            links.clone(),
            AlertOptions::default(),
        ),
        reauthentication: Reauthentication::new(
            store.clone(),
            mailboxes.clone(),
            signing_in.clone(),
            clock.clone(),
        ),
        links,
        proving,
        signing_in,
        connect,
        presets,
        random: Random,
        rehearsals: rehearsals(store, &mailboxes, &scripts),
        console: console(store, clock, &scripts),
        script_editing: script_editing(store, &scripts),
        mailboxes,
        scripts,
    }
}

fn links(store: &Store, mailboxes: &Mailboxes, clock: &Clock) -> Links {
    Links::new(
        store.clone(),
        mailboxes.clone(),
        clock.clone(),
        LinkOptions::default(),
    )
}

fn console(store: &Store, clock: &Clock, scripts: &Scripts) -> Console {
    Console::new(
        store.clone(),
        Conversations::new(store.clone(), clock.clone(), Random),
        script_editing(store, scripts),
        scripts.clone(),
        TimeZone::UTC,
        Duration::from_secs(5),
    )
}

fn script_editing(store: &Store, scripts: &Scripts) -> ScriptEditing {
    let options = EditingOptions {
        allowed: true,
        require_tests: false,
        zone: TimeZone::UTC,
        script_time_max: Duration::from_secs(5),
    };
    ScriptEditing::new(store.clone(), scripts.clone(), Random, options)
}

fn rehearsals(store: &Store, mailboxes: &Mailboxes, scripts: &Scripts) -> Rehearsals {
    Rehearsals::new(
        store.clone(),
        mailboxes.clone(),
        scripts.clone(),
        TimeZone::UTC,
        Duration::from_secs(5),
        Turns::default(),
    )
}

fn doctor(
    dialer: &Dialer,
    keyring: &Keyring,
    presets: &Presets,
    diary: &Diary,
    proving: &Proving,
    mailboxes: &Mailboxes,
) -> Doctor {
    let with = Instruments {
        dialer: dialer.clone(),
        records: Records::new(RecordOptions::default()),
        keyring: keyring.clone(),
        presets: presets.clone(),
        system: None,
        receiving: ReceivingOptions::default(),
        diary: diary.clone(),
        proving: proving.clone(),
        clock: Clock::new(Timestamp::now),
    };
    Doctor::new(with, mailboxes.clone(), Examinations::default())
}

async fn person(
    store: &Store,
    name: &str,
    address: &str,
    workspace: WorkspaceKey,
    role: Role,
) -> User {
    let address = Address::parse(address).expect("an address");
    let random = Random.bytes().expect("random bytes");
    let user = store
        .add_user(name.to_owned(), address, false, Timestamp::now(), random)
        .await
        .expect("a user");
    store
        .set_membership(Membership {
            user: user.key,
            workspace,
            role,
        })
        .await
        .expect("a membership");
    user
}

pub(super) async fn connect(
    store: &Store,
    workspace: WorkspaceKey,
    name: &str,
    address: &str,
) -> Mailbox {
    let address = Address::parse(address).expect("an address");
    let server = |port| Server {
        host: "mail.desk.example".to_owned(),
        port,
        security: Security::Tls,
    };
    let settings = MailboxSettings {
        name: name.to_owned(),
        identity: NamedAddress::new(Some(name), address.clone()),
        ..MailboxSettings::new(address, WayIn::inbox(server(993)), WayOut::Own(server(465)))
    };
    let login = Login {
        user: "support".to_owned(),
        credentials: Credentials::Password(Secret::new("secret")),
    };
    let logins = MailboxLogins {
        incoming: Some(login.clone()),
        outgoing: Some(login),
    };
    let random = Random.bytes().expect("random bytes");
    store
        .add_mailbox(settings, &logins, workspace, None, Timestamp::now(), random)
        .await
        .expect("a mailbox")
}

async fn deliver(store: &Store, mailbox: MailboxKey, mail: &str) -> MessageKey {
    let mail = mail.replace('\n', "\r\n");
    let read = mime::read_bytes(mail.as_bytes());
    let uid = u32::try_from(store.last_sequence().expect("readable").0).expect("few changes") + 1;
    let arrival = Arrival {
        source: Source::Imap {
            folder: FolderName::inbox(),
            validity: UidValidity::new(1).expect("not zero"),
            uid: Uid::new(uid).expect("not zero"),
        },
        raw: ArrivalRaw::Whole(CompressedRaw::new(mail.as_bytes())),
        size: mail.len() as u64,
        whole_size: None,
        head: read.head,
        fingerprint: read.fingerprint,
        arrived_at: Timestamp::now(),
        late: false,
        imported: false,
        random: Random.bytes().expect("random bytes"),
    };
    let delivery = Delivery {
        mailbox,
        is_junk: false,
        is_sent: false,
        also_for: Vec::new(),
        arrivals: vec![arrival],
        cursor: None,
        maildrop: Vec::new(),
        passed: Vec::new(),
    };
    let delivered = store.deliver(delivery).await.expect("a delivery");
    let [Delivered::Stored { message, .. }] = delivered[..] else {
        panic!("not stored: {delivered:?}");
    };
    message
}

/// What scripts have made of a mail.
struct Made {
    routing: Routing,
    trace: Vec<TraceStep>,
    version: Option<ScriptVersion>,
}

impl Made {
    fn of(routing: Routing) -> Self {
        let trace = vec![TraceStep {
            file: "routing.rhai".to_owned(),
            line: 3,
            column: 8,
            what: "mail.subject = \"Invoice 7\"".to_owned(),
        }];
        Self {
            routing,
            trace,
            version: None,
        }
    }
}

async fn triage(store: &Store, message: MessageKey, made: Made, extraction: Option<Extraction>) {
    let now = Timestamp::now() + SignedDuration::from_secs(1);
    let jobs = store.due_jobs(WorkKind::Triage, now, 10).expect("readable");
    let job = jobs.last().expect("a job").key;
    let decision = NewDecision {
        at: now,
        version: made.version,
        outcome: Outcome::Decided,
        routing: made.routing,
        trace: made.trace,
        warnings: Vec::new(),
        occasion: Occasion::Mail,
        gating: None,
    };
    store
        .triage(vec![Triaged {
            job,
            message,
            extraction,
            decision,
            acknowledgement: None,
        }])
        .await
        .expect("a triage");
}
