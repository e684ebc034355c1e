//! Ten thousand mailboxes in one gateway: what they cost while nothing happens, how soon
//! they are back when every connection is cut, and how soon a mail is stored meanwhile.
//!
//! The provider is `simulator`, in this process, on the same processor: what it costs is
//! part of every time, and of no memory or processor figure of the gateway.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    clippy::print_stdout,
    unreachable_pub,
    dead_code,
    reason = "a bench is a program for a terminal and fails by panicking; what it shares with the tests serves them too"
)]

mod feed;
mod gateway;
mod measure;
#[path = "../peers/mod.rs"]
mod peers;
mod simulator;

use std::fs;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use jiff::Timestamp;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Runtime;

use feed::{listen, percentile};
use gateway::{Gateway, Place};
use measure::{load, resident_of};
use postern::domain::address::Address;
use postern::domain::key::WorkspaceKey;
use postern::domain::mailbox::{
    Credentials, Login, MailboxLogins, MailboxSettings, Security, Server, WayIn, WayOut,
};
use postern::domain::secret::Secret;
use postern::service::random::Random;
use postern::store::{Options as StoreOptions, Store};
use simulator::{Simulator, user};

/// Files of this process beside the connections.
const FILES_BESIDE: u64 = 200;
/// Mailboxes that are put into the store at the same time.
const FILLED_AT_ONCE: usize = 500;
/// A gateway that is not done by then is stuck.
const IDLE_MAX: Duration = Duration::from_secs(600);
/// What a connection lasts before its end counts as the first failure of a row.
const STEADY_AFTER: Duration = Duration::from_secs(61);
/// Until what a storm left behind is written and given back.
const SETTLING: Duration = Duration::from_secs(10);
/// A mail that is not stored by then is lost.
const STORED_MAX: Duration = Duration::from_secs(20);
/// Mails that are not counted.
const WARM_UP: usize = 20;
/// Between two looks at the simulator.
const GLANCE: Duration = Duration::from_millis(5);

struct Options {
    mailboxes: usize,
    hosts: u8,
    idle: Duration,
    mails: usize,
    /// New connections to one host within a second.
    rate: u32,
}

fn main() {
    let options = options();
    let limit = raise_files();
    let needed = options.mailboxes as u64 + FILES_BESIDE;
    assert!(
        limit >= needed,
        "{needed} open files are needed and {limit} allowed (ulimit -Hn): use fewer --mailboxes"
    );
    let runtime = Runtime::new().unwrap();
    let simulator = runtime.block_on(Simulator::start(options.mailboxes, options.hosts));
    let place = Place::new(&settings(&options));
    fs::write(place.file("ca.pem"), &simulator.authority_pem).unwrap();

    let (place, before) = empty(place);
    let begun = Instant::now();
    runtime.block_on(fill(&place, &simulator, options.mailboxes));
    println!(
        "{} mailboxes at {} hosts, put into the store in {:.1} s",
        options.mailboxes,
        options.hosts,
        begun.elapsed().as_secs_f64()
    );
    let begun = Instant::now();
    let log = fs::File::create(place.file("log")).unwrap();
    let gateway = place.serve(log.into());
    let bench = Bench {
        options,
        runtime,
        simulator,
        gateway,
        before,
    };
    bench.storm("all idle after the start", begun);
    bench.memory("resident while idle");
    bench.processor();
    bench.latency();
    for (what, percent) in [
        ("all idle after the cut", 0),
        ("the same, 30 % of logins put off", 30),
    ] {
        thread::sleep(STEADY_AFTER);
        bench.simulator.put_off(percent);
        bench.simulator.cut();
        bench.storm(what, Instant::now());
        bench.memory("resident after it");
    }
    println!("logins put off: {}", bench.simulator.put_offs());
    println!(
        "peak resident: {:.0} MB",
        megabytes(measure::peak_of(&bench.gateway.process()))
    );
}

/// Everything that is needed for a figure.
struct Bench {
    options: Options,
    runtime: Runtime,
    simulator: Simulator,
    gateway: Gateway,
    /// Resident memory without a mailbox.
    before: u64,
}

impl Bench {
    /// Waits until all idle, and says how long it took and how hard the hosts were pressed.
    fn storm(&self, what: &str, begun: Instant) {
        // What was cut is still counted for a moment.
        let all = self.options.mailboxes;
        until(begun, || {
            self.simulator.idling() < all / 2 || begun.elapsed() > STEADY_AFTER
        });
        let mut shares = vec![(50, None), (90, None), (99, None), (100, None)];
        until(begun, || {
            let idling = self.simulator.idling();
            for (percent, at) in &mut shares {
                if at.is_none() && idling * 100 >= all * *percent {
                    *at = Some(begun.elapsed());
                }
            }
            idling == all
        });
        let took = begun.elapsed();
        let (connections, most) = self.simulator.take_connections();
        let shares: Vec<String> = shares
            .iter()
            .filter_map(|(percent, at)| Some(format!("{percent} % {:.1}", (*at)?.as_secs_f64())))
            .collect();
        println!(
            "{what:<34} {:>8.1} s     ({}; {connections} connections, at most {most} per host and \
             second of {} set; load {})",
            took.as_secs_f64(),
            shares.join(", "),
            self.options.rate,
            load()
        );
    }

