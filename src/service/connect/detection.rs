//! Who the provider of an address is, when no plugin knows its domain: the mail exchanger
//! of the domain, then the file its autoconfig server gives out, then its service records.
//!
//! Invariant: the whole of it takes at most `TIME_MAX`, and a look-up that fails is as
//! good as one that finds nothing: a person can always type the servers.
//! Absent: the look-ups themselves, and the preset of a known domain.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::known::Known;
use super::suggestion::{How, Suggestion};
use crate::domain::address::Address;
use crate::net::discovery::{LookUpError, LookUps};
use crate::plugin::Plugin;
use crate::protocol::autoconfig::{Announced, AnnouncedServer};
use crate::service::presets::Presets;

/// All look-ups for one address together.
const TIME_MAX: Duration = Duration::from_secs(10);
/// How long an answer is remembered, so that what a form shows is what it then uses.
const REMEMBERED: Duration = Duration::from_secs(600);
/// How long it is remembered that nobody could say.
const TROUBLE_REMEMBERED: Duration = Duration::from_secs(30);
/// Domains that are remembered.
const DOMAINS_MAX: usize = 1_000;

/// What was found out about a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    /// A mail exchanger that a plugin knows.
    Mx(String),
    Autoconfig(Announced),
    Srv(Announced),
    Nothing,
    /// There is no such domain.
    NoDomain,
    /// Not everybody could be asked, and the others know nothing.
    Trouble,
}

#[derive(Debug)]
struct Seen {
    found: Found,
    until: Instant,
}

/// Asks and remembers. A cheap clone.
#[derive(Clone, Debug)]
pub struct Detection {
    /// Nobody is asked when absent.
    look_ups: Option<LookUps>,
    presets: Presets,
    seen: Arc<Mutex<HashMap<String, Seen>>>,
}

impl Detection {
    /// A detection that asks by `look_ups`, or nobody.
    #[must_use]
    pub fn new(presets: Presets, look_ups: Option<LookUps>) -> Self {
        Self {
            look_ups,
            presets,
            seen: Arc::default(),
        }
    }

    /// What the domain of an address says about its servers; `None` when nothing is known.
    pub(super) async fn find(&self, address: &Address) -> Option<Suggestion> {
        let look_ups = self.look_ups.as_ref()?;
        let domain = address.domain();
        let found = match self.remembered(domain) {
            Some(found) => found,
            None => {
                let asked = timeout(TIME_MAX, Box::pin(self.ask(look_ups, address))).await;
                let found = asked.unwrap_or(Found::Trouble);
                self.remember(domain, &found);
                found
            }
        };
        self.suggestion(found, address)
    }

    async fn ask(&self, look_ups: &LookUps, address: &Address) -> Found {
        let domain = address.domain();
        let mut trouble = false;
        match look_ups.mail_exchangers(domain).await {
            Ok(hosts) => {
                let known = hosts
                    .into_iter()
                    .find(|host| self.presets.by_mx(host).is_some());
                if let Some(host) = known {
                    return Found::Mx(host);
                }
            }
            // Without DNS there is nobody else to ask either.
            Err(error) if unasked(domain, &error) => return Found::Trouble,
            Err(_) => {}
        }
        // The address itself is told to its own domain alone, and only when its mail
        // exchanger says nothing.
        let (file, services) =
            tokio::join!(look_ups.autoconfig(address), look_ups.services(domain));
        match file {
            Ok((announced, _)) => return Found::Autoconfig(announced),
            Err(error) => trouble |= unasked(domain, &error),
        }
        match services {
            Ok(announced) if announced != Announced::default() => return Found::Srv(announced),
            Ok(_) => {}
            Err(error) => trouble |= unasked(domain, &error),
        }
        if trouble {
            return Found::Trouble;
        }
        match look_ups.exists(domain).await {
            Ok(true) => Found::Nothing,
            Ok(false) => Found::NoDomain,
            Err(_) => Found::Trouble,
        }
    }

    /// Whether DNS said, when it was asked a while ago, that there is no such domain.
    pub(super) fn knows_of_no_domain(&self, domain: &str) -> bool {
        self.remembered(domain) == Some(Found::NoDomain)
    }

