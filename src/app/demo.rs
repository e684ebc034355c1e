//! `postern demo`: a whole gateway with a practice provider and customers who write,
//! in one process, with nothing to install.
//!
//! Everything between is real: the IMAP client, the store, the scripts, submission.
//! Deliberately absent: any short cut from the customers into the store.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::gateway::{Gateway, cannot_listen};
use crate::config::Config;
use crate::domain::address::{Address, NamedAddress};
use crate::domain::folder::FolderName;
use crate::domain::mailbox::{
    Credentials, History, Login, MailboxLogins, MailboxSettings, Security, Server, WayIn, WayOut,
};
use crate::domain::secret::Secret;
use crate::domain::threading::{ReopenPolicy, ThreadingRules};
use crate::domain::user::{Actor, Role};
use crate::practice::customers::{self, Boxes, Letter};
use crate::practice::{self, Account, Provider};
use crate::service::connect::{Connect, Proposal};
use crate::service::random::Random;

/// The practice provider listens on loopback only, so its password guards nothing.
const PASSWORD: &str = "practice";
/// Teams that the shipped scripts route to.
const TEAMS: &[&str] = &["support", "billing", "sales"];
/// Names and texts of files below `scripts/`.
macro_rules! shipped {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../scripts/", $name)))),*]
    };
}

/// The scripts that are copied into the demo's folder, to be edited there.
const SCRIPTS: &[(&str, &str)] = shipped![
    "README.md",
    "routing.rhai",
    "signature.rhai",
    "timers.rhai",
    "data/vip.csv",
    "lib/hours.rhai",
    "lib/orders.rhai",
    "lib/people.rhai",
    "lib/words.rhai",
    "templates/received.txt",
    "tests/routing.toml",
    "tests/signature.toml",
    "tests/timers.toml",
];
/// A customer reads an answer for so long before answering it.
const READING_TIME: Duration = Duration::from_secs(6);

/// How the demo is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the pages answer.
    pub listen: SocketAddr,
    /// Where everything is kept; a temporary folder when `None`.
    pub folder: Option<PathBuf>,
    /// Seconds between two letters of new customers; 0 means none come.
    pub every_seconds: u64,
}

/// A prepared demo.
#[derive(Debug)]
pub struct Demo {
    gateway: Gateway,
    provider: Provider,
    boxes: Boxes,
    folder: Folder,
    every: Option<Duration>,
}

impl Demo {
    /// Makes the folder, starts the provider and connects three mailboxes to it.
    ///
    /// # Errors
    /// When the folder is in use or cannot be made, or loopback has no free port.
    pub async fn begin(options: Options, shutdown: CancellationToken) -> anyhow::Result<Self> {
        // Before anything is connected: a taken port is the usual reason not to start.
        drop(TcpListener::bind(options.listen).with_context(|| cannot_listen(options.listen))?);
        let boxes = Boxes::of_the_demo().context("the demo's addresses")?;
        let folder = Folder::make(options.folder)?;
        write_scripts(&folder.path.join("scripts"))?;
        let mut config = Config::default();
        config.store.folder = folder.path.join("data");
        config.scripts.folder = folder.path.join("scripts");
        config.http.listen = options.listen;
        let accounts = boxes
            .all()
            .into_iter()
            .map(|address| Account {
                address: address.clone(),
                password: Secret::new(PASSWORD),
            })
            .collect();
        let clock: practice::Clock = Arc::new(Timestamp::now);
        let provider = Provider::start(practice::Options {
            accounts,
            clock,
            files_sent: false,
        })
        .await
        .context("the practice provider")?;
        let gateway = Gateway::open(config, shutdown)?;
        let demo = Self {
            gateway,
            provider,
            boxes,
            folder,
            every: (options.every_seconds > 0).then(|| Duration::from_secs(options.every_seconds)),
        };
        Box::pin(demo.furnish()).await?;
        Ok(demo)
    }

    /// Runs until the shutdown token; `tell` gets what the person at the terminal needs.
    ///
    /// # Errors
    /// When the pages' address is taken.
    pub async fn run(self, tell: impl FnOnce(&str)) -> anyhow::Result<()> {
        let Self {
            gateway,
            provider,
            boxes,
            folder,
            every,
        } = self;
        let people = gateway.desk().people;
        let you = people.users(&Actor::Console)?.into_iter().next();
        let you = you.context("the demo's own user is missing")?;
        let token = people.create_login_link(&Actor::Console, you.key).await?;
        for letter in customers::first_letters(&boxes, Timestamp::now()) {
            post(&provider, letter);
        }
        let scripts = folder.path.join("scripts");
        // The provider outlives the gateway: to be cut off while stopping looks like trouble.
        let ended = CancellationToken::new();
        let customers = tokio::spawn(live(provider, boxes, every, ended.clone()));
        let result = gateway
            .run(|address| tell(&welcome(address, &token, &scripts, every)))
            .await;
        ended.cancel();
        customers.await.context("the customers")?;
        result
    }

