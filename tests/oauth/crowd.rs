//! Many who need the same token at once: one question to the provider, whose answer is
//! kept even when nobody waits for it any more.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use postern::domain::address::Address;
use postern::domain::condition::Failure;
use postern::domain::key::WorkspaceKey;
use postern::domain::mailbox::{
    Credentials, Login, Mailbox, MailboxLogins, MailboxSettings, OAuthGrant, Security, Server,
    TokenMechanism, WayIn, WayOut,
};
use postern::domain::secret::Secret;
use postern::net::dial::{DialOptions, Dialer};
use postern::net::guard::Guard;
use postern::net::http_client::{HttpClient, HttpOptions};
use postern::net::oauth::{OAuth, OAuthClient};
use postern::service::clock::Clock;
use postern::service::credentials::{CredentialsError, Keyring};
use postern::service::oauth_clients::{OAuthClients, OAuthOptions};
use postern::service::presets::Presets;
use postern::store::{GoesOn, NewLogins, Options, Store};

use crate::peers::dovecot::USER;
use crate::peers::provider::{CLIENT, Provider};

/// A mailbox whose access token has ended, and who renews it.
struct Ring {
    provider: Provider,
    store: Store,
    keyring: Keyring,
    mailbox: Mailbox,
    _folder: tempfile::TempDir,
}

impl Ring {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::start(USER, "https://desk.example.com/oauth/callback");
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, provider.authority_pem()).unwrap();
        let plugin = folder.path().join("plugins/corp");
        std::fs::create_dir_all(&plugin).unwrap();
        let base = format!("https://localhost:{}", provider.port);
        let text = format!(
            "format = 1\nid = \"corp\"\n[imap]\nhost = \"localhost\"\nport = 993\nsecurity = \"tls\"\n\
             user_name = \"address\"\n[sign_in]\nmethods = [\"oauth2\"]\n[oauth]\nclient = \"corp\"\n\
             authorize = \"{base}/authorize\"\ntoken = \"{base}/token\"\n"
        );
        std::fs::write(plugin.join("plugin.toml"), text).unwrap();
        let options = Options {
            free_space_floor_bytes: 0,
            ..Options::default()
        };
        let store = Store::open(&folder.path().join("data"), options).unwrap();
        let dialer = Dialer::new(DialOptions {
            ca_files: vec![ca],
            ..DialOptions::default()
        });
        let https = HttpOptions {
            guard: Guard::Any,
            ..HttpOptions::default()
        };
        let oauth = OAuth::new(HttpClient::new(dialer.unwrap(), https));
        let client = OAuthClient {
            id: CLIENT.0.to_owned(),
            secret: Some(Secret::new(CLIENT.1)),
        };
        let options = OAuthOptions {
            enabled: true,
            clients: vec![("corp".to_owned(), client)],
            public_url: "https://desk.example.com".to_owned(),
        };
        let presets = Presets::open(&folder.path().join("plugins"));
        let clients = OAuthClients::new(options, presets);
        let clock = Clock::new(Timestamp::now);
        let keyring = Keyring::new(store.clone(), oauth, clients, clock);
        let mailbox = connect(&store, &provider.refresh_token()).await;
        Self {
            provider,
            store,
            keyring,
            mailbox,
            _folder: folder,
        }
    }
}

/// Reading and sending share the sign-in, as they do.
async fn connect(store: &Store, refresh_token: &str) -> Mailbox {
    let server = Server {
        host: "localhost".to_owned(),
        port: 993,
        security: Security::Tls,
    };
    let address = Address::parse(USER).unwrap();
    let settings = MailboxSettings {
        preset: "corp".to_owned(),
        ..MailboxSettings::new(address, WayIn::inbox(server.clone()), WayOut::Own(server))
    };
    let now = Timestamp::now();
    let login = Login {
        user: USER.to_owned(),
        credentials: Credentials::OAuth(OAuthGrant {
            client: "corp".to_owned(),
            refresh_token: Secret::new(refresh_token),
            access_token: Secret::new("ended"),
            access_expires_at: now - SignedDuration::from_secs(1),
            account: USER.to_owned(),
            obtained_at: now,
            mechanism: TokenMechanism::XOAuth2,
        }),
    };
    let logins = MailboxLogins {
        incoming: Some(login.clone()),
        outgoing: Some(login),
    };
    let workspace = WorkspaceKey::DEFAULT;
    let added = store.add_mailbox(settings, &logins, workspace, None, now, [7; 10]);
    added.await.unwrap()
}

