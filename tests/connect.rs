//! connect: from an address to a working mailbox by the API: presets, a suggestion, the steps of a trial live, and what is wrong in words.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::peers::api::{Answer, text};
use crate::peers::browser::Browser;
use crate::peers::dovecot::{Dovecot, PASSWORD, USER};
use crate::peers::gateway::Gateway;
use crate::peers::smtp::Sink;
use crate::peers::until;

/// A plugin whose servers are those of the test, for a domain of its own.
fn plugin(dovecot: &Dovecot, sink: &Sink) -> String {
    let mut text = "format = 1\nid = \"here\"\nname = { en = \"Here\", zh = \"这里\" }\n\
                    domains = [\"example.com\"]\n"
        .to_owned();
    for (table, port, security) in [
        ("imap", dovecot.ports.imaps, "tls"),
        ("smtp", sink.port, "none"),
    ] {
        write!(
            text,
            "[{table}]\nhost = \"localhost\"\nport = {port}\nsecurity = \"{security}\"\n\
             user_name = \"address\"\n"
        )
        .unwrap();
    }
    text
}

struct House {
    dovecot: Dovecot,
    sink: Sink,
    gateway: Gateway,
}

impl House {
    fn open() -> Self {
        let sink = Sink::start();
        let dovecot = Dovecot::start();
        let mut gateway = Gateway::prepare(&[dovecot.authority_pem()]);
        gateway.write_plugin("here", &plugin(&dovecot, &sink));
        gateway.launch();
        Self {
            dovecot,
            sink,
            gateway,
        }
    }

    /// What is readable on the way has to be asked for, whatever a plugin says.
    fn proposal(&self, password: &str) -> Value {
        json!({
            "address": USER,
            "password": password,
            "outgoing": { "host": "localhost", "port": self.sink.port, "security": "none" },
        })
    }

    fn begin(&self, query: &str, body: &Value) -> String {
        let path = format!("/mailboxes/probes{query}");
        let begun = self.gateway.api().post(&path, &[], body);
        assert_eq!(begun.status, 202, "{begun:?}");
        format!("/mailboxes/probes/{}", text(&begun.json(), "id"))
    }

    /// The events of a trial, until it ends.
    fn follow(&self, path: &str) -> Vec<(String, Value)> {
        let accept = [("Accept", "text/event-stream")];
        let answer = self.gateway.api().ask("GET", path, &accept, "");
        assert_eq!(answer.status, 200, "{answer:?}");
        events(&answer)
    }

    fn mailboxes(&self) -> usize {
        let list = self.gateway.api().get("/mailboxes");
        list["items"].as_array().unwrap().len()
    }
}

/// Server-sent events: fields of an event, a line each, and a blank line.
fn events(answer: &Answer) -> Vec<(String, Value)> {
    let body = String::from_utf8(answer.body.clone()).unwrap();
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name));
        line.map(|value| value.trim_start().to_owned())
    };
    let events = body.split("\n\n").filter_map(|event| {
        let data = field(event, "data:")?;
        Some((
            field(event, "event:")?,
            serde_json::from_str(&data).unwrap(),
        ))
    });
    events.collect()
}

