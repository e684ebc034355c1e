//! The process ends at every point that the code names, with a mail coming in and a
//! reply going out; then it is started again, and counted is what reached the peer.

use std::sync::Mutex;

use postern::fault::Point;
use serde_json::{Value, json};

use crate::peers::api::text;
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Gateway, Mailbox};
use crate::peers::smtp::Sink;

/// How often at each point: with a short reply, and with one of several pieces to two people.
const RUNS: usize = 2;
/// Runs at the same time.
const LANES: usize = 4;

fn question(number: u32) -> Vec<u8> {
    let thread = match number {
        1 => String::new(),
        _ => "In-Reply-To: <question-1@example.net>\r\n".to_owned(),
    };
    format!(
        "From: Ann Smith <ann@example.net>\r\nTo: {USER}\r\nSubject: Where is it?\r\n\
         Message-ID: <question-{number}@example.net>\r\n{thread}\r\nQuestion {number}.\r\n"
    )
    .into_bytes()
}

fn reply(run: usize) -> Value {
    if run == 0 {
        return json!({"text": "It left yesterday."});
    }
    // More than one piece of content goes over the wire.
    let text = "It left yesterday, and this is a long story.\n".repeat(3_000);
    json!({"text": text, "cc": [{"address": "carol@example.org"}]})
}

/// What one run came to.
struct Counted {
    /// How often the reply is at the peer when everything is over.
    at_peer: usize,
    /// A person had to decide.
    uncertain: bool,
}

fn run(point: Point, number: usize) -> Counted {
    let (dovecot, sink) = (Dovecot::start(), Sink::start());
    let mut gateway = Gateway::with(&dovecot, &Mailbox::of(&dovecot, &sink));
    dovecot.deliver(USER, &question(1));
    let conversation = gateway.api().feed().until_routed(1).remove(0);
    gateway.stop();

    gateway.launch_to_die(point.name());
    let path = format!("/conversations/{conversation}/replies");
    let body = reply(number).to_string();
    let key = [("Idempotency-Key", "one-click")];
    dovecot.deliver(USER, &question(2));
    // It may die before it answers; whoever asked asks again, with the same key.
    let _lost = gateway.api().try_ask("POST", &path, &key, &body);
    gateway.until_dead(point.name());

    gateway.launch();
    let api = gateway.api().clone();
    let taken = api.ask("POST", &path, &key, &body);
    let words = String::from_utf8_lossy(&taken.body);
    assert!(matches!(taken.status, 200 | 201), "{point:?}: {words}");
    let taken = taken.json();
    let (id, message_id) = (text(&taken, "id"), text(&taken, "message_id"));
    let fate = |what: &str, good: &dyn Fn(&Value) -> bool| -> Value {
        let get = || api.get(&format!("/outgoing/{id}"));
        api.feed().until(what, |event| {
            (event["outgoing_id"] == id).then(get).filter(|it| good(it))
        })
    };
    let is_over = |it: &Value| {
        it["state"] == "uncertain" || (it["state"] == "sent" && it["filing"] == "filed")
    };
    let over = fate("it is sent and filed, or uncertain", &is_over);
    let uncertain = over["state"] == "uncertain";
    let at_peer = || {
        let kept = sink.kept();
        let is_it = |mail: &&crate::peers::smtp::Received| {
            String::from_utf8_lossy(&mail.mail).contains(message_id)
        };
        kept.iter().filter(is_it).count()
    };
    if uncertain {
        let listed = api.get("/outbox?state=uncertain");
        assert_eq!(listed["items"][0]["id"], *id, "{point:?}: it is not shown");
        let before = at_peer();
        assert!(before <= 1, "{point:?}: {before} times");
        let word = if before == 1 { "arrived" } else { "again" };
        let said = api.post(&format!("/outgoing/{id}/{word}"), &[], &json!({}));
        assert_eq!(said.status, 200, "{said:?}");
        fate("a person has settled it", &|it| {
            it["state"] == "sent" && it["filing"] == "filed"
        });
    } else {
        assert_eq!(at_peer(), 1, "{point:?}: it says sent");
    }

    // The customer's second mail, and each message once.
    let both = api.feed().until_routed(2);
    assert!(both.iter().all(|one| *one == conversation), "{point:?}");
    let ids = api.message_ids();
    let mut expected: Vec<_> = (1..=2)
        .map(|n| format!("<question-{n}@example.net>"))
        .collect();
    expected.push(message_id.to_owned());
    expected.sort();
    assert_eq!(ids, expected, "{point:?}");
    let copies = dovecot.sent(USER);
    assert_eq!(copies.len(), 1, "{point:?}: copies in Sent");
    Counted {
        at_peer: at_peer(),
        uncertain,
    }
}

#[test]
fn killed_at_every_point_nothing_is_lost_and_nothing_is_sent_twice() {
    let work: Vec<(Point, usize)> = Point::ALL
        .iter()
        .filter(|point| **point != Point::ContentBegun)
        .flat_map(|point| (0..RUNS).map(|run| (*point, run)))
        // A short reply is one piece.
        .chain([(Point::ContentBegun, 1)])
        .collect();
    let (next, counted) = (Mutex::new(work.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                loop {
                    let Some((point, number)) = next.lock().unwrap().next() else {
                        return;
                    };
                    let result = run(*point, *number);
                    counted.lock().unwrap().push((*point, result));
                }
            });
        }
    });
    let counted = counted.into_inner().unwrap();
    println!("| point | runs | sent twice | lost | uncertain, shown |");
    for point in Point::ALL {
        let runs: Vec<_> = counted.iter().filter(|(at, _)| at == point).collect();
        let count = |what: &dyn Fn(&Counted) -> bool| {
            runs.iter().filter(|(_, counted)| what(counted)).count()
        };
        let (twice, lost) = (count(&|it| it.at_peer > 1), count(&|it| it.at_peer == 0));
        let uncertain = count(&|it| it.uncertain);
        let name = point.name();
        println!(
            "| {name} | {} | {twice} | {lost} | {uncertain} |",
            runs.len()
        );
        assert!(!runs.is_empty(), "{name} was never reached");
        assert_eq!((twice, lost), (0, 0), "{name}");
    }
}