fn tokens(logins: &MailboxLogins) -> [String; 2] {
    [&logins.incoming, &logins.outgoing].map(|login| {
        let login = login.as_ref().unwrap();
        login.credentials.bearer().unwrap().expose().to_owned()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_who_come_together_ask_once_and_get_the_same() {
    let ring = Ring::open().await;
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let (keyring, mailbox) = (ring.keyring.clone(), ring.mailbox.clone());
            tokio::spawn(async move { keyring.logins(&mailbox).await })
        })
        .collect();
    let mut seen = Vec::new();
    for one in crowd {
        seen.extend(tokens(&one.await.unwrap().unwrap()));
    }
    seen.dedup();
    assert_eq!((seen.len(), ring.provider.asked()), (1, 1), "{seen:?}");
    assert_eq!(
        tokens(&ring.store.logins(ring.mailbox.key).unwrap()),
        [seen[0].clone(), seen[0].clone()]
    );
    // One that was given a moment ago is not replaced because a server refuses it.
    let refused = ring
        .store
        .logins(ring.mailbox.key)
        .unwrap()
        .incoming
        .unwrap();
    let renewed = ring.keyring.renewed(&ring.mailbox, &refused).await.unwrap();
    assert!(renewed.is_none(), "it had only just been given");
    assert_eq!((ring.provider.asked(), ring.provider.reuses()), (1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_nobody_waits_for_is_kept() {
    let ring = Ring::open().await;
    let asking = ring.keyring.logins(&ring.mailbox);
    // Whoever asked is stopped at the first wait, long before the provider has answered.
    let stopped = tokio::time::timeout(Duration::ZERO, asking).await;
    assert!(stopped.is_err(), "there was nothing to wait for");
    ring.keyring.finish().await;
    let logins = ring.store.logins(ring.mailbox.key).unwrap();
    assert_ne!(tokens(&logins)[0], "ended");
    assert_eq!((ring.provider.asked(), ring.provider.renewals()), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_shares_a_failure() {
    let ring = Ring::open().await;
    ring.provider.down(true);
    let crowd: Vec<_> = (0..20)
        .map(|_| {
            let (keyring, mailbox) = (ring.keyring.clone(), ring.mailbox.clone());
            tokio::spawn(async move { keyring.logins(&mailbox).await })
        })
        .collect();
    for one in crowd {
        let failed = one.await.unwrap().unwrap_err();
        assert!(
            matches!(failed, CredentialsError::Provider { .. }),
            "{failed}"
        );
        assert!(matches!(failed.failure(), Failure::Passing(_)), "{failed}");
    }
    assert_eq!(ring.provider.asked(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_while_a_person_signs_in_uses_what_came_of_it() {
    let ring = Ring::open().await;
    let (mut logins, held) = ring.keyring.hold(ring.mailbox.key).await.unwrap();
    let waiting = tokio::spawn({
        let (keyring, mailbox) = (ring.keyring.clone(), ring.mailbox.clone());
        async move { keyring.logins(&mailbox).await }
    });
    for login in [&mut logins.incoming, &mut logins.outgoing] {
        let Some(Credentials::OAuth(grant)) = login.as_mut().map(|login| &mut login.credentials)
        else {
            panic!("no grant");
        };
        grant.access_token = Secret::new("of the person");
        grant.refresh_token = Secret::new("of the person");
        grant.access_expires_at = Timestamp::now() + SignedDuration::from_hours(1);
    }
    let new = NewLogins::Are(Box::new(logins));
    let (key, now) = (ring.mailbox.key, Timestamp::now());
    let altered = ring
        .store
        .alter_mailbox(key, |_| (), new, GoesOn::WhereItStopped, now);
    altered.await.unwrap();
    drop(held);
    let logins = waiting.await.unwrap().unwrap();
    assert_eq!(tokens(&logins), ["of the person", "of the person"]);
    assert_eq!(ring.provider.asked(), 0);
}