    /// People, teams and mailboxes, the way an administrator would make them.
    async fn furnish(&self) -> anyhow::Result<()> {
        let desk = self.gateway.desk();
        if !desk.people.users(&Actor::Console)?.is_empty() {
            return Ok(());
        }
        let address = Address::parse("you@lumenhaus.example")?;
        let user = desk
            .people
            .add_user(&Actor::Console, "You", address, Role::Administrator)
            .await?;
        for team in TEAMS {
            desk.people
                .add_team(&Actor::Console, team, vec![user.key])
                .await?;
        }
        for (address, name) in [
            (&self.boxes.support, "Support"),
            (&self.boxes.sales, "Sales"),
            (&self.boxes.marketplace, "Marketplace"),
        ] {
            self.connect(&desk.connect, address.clone(), name).await?;
        }
        Ok(())
    }

    async fn connect(&self, connect: &Connect, address: Address, name: &str) -> anyhow::Result<()> {
        let server = |at: SocketAddr| Server {
            host: at.ip().to_string(),
            port: at.port(),
            security: Security::None,
        };
        let login = || Login {
            user: address.to_string(),
            credentials: Credentials::Password(Secret::new(PASSWORD)),
        };
        let settings = MailboxSettings {
            name: name.to_owned(),
            identity: NamedAddress::new(Some(&format!("Lumenhaus {name}")), address.clone()),
            signature: format!("Lumenhaus {name}\nhttps://lumenhaus.example"),
            history: History::All,
            // A stranger who writes about something else is shown as such.
            threading: ThreadingRules {
                reopen: ReopenPolicy::ThreadOnly,
                ..ThreadingRules::default()
            },
            ..MailboxSettings::new(
                address.clone(),
                WayIn::inbox(server(self.provider.imap_addr)),
                WayOut::Own(server(self.provider.smtp_addr)),
            )
        };
        let logins = MailboxLogins {
            incoming: Some(login()),
            outgoing: Some(login()),
        };
        connect
            .save(&Actor::Console, Proposal::new(settings, logins), |_| {})
            .await?;
        Ok(())
    }
}

/// Customers write now and then, and answer what they are told.
async fn live(provider: Provider, boxes: Boxes, every: Option<Duration>, ended: CancellationToken) {
    let mut outside = provider.watch_outside();
    let seed = Random.jitter();
    let mut number = 0;
    loop {
        let next_letter = async {
            match every {
                Some(every) => tokio::time::sleep(every).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = ended.cancelled() => break,
            () = next_letter => {
                post(&provider, customers::letter(&boxes, seed, number, Timestamp::now()));
                number += 1;
            }
            received = outside.recv() => {
                let Ok(received) = received else { continue };
                let Some(reader) = received.envelope.forward_paths.first() else { continue };
                let Some(answer) = customers::follow_up(&boxes, reader, &received.raw, Timestamp::now()) else { continue };
                tokio::select! {
                    () = ended.cancelled() => break,
                    () = tokio::time::sleep(READING_TIME) => post(&provider, answer),
                }
            }
        }
    }
    provider.stop().await;
}

/// Mail comes in now, whenever its author dated it: it is no history.
fn post(provider: &Provider, letter: Letter) {
    if provider
        .deliver(&letter.to, &FolderName::inbox(), letter.raw, None)
        .is_none()
    {
        tracing::warn!(to = %letter.to, "a customer wrote to nobody");
    }
}

fn write_scripts(folder: &Path) -> anyhow::Result<()> {
    for (name, text) in SCRIPTS {
        let path = folder.join(name);
        let below = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(below)
            .with_context(|| format!("cannot make {}", below.display()))?;
        // What somebody has edited in a kept folder stays.
        if !path.exists() {
            std::fs::write(&path, text)
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(())
}

fn welcome(address: SocketAddr, token: &Secret, scripts: &Path, every: Option<Duration>) -> String {
    let writers = every.map_or_else(
        || "No new customers will write.".to_owned(),
        |every| {
            format!(
                "A new customer writes about every {} s; those you answer write back.",
                every.as_secs()
            )
        },
    );
    format!(
        "Postern demo: three mailboxes, and customers who write to them.\n\n  \
         Sign in (works once):  http://{address}/login/{}\n  \
         Pages:                 http://{address}/\n  \
         Scripts:               {}\n\n\
         {writers}\n\
         Edit routing.rhai and save: the next mail takes the new way. Ctrl-C ends the demo.",
        token.expose(),
        scripts.display()
    )
}

/// The demo's folder; a temporary one is taken away at the end.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    temporary: bool,
}

impl Folder {
    fn make(named: Option<PathBuf>) -> anyhow::Result<Self> {
        let temporary = named.is_none();
        let path = match named {
            Some(path) => path,
            None => std::env::temp_dir().join(format!("postern-demo-{}", std::process::id())),
        };
        std::fs::create_dir_all(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot find {}", path.display()))?;
        Ok(Self { path, temporary })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !self.temporary {
            return;
        }
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "the demo's folder could not be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(below: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in std::fs::read_dir(below).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files(&path, root, found);
            } else {
                let name = path.strip_prefix(root).expect("below");
                found.push(name.to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn the_demo_has_every_script_that_is_shipped() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts");
        let mut shipped = Vec::new();
        files(&root, &root, &mut shipped);
        shipped.sort();
        let mut copied: Vec<&str> = SCRIPTS.iter().map(|(name, _)| *name).collect();
        copied.sort_unstable();
        assert_eq!(copied, shipped);
    }
}
