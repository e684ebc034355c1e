//! What came while the gateway was away, for whatever reason: all of it is collected,
//! nothing twice, and nothing of it is answered by a machine. One test per reason, on
//! Dovecot and the program itself; each prints its line of the table.

use std::io::Write as _;
use std::sync::Once;

use crate::peers::api::{Feed, text};
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::proxy::Proxy;
use crate::peers::smtp::Sink;
use crate::peers::until;

/// Mails that come while it is away.
const MEANWHILE: usize = 3;
const NEW_PASSWORD: &str = "battery staple";

/// By which way mail comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Imap,
    Pop3,
}

const WAYS: [Way; 2] = [Way::Imap, Way::Pop3];

/// A mailbox that works, behind a road that can be cut.
struct Scene {
    way: Way,
    gateway: Gateway,
    road: Proxy,
    dovecot: Dovecot,
    sink: Sink,
    feed: Feed,
    sent: usize,
}

impl Scene {
    fn by(way: Way) -> Self {
        let (dovecot, sink) = (Dovecot::start(), Sink::start());
        let mailbox = match way {
            Way::Imap => Mailbox::of(&dovecot, &sink),
            Way::Pop3 => Mailbox::by_pop3(&dovecot, &sink),
        };
        let road = Proxy::to(mailbox.imap);
        let mailbox = Mailbox {
            imap: road.port,
            ..mailbox
        };
        let gateway = Gateway::with(&dovecot, &mailbox);
        let feed = gateway.api().feed();
        let mut scene = Self {
            way,
            gateway,
            road,
            dovecot,
            sink,
            feed,
            sent: 0,
        };
        scene.deliver("before");
        scene.look();
        scene.feed.until_routed(1);
        scene
    }

    fn deliver(&self, id: &str) {
        let mail = format!(
            "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: {id}\r\n\
             Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\n\
             Hello, this is {id}.\r\n"
        );
        self.dovecot.deliver(USER, mail.as_bytes());
    }

    /// A maildrop is looked into now and then, and now; IMAP looks by itself.
    fn look(&self) {
        if self.way == Way::Pop3 {
            self.gateway.look(USER);
        }
    }

    fn deliver_meanwhile(&mut self, count: usize) {
        for _ in 0..count {
            self.sent += 1;
            self.deliver(&format!("meanwhile-{}", self.sent));
        }
    }

    fn state(&self) -> String {
        let all = self.gateway.api().get("/mailboxes");
        text(&all["items"][0]["receiving"], "state").to_owned()
    }

    fn until_state(&self, wanted: &[&str]) {
        until(&format!("the mailbox is {wanted:?}"), || {
            wanted.contains(&self.state().as_str()).then_some(())
        });
    }

    fn command(&self, command: &str) {
        self.gateway.run(&["mailbox", command, USER]).good();
    }

    /// Waits until everything is here, and says what came of it.
    fn end(self, reason: &str) {
        let Self { gateway, .. } = &self;
        // The mail after the others proves that the folder has been read to its end.
        self.deliver("after");
        self.look();
        let after = "<after@example.net>".to_owned();
        until("the last mail is here", || {
            gateway.api().message_ids().contains(&after).then_some(())
        });
        // The mail is stored before its mailbox is said to be well.
        self.until_state(&["active"]);
        let ids = gateway.api().message_ids();
        let is_meanwhile = |id: &&String| id.starts_with("<meanwhile-");
        let mut collected: Vec<&String> = ids.iter().filter(is_meanwhile).collect();
        let times = collected.len();
        collected.dedup();
        let mut feed = gateway.api().feed();
        let mut outgoing = self.sink.kept().len();
        loop {
            let events = feed.read(0);
            if events.is_empty() {
                break;
            }
            let ours = events
                .iter()
                .filter(|event| event["type"] == "outgoing.changed");
            outgoing += ours.count();
        }
        let line = Line {
            reason,
            way: match self.way {
                Way::Imap => "IMAP",
                Way::Pop3 => "POP3",
            },
            sent: self.sent,
            collected: collected.len(),
            doubled: times - collected.len(),
            answered: outgoing,
        };
        line.print();
        assert_eq!(
            line.collected, line.sent,
            "{reason}: not all is here: {ids:?}"
        );
        assert_eq!((line.doubled, line.answered), (0, 0), "{reason}");
        assert_eq!(ids.len(), self.sent + 2, "{reason}: {ids:?}");
    }
}