#[test]
fn presets_can_be_listed_and_an_address_is_suggested_for() {
    let house = House::open();
    let api = house.gateway.api();
    let presets = api.get("/presets");
    let ids: Vec<_> = presets["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| text(one, "id"))
        .collect();
    for id in ["qq", "gmail", "netease-163", "here", "other"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    assert_eq!(presets["problems"], json!([]));
    let qq = api.get("/presets/qq");
    assert_eq!(qq["imap"]["host"], "imap.qq.com");
    assert!(qq["guide"]["zh"].as_array().unwrap().len() >= 5, "{qq}");
    assert_eq!(api.ask("GET", "/presets/nobody", &[], "").status, 404);
    assert_eq!(api.ask("GET", "/presets/qq/icon.svg", &[], "").status, 404);
    // A mark of one's own is on the pages, and nothing in it may run.
    let icon = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    house.gateway.write_plugin_file("here", "icon.svg", icon);
    let browser = Browser::sign_in(&house.gateway);
    until("the mark is live", || {
        let start = browser.get("/mailboxes/connect").body;
        start
            .contains("src=\"/presets/here/icon.svg\"")
            .then_some(())
    });
    let shown = browser.get("/presets/here/icon.svg");
    assert_eq!((shown.status, shown.body.as_str()), (200, icon));
    let head = shown.head.to_lowercase();
    assert!(
        head.contains("content-security-policy: default-src 'none'"),
        "{head}"
    );

    let here = api.get(&format!("/mailboxes/suggest?address={USER}"));
    assert_eq!(
        (&here["how"], &here["preset"]["id"]),
        (&json!("domain"), &json!("here"))
    );
    assert_eq!(here["user"], USER);
    let chosen = api.get(&format!("/mailboxes/suggest?address={USER}&preset=qq"));
    assert_eq!(
        (&chosen["how"], &chosen["imap"]["host"]),
        (&json!("chosen"), &json!("imap.qq.com"))
    );
    let wrong = api.ask("GET", "/mailboxes/suggest?address=nobody", &[], "");
    assert_eq!(wrong.status, 422, "{wrong:?}");

    let said = house.gateway.run(&["mailbox", "suggest", USER]).good().out;
    assert!(said.contains("Here, by the domain example.com"), "{said}");
}

#[test]
fn a_trial_is_followed_live_and_saves_only_when_asked_to() {
    let house = House::open();
    let path = house.begin("", &house.proposal(PASSWORD));
    let events = house.follow(&path);
    let steps: Vec<_> = events
        .iter()
        .map(|(name, data)| {
            (
                name.as_str(),
                data["step"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    assert_eq!(
        steps,
        [
            ("step", "incoming".to_owned()),
            ("step", "folder".to_owned()),
            ("step", "outgoing".to_owned()),
            ("end", String::new()),
        ],
        "{events:?}"
    );
    assert_eq!(events.last().unwrap().1["state"], "passed");
    assert_eq!(house.mailboxes(), 0);

    let path = house.begin("?save=true", &house.proposal(PASSWORD));
    let end = house.follow(&path).pop().unwrap().1;
    assert_eq!(end["state"], "connected", "{end}");
    let mailbox = house
        .gateway
        .api()
        .get(&format!("/mailboxes/{}", text(&end, "mailbox")));
    assert_eq!(
        (&mailbox["address"], &mailbox["preset"]),
        (&json!(USER), &json!("here"))
    );
    until("it is active", || {
        let now = house.gateway.api().get(&format!("/mailboxes/{USER}"));
        (now["receiving"]["state"] == "active").then_some(())
    });
    // Whoever comes later reads the same again.
    assert_eq!(house.follow(&path).pop().unwrap().1["state"], "connected");

    let again = house.begin("?save=true", &house.proposal(PASSWORD));
    let end = house.follow(&again).pop().unwrap().1;
    assert_eq!(end["state"], "failed");
    assert!(text(&end, "reason").contains("already connected"), "{end}");
    assert_eq!(house.mailboxes(), 1);
}

#[test]
fn a_trial_that_fails_says_where_and_why_and_nothing_is_saved() {
    let house = House::open();
    let path = house.begin("?save=true", &house.proposal("wrong"));
    let events = house.follow(&path);
    let (name, failed) = &events[0];
    assert_eq!(
        (name.as_str(), &failed["step"], &failed["passed"]),
        ("step", &json!("incoming"), &json!(false))
    );
    let end = house.gateway.api().get(&path);
    assert_eq!(end["state"], "failed");
    assert!(text(&end, "reason").contains("password"), "{end}");
    assert_eq!(house.mailboxes(), 0);
    // The password of somebody's trial is nowhere to be read.
    assert!(
        !events
            .iter()
            .any(|(_, data)| data.to_string().contains("wrong\""))
    );

    let api = house.gateway.api();
    let readable = json!({ "address": USER, "password": PASSWORD });
    let refused = api.post("/mailboxes/probes", &[], &readable);
    assert_eq!(
        refused.status, 422,
        "nobody has asked for that: {refused:?}"
    );
    assert!(
        text(&refused.json(), "detail").contains("readable"),
        "{refused:?}"
    );
    let body = json!({ "address": USER, "password": PASSWORD, "protocol": "telnet" });
    let refused = api.post("/mailboxes/probes", &[], &body);
    assert_eq!(refused.status, 422, "{refused:?}");
    assert!(
        text(&refused.json(), "detail").contains("`protocol`"),
        "{refused:?}"
    );
    let unknown = api.ask(
        "GET",
        "/mailboxes/probes/0197f3a0-0000-7000-8000-000000000000",
        &[],
        "",
    );
    assert_eq!(unknown.status, 404);
    // A sign-in where the provider has none.
    let refused = api.post("/mailboxes/sign-ins", &[], &house.proposal(""));
    assert_eq!(refused.status, 409, "{refused:?}");
    drop(house.dovecot);
}