    fn suggestion(&self, found: Found, address: &Address) -> Option<Suggestion> {
        let domain = address.domain();
        let (announced, how) = match found {
            Found::Mx(host) => {
                let plugin = self.presets.by_mx(&host)?;
                return Some(self.of_plugin(plugin, domain, How::Mx(host)));
            }
            Found::Autoconfig(announced) => (announced, How::Autoconfig),
            Found::Srv(announced) => (announced, How::Srv),
            Found::Nothing | Found::NoDomain | Found::Trouble => return None,
        };
        // Servers that a plugin knows come with its guide and its words for refusals.
        let host = announced.imap.as_ref().or(announced.pop3.as_ref());
        let plugin = host.and_then(|found| self.presets.by_server(&found.server.host));
        if let Some(plugin) = plugin {
            return Some(self.of_plugin(plugin, domain, how));
        }
        let mut known = known(announced);
        let servers = [&known.imap, &known.pop3, &known.smtp];
        let hosts = servers.into_iter().flatten().map(|server| &server.host);
        let mut foreign: Vec<String> = hosts
            .filter(|host| !address.is_at_home_on(host) && self.presets.by_server(host).is_none())
            .cloned()
            .collect();
        foreign.sort();
        foreign.dedup();
        known.foreign = foreign;
        Some(Suggestion {
            known,
            plugin: None,
            how,
        })
    }

    fn of_plugin(&self, plugin: Plugin, domain: &str, how: How) -> Suggestion {
        Suggestion {
            known: self.presets.known(&plugin.preset.id, domain),
            plugin: Some(plugin),
            how,
        }
    }

    fn remembered(&self, domain: &str) -> Option<Found> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let one = seen.get(domain)?;
        (one.until > Instant::now()).then(|| one.found.clone())
    }

    fn remember(&self, domain: &str, found: &Found) {
        let now = Instant::now();
        let life = match found {
            Found::Trouble => TROUBLE_REMEMBERED,
            _ => REMEMBERED,
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= DOMAINS_MAX {
            seen.retain(|_, one| one.until > now);
        }
        if seen.len() >= DOMAINS_MAX
            && let Some(next) = seen.iter().min_by_key(|(_, one)| one.until)
        {
            // What ends next makes room: whoever asks about many domains must not have
            // every later one looked up again and again.
            let next = next.0.clone();
            seen.remove(&next);
        }
        let one = Seen {
            found: found.clone(),
            until: now + life,
        };
        seen.insert(domain.to_owned(), one);
    }
}

/// Whether somebody could not be asked: a domain that has no autoconfig server is usual.
fn unasked(domain: &str, error: &LookUpError) -> bool {
    tracing::debug!(domain, %error, "a look-up found nothing");
    matches!(error, LookUpError::Records(_))
}