/// A line of the table.
pub(super) struct Line<'a> {
    pub(super) reason: &'a str,
    pub(super) way: &'a str,
    pub(super) sent: usize,
    pub(super) collected: usize,
    pub(super) doubled: usize,
    pub(super) answered: usize,
}

impl Line<'_> {
    /// Past the harness, which keeps what a passing test prints to itself.
    pub(super) fn print(&self) {
        static HEAD: Once = Once::new();
        let mut out = std::io::stdout();
        HEAD.call_once(|| {
            let _ = writeln!(
                out,
                "\n{:<42} {:<10} {:>14} {:>9} {:>7} {:>22}",
                "outage", "way", "sent meanwhile", "collected", "doubled", "answered automatically"
            );
        });
        let Line {
            reason,
            way,
            sent,
            collected,
            doubled,
            answered,
        } = self;
        let _ = writeln!(
            out,
            "{reason:<42} {way:<10} {sent:>14} {collected:>9} {doubled:>7} {answered:>22}"
        );
    }
}

#[test]
fn while_the_gateway_was_restarted() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.gateway.stop();
        scene.deliver_meanwhile(MEANWHILE);
        scene.gateway.launch();
        scene.end("gateway restarted");
    }
}

#[test]
fn while_the_gateway_was_dead() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.gateway.kill();
        scene.deliver_meanwhile(MEANWHILE);
        scene.gateway.launch();
        scene.end("gateway killed (SIGKILL)");
    }
}

#[test]
fn while_the_network_was_cut() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.road.refuse();
        scene.look();
        scene.until_state(&["interrupted", "error"]);
        scene.deliver_meanwhile(MEANWHILE);
        scene.road.restore();
        scene.until_state(&["active"]);
        scene.end("network cut");
    }
}

#[test]
fn while_the_mailbox_was_offline() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.command("offline");
        scene.until_state(&["offline"]);
        scene.deliver_meanwhile(MEANWHILE);
        scene.command("online");
        scene.until_state(&["active"]);
        scene.end("mailbox offline, then online");
    }
}

#[test]
fn while_the_mailbox_was_unbound() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.command("unbind");
        scene.until_state(&["unbound"]);
        scene.deliver_meanwhile(MEANWHILE);
        // It stays unbound over a restart, and without a login there is nothing to switch on.
        scene.gateway.stop();
        scene.gateway.launch();
        assert_eq!(scene.state(), "unbound");
        let online = scene.gateway.run(&["mailbox", "online", USER]);
        online.refused(&["unbound"]);
        let wrong = scene.gateway.give_password("bind", USER, "wrong");
        wrong.refused(&["app password"]);
        assert_eq!(scene.state(), "unbound");
        let bound = scene.gateway.give_password("bind", USER, PASSWORD).good();
        assert!(bound.out.contains("where it stopped"), "{bound:?}");
        scene.until_state(&["active"]);
        scene.end("mailbox unbound, then bound");
    }
}

#[test]
fn while_the_password_was_changed_and_given_in_time() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.dovecot.write_users([(USER, NEW_PASSWORD)]);
        scene.deliver_meanwhile(1);
        let given = scene
            .gateway
            .give_password("reauthenticate", USER, NEW_PASSWORD);
        given.good();
        // Nothing is left of the session that knew the old one.
        scene.road.cut();
        scene.deliver_meanwhile(MEANWHILE - 1);
        scene.until_state(&["active"]);
        scene.end("password changed, given before the error");
    }
}

#[test]
fn while_the_password_was_changed_and_given_late() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.dovecot.write_users([(USER, NEW_PASSWORD)]);
        scene.road.cut();
        scene.look();
        scene.until_state(&["reauthentication_needed"]);
        scene.deliver_meanwhile(MEANWHILE);
        let stored = scene
            .gateway
            .run(&["mailbox", "reauthenticate", USER, "--stored"]);
        stored.refused(&["app password"]);
        assert_eq!(scene.state(), "reauthentication_needed");
        let given = scene
            .gateway
            .give_password("reauthenticate", USER, NEW_PASSWORD);
        given.good();
        scene.until_state(&["active"]);
        scene.end("password changed, given after the error");
    }
}

#[test]
fn while_the_provider_was_down() {
    for way in WAYS {
        let mut scene = Scene::by(way);
        scene.dovecot.stop();
        scene.look();
        scene.until_state(&["interrupted", "error"]);
        scene.dovecot.resume();
        scene.deliver_meanwhile(MEANWHILE);
        scene.until_state(&["active"]);
        scene.end("provider down");
    }
}