    fn memory(&self, what: &str) {
        thread::sleep(SETTLING);
        let now = resident_of(&self.gateway.process());
        let each = now.saturating_sub(self.before) as f64 / self.options.mailboxes as f64;
        println!(
            "{what:<34} {:>8.1} MB    ({:.1} KB per mailbox; {:.1} MB without any)",
            megabytes(now),
            each / 1e3,
            megabytes(self.before)
        );
    }

    fn processor(&self) {
        let before = self.gateway.cpu();
        thread::sleep(self.options.idle);
        let used = self.gateway.cpu() - before;
        assert_eq!(self.simulator.idling(), self.options.mailboxes);
        println!(
            "{:<34} {:>8.2} %     (of one core, over {} s; load {})",
            "processor while idle",
            used.as_secs_f64() / self.options.idle.as_secs_f64() * 100.0,
            self.options.idle.as_secs(),
            load()
        );
    }

    /// Mails one after the other, each to another mailbox.
    fn latency(&self) {
        let stored = listen(&self.gateway, "message.received");
        let mut waits = Vec::new();
        for number in 0..self.options.mails + WARM_UP {
            // Strides of a prime visit all mailboxes, none next to the last.
            let mailbox = number * 7_919 % self.options.mailboxes;
            let announced = self.runtime.block_on(self.simulator.announce(mailbox));
            waits.push(wait_for(&stored) - announced);
        }
        let mut waits = waits.split_off(WARM_UP);
        waits.sort();
        println!(
            "{:<34} {:>8.1} ms    (p50 {:.1}, p90 {:.1}, longest {:.1}; {} mails; load {})",
            "EXISTS to stored, p99",
            percentile(&waits, 99),
            percentile(&waits, 50),
            percentile(&waits, 90),
            percentile(&waits, 100),
            waits.len(),
            load()
        );
    }
}

fn wait_for(stored: &mpsc::Receiver<Instant>) -> Instant {
    stored
        .recv_timeout(STORED_MAX)
        .expect("the mail is not stored")
}

fn until(begun: Instant, mut question: impl FnMut() -> bool) {
    while !question() {
        assert!(begun.elapsed() < IDLE_MAX, "the gateway is stuck");
        thread::sleep(GLANCE);
    }
}

fn settings(options: &Options) -> String {
    let Options { rate, hosts, .. } = options;
    format!(
        "ca_files = [\"ca.pem\"]\nconnects_per_second_per_host_max = {rate}\n\
         connects_at_once_per_host_max = 64\nconnects_per_second_max = {}\n\
         connects_at_once_max = 256",
        rate * u32::from(*hosts)
    )
}

/// What a gateway without a mailbox holds.
fn empty(place: Place) -> (Place, u64) {
    let gateway = place.serve(Stdio::inherit());
    thread::sleep(Duration::from_secs(1));
    let resident = resident_of(&gateway.process());
    (gateway.stop(), resident)
}

/// Puts mailboxes with passwords into the store, as `mailbox add` does once it has tried
/// them. Trying ten thousand would need ten thousand ways out as well.
async fn fill(place: &Place, simulator: &Simulator, mailboxes: usize) {
    let options = StoreOptions {
        cache_bytes: 16 * 1024 * 1024,
        free_space_floor_bytes: 0,
    };
    let store = Store::open(&place.data(), options).unwrap();
    let numbers: Vec<usize> = (0..mailboxes).collect();
    for chunk in numbers.chunks(FILLED_AT_ONCE) {
        join_all(chunk.iter().map(|number| add(&store, simulator, *number))).await;
    }
}

async fn add(store: &Store, simulator: &Simulator, number: usize) {
    let host = simulator.hosts[number % simulator.hosts.len()];
    let server = Server {
        host: host.ip().to_string(),
        port: host.port(),
        security: Security::Tls,
    };
    let address = Address::parse(&user(number)).unwrap();
    let settings = MailboxSettings::new(address, WayIn::inbox(server), WayOut::System);
    let logins = MailboxLogins {
        incoming: Some(Login {
            user: user(number),
            credentials: Credentials::Password(Secret::new(format!("password of {number}"))),
        }),
        outgoing: None,
    };
    let (now, random) = (Timestamp::now(), Random.bytes().unwrap());
    store
        .add_mailbox(settings, &logins, WorkspaceKey::DEFAULT, None, now, random)
        .await
        .unwrap();
}

/// As many open files as the system lets us have.
fn raise_files() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).unwrap();
    limit.current.unwrap_or(u64::MAX)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

fn options() -> Options {
    let mut options = Options {
        mailboxes: 10_000,
        hosts: 8,
        idle: Duration::from_secs(300),
        mails: 2_000,
        rate: 250,
    };
    let mut arguments = std::env::args().skip(1).filter(|one| one != "--bench");
    while let Some(name) = arguments.next() {
        let value = arguments.next().and_then(|value| value.parse().ok());
        let value: u32 = value.unwrap_or_else(|| panic!("{name} wants a number"));
        match name.as_str() {
            "--mailboxes" => options.mailboxes = value as usize,
            "--hosts" => options.hosts = u8::try_from(value).expect("at most 200 hosts"),
            "--idle-seconds" => options.idle = Duration::from_secs(value.into()),
            "--mails" => options.mails = value as usize,
            "--rate" => options.rate = value,
            _ => panic!(
                "unknown argument {name}; known: --mailboxes, --hosts, --idle-seconds, --mails, --rate"
            ),
        }
    }
    options
}