fn known(announced: Announced) -> Known {
    let local = |one: &Option<AnnouncedServer>| {
        let one = one.as_ref();
        one.is_some_and(|found| found.user_is_local_part)
    };
    let incoming = if announced.imap.is_some() {
        &announced.imap
    } else {
        &announced.pop3
    };
    Known {
        user_is_local_part: (local(incoming), local(&announced.smtp)),
        imap: announced.imap.map(|found| found.server),
        pop3: announced.pop3.map(|found| found.server),
        smtp: announced.smtp.map(|found| found.server),
        ..Known::default()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, UdpSocket};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::net::discovery::DiscoveryOptions;
    use crate::net::dns::{RecordOptions, Records};
    use crate::net::guard::Guard;
    use crate::net::http_client::{HttpClient, HttpOptions};
    use crate::net::testing::{Authority, host, serve_tls};

    const MX: u8 = 15;
    const SRV: u8 = 33;

    /// A name server with these records, as RFC 1035 writes their data, and how often it
    /// was asked. It says of everything else that it does not exist; of names with
    /// `broken` in them, that it cannot say.
    fn name_server(records: Vec<(&'static str, u8, Vec<u8>)>) -> (SocketAddr, Arc<AtomicUsize>) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        let address = socket.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        std::thread::spawn(move || {
            let mut packet = [0; 1_500];
            while let Ok((length, from)) = socket.recv_from(&mut packet) {
                count.fetch_add(1, Ordering::Relaxed);
                let reply = answer(&packet[..length], &records);
                socket.send_to(&reply, from).expect("sent");
            }
        });
        (address, asked)
    }

    fn answer(question: &[u8], records: &[(&str, u8, Vec<u8>)]) -> Vec<u8> {
        let (mut at, mut labels) = (12, Vec::new());
        while question[at] != 0 {
            let length = usize::from(question[at]);
            let label = &question[at + 1..=at + length];
            labels.push(String::from_utf8_lossy(label).to_lowercase());
            at += length + 1;
        }
        let kind = question[at + 2];
        let name = labels.join(".");
        let found = records
            .iter()
            .find(|(known, of, _)| *known == name && *of == kind);
        let code = match found {
            Some(_) => 0,
            None if name.contains("broken") => 2,
            None => 3,
        };
        let mut out = question[..2].to_vec();
        out.extend([0x84, code, 0, 1, 0, u8::from(found.is_some()), 0, 0, 0, 0]);
        out.extend(&question[12..at + 5]);
        if let Some((_, _, data)) = found {
            out.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60]);
            out.extend(u16::try_from(data.len()).expect("short").to_be_bytes());
            out.extend(data);
        }
        out
    }

    fn named(name: &str) -> Vec<u8> {
        let mut out = Vec::new();
        for label in name.split('.') {
            out.push(u8::try_from(label.len()).expect("short"));
            out.extend(label.as_bytes());
        }
        out.push(0);
        out
    }

    fn mx(name: &str) -> Vec<u8> {
        [vec![0, 10], named(name)].concat()
    }

    fn srv(port: u16, name: &str) -> Vec<u8> {
        [vec![0, 0, 0, 1], port.to_be_bytes().to_vec(), named(name)].concat()
    }

    fn detection(
        authority: &Authority,
        name_server: SocketAddr,
        https_port: u16,
        guard: Guard,
    ) -> Detection {
        let folder = tempfile::tempdir().expect("a folder");
        let presets = Presets::open(folder.path());
        let http = HttpClient::new(
            authority.dialer(),
            HttpOptions {
                guard,
                ..HttpOptions::default()
            },
        );
        let records = Records::new(RecordOptions {
            name_server: Some(name_server),
            ..RecordOptions::default()
        });
        let look_ups = LookUps::new(http, records, DiscoveryOptions { https_port });
        Detection::new(presets, Some(look_ups))
    }

    fn address(text: &str) -> Address {
        Address::parse(text).expect("an address")
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_memory_forgets_what_would_end_first_and_takes_in_what_is_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let detection = Detection::new(Presets::open(folder.path()), None);
        let domain = |number: usize| format!("shop{number}.example");
        for number in 0..DOMAINS_MAX {
            detection.remember(&domain(number), &Found::Nothing);
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        for number in DOMAINS_MAX..DOMAINS_MAX + 3 {
            detection.remember(&domain(number), &Found::Nothing);
            assert!(detection.remembered(&domain(number)).is_some(), "{number}");
        }
        let gone = |number: usize| detection.remembered(&domain(number)).is_none();
        assert!((0..3).all(gone) && !(3..DOMAINS_MAX + 3).any(gone));
        assert_eq!(detection.seen.lock().expect("whole").len(), DOMAINS_MAX);
    }

    #[tokio::test]
    async fn a_custom_domain_is_known_by_who_receives_its_mail_and_is_asked_about_once() {
        let authority = Authority::new("a");
        let (server, asked) = name_server(vec![
            ("shop.example", MX, mx("aspmx.l.google.com")),
            ("cn.example", MX, mx("mxbiz1.qq.com")),
        ]);
        let detection = detection(&authority, server, 1, Guard::Public);
        for (text, preset, host) in [
            (
                "help@shop.example",
                "google-workspace",
                "aspmx.l.google.com",
            ),
            ("help@cn.example", "exmail", "mxbiz1.qq.com"),
        ] {
            let found = detection.find(&address(text)).await.expect("found");
            assert_eq!(found.how, How::Mx(host.to_owned()));
            assert_eq!(found.plugin.expect("a plugin").preset.id, preset);
            assert!(found.known.imap.is_some(), "{text}");
        }
        let before = asked.load(Ordering::Relaxed);
        let again = detection.find(&address("sales@shop.example")).await;
        assert!(again.is_some());
        assert_eq!(asked.load(Ordering::Relaxed), before);
    }

    #[tokio::test]
    async fn service_records_name_servers_and_those_of_a_plugin_bring_it() {
        let authority = Authority::new("a");
        let (server, _) = name_server(vec![
            ("_imaps._tcp.own.example", SRV, srv(993, "mail.own.example")),
            (
                "_submission._tcp.own.example",
                SRV,
                srv(587, "out.own.example"),
            ),
            (
                "_imaps._tcp.fast.example",
                SRV,
                srv(993, "imap.fastmail.com"),
            ),
        ]);
        let detection = detection(&authority, server, 1, Guard::Public);
        let found = detection.find(&address("a@own.example")).await;
        let found = found.expect("found");
        assert_eq!((found.how, found.plugin.is_none()), (How::Srv, true));
        let known = found.known;
        assert!(known.foreign.is_empty(), "{:?}", known.foreign);
        let imap = known.imap.expect("a server");
        assert_eq!((imap.host.as_str(), imap.port), ("mail.own.example", 993));
        assert_eq!(known.smtp.expect("a server").host, "out.own.example");
        let found = detection.find(&address("a@fast.example")).await;
        let found = found.expect("found");
        assert!(found.known.foreign.is_empty());
        assert_eq!(found.plugin.expect("a plugin").preset.id, "fastmail");
    }

    #[tokio::test]
    async fn servers_outside_the_domain_are_marked_and_numbers_are_refused() {
        let authority = Authority::new("a");
        let (server, _) = name_server(vec![
            ("_imaps._tcp.own.example", SRV, srv(993, "own.example")),
            (
                "_submissions._tcp.own.example",
                SRV,
                srv(465, "notown.example"),
            ),
            ("_imaps._tcp.far.example", SRV, srv(993, "imap.evil.test")),
            ("_imaps._tcp.number.example", SRV, srv(993, "192.0.2.1")),
            (
                "_imaps._tcp.xn--r8jz45g.jp",
                SRV,
                srv(993, "a.xn--r8jz45g.jp"),
            ),
        ]);
        let detection = detection(&authority, server, 1, Guard::Public);
        for (text, foreign) in [
            ("a@own.example", Some("notown.example")),
            ("a@far.example", Some("imap.evil.test")),
            ("a@例え.jp", None),
        ] {
            let found = detection.find(&address(text)).await.expect("found");
            let foreign: Vec<&str> = foreign.into_iter().collect();
            assert_eq!(found.known.foreign, foreign, "{text}");
        }
        let number = detection.find(&address("a@number.example")).await;
        assert!(number.is_none(), "{number:?}");
    }

    /// A server that gives out one autoconfig file, to whoever is allowed to come.
    async fn autoconfig(authority: &Authority) -> u16 {
        let identity = authority.issue(&host(&["localhost"]));
        let (target, _) = serve_tls(&identity, |mut stream| async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                if stream.read_buf(&mut request).await.expect("a request") == 0 {
                    break;
                }
            }
            let file = r#"<clientConfig version="1.1"><emailProvider id="x">
<incomingServer type="imap"><hostname>mail.here.example</hostname><port>993</port>
<socketType>SSL</socketType><username>%EMAILLOCALPART%</username></incomingServer>
<outgoingServer type="smtp"><hostname>mail.here.example</hostname><port>465</port>
<socketType>SSL</socketType><username>%EMAILADDRESS%</username></outgoingServer>
</emailProvider></clientConfig>"#;
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", file.len());
            let reply = format!("{head}{file}");
            stream.write_all(reply.as_bytes()).await.expect("written");
            stream.flush().await.expect("written");
        })
        .await;
        target.port
    }

    #[tokio::test]
    async fn an_autoconfig_file_is_taken_when_it_may_be_reached() {
        let authority = Authority::new("a");
        let (server, _) = name_server(Vec::new());
        let port = autoconfig(&authority).await;
        let guarded = detection(&authority, server, port, Guard::Public);
        let help = address("help@localhost");
        assert!(guarded.find(&help).await.is_none(), "it is on loopback");
        let allowed = detection(&authority, server, port, Guard::Any);
        let found = allowed.find(&help).await.expect("found");
        assert_eq!(found.how, How::Autoconfig);
        assert_eq!(found.known.user_is_local_part, (true, false));
        assert_eq!(found.known.foreign, ["mail.here.example"]);
        assert_eq!(
            found.known.imap.expect("a server").host,
            "mail.here.example"
        );
    }

    #[tokio::test]
    async fn a_broken_name_server_is_asked_again_soon_and_a_silent_domain_later() {
        let authority = Authority::new("a");
        let (server, asked) = name_server(Vec::new());
        let detection = detection(&authority, server, 1, Guard::Public);
        for (text, asked_again) in [("a@broken.example", true), ("a@silent.example", false)] {
            assert!(detection.find(&address(text)).await.is_none());
            assert_eq!(
                detection.knows_of_no_domain(address(text).domain()),
                !asked_again,
                "{text}"
            );
            let before = asked.load(Ordering::Relaxed);
            // The memory alone is older: what is on the way keeps the real time.
            for one in detection.seen.lock().expect("not poisoned").values_mut() {
                one.until -= TROUBLE_REMEMBERED;
            }
            assert!(detection.find(&address(text)).await.is_none());
            assert_eq!(
                asked.load(Ordering::Relaxed) > before,
                asked_again,
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_gateway_that_asks_nobody_finds_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let presets = Presets::open(folder.path());
        let detection = Detection::new(presets, None);
        assert!(detection.find(&address("a@shop.example")).await.is_none());
    }
}
