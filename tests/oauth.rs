//! oauth: signing in at a provider instead of a password: by a browser and by a code, and what tokens go through.

mod chromium;
mod crowd;
mod link;

use std::fmt::Write as _;
use std::process::Child;

use crate::peers::api::text;
use crate::peers::browser::{Browser, Page};
use crate::peers::dovecot::{Dovecot, USER};
use crate::peers::gateway::{Ended, Gateway};
use crate::peers::provider::{CLIENT, Person, Provider};
use crate::peers::proxy::Proxy;
use crate::peers::smtp::Sink;
use crate::peers::until;

/// The address of the desk as people know it; the provider sends browsers back there.
const DESK: &str = "https://desk.example.com";
const OTHER: &str = "alice@example.com";

/// A provider with its mail servers, and a desk that is registered there.
struct House {
    provider: Provider,
    dovecot: Dovecot,
    sink: Sink,
    road: Proxy,
    gateway: Gateway,
}

impl House {
    fn open() -> Self {
        Self::with(&registered())
    }

    fn with(sections: &str) -> Self {
        Self::at(DESK, 0, sections)
    }

    /// People reach the desk by this address; it listens on that port.
    fn at(desk: &str, port: u16, sections: &str) -> Self {
        let provider = Provider::start(USER, &format!("{desk}/oauth/callback"));
        let sink = Sink::start();
        let dovecot = Dovecot::start_with_tokens(Some(sink.port), provider.introspection_port);
        let road = Proxy::to(dovecot.ports.imaps);
        let trust = [dovecot.authority_pem(), provider.authority_pem()];
        let mut gateway = Gateway::prepare(&trust);
        let network = "[network]\nlookups_may_reach = [\"127.0.0.0/8\", \"::1/128\"]\n";
        gateway.listen_on(port);
        gateway.configure(desk, &format!("{network}{sections}"));
        gateway.write_plugin("corp", &plugin(&provider, &dovecot, &road));
        gateway.launch();
        Self {
            provider,
            dovecot,
            sink,
            road,
            gateway,
        }
    }

    /// From the wizard to the page that leads to the provider.
    fn begin(&self, browser: &Browser, more: &[(&str, &str)]) -> (String, Page) {
        let form = browser.get(&format!("/mailboxes/connect/form?address={USER}"));
        assert!(form.body.contains("/mailboxes/connect/sign-in"), "{form:?}");
        let mut fields = vec![("address", USER), ("preset", "corp"), ("history", "all")];
        fields.extend_from_slice(more);
        let begun = browser.post(&form, "/mailboxes/connect/sign-in", &fields);
        let place = begun.leads().to_owned();
        let page = browser.get(&place);
        assert!(
            page.body.contains(&format!("{DESK}/oauth/callback")),
            "{page:?}"
        );
        (place, page)
    }

    /// The person goes to the provider; the address that the browser is sent back to.
    fn visit(&self, page: &Page) -> String {
        let back = self
            .provider
            .browse(&page.between("id=\"provider\" href=\"", "\""));
        back.strip_prefix(DESK).unwrap().to_owned()
    }

    fn connect_by_page(&self) -> Browser {
        let browser = Browser::sign_in(&self.gateway);
        let (_, page) = self.begin(&browser, &[]);
        let back = self.visit(&page);
        assert!(
            browser
                .get(&back)
                .leads()
                .starts_with("/mailboxes/connect/")
        );
        self.until("active");
        browser
    }

    /// A command that signs in by a code, which somebody types.
    fn by_code(&self, arguments: &[&str]) -> Ended {
        let command = self.gateway.spawn(arguments);
        self.provider.type_code();
        ended(command)
    }

    fn connect_by_code(&self) {
        let added = self.by_code(&["mailbox", "add", USER, "--sign-in", "--history", "all"]);
        let added = added.good();
        assert!(added.out.contains("TYPE-"), "{added:?}");
        self.until("active");
    }

    fn state(&self) -> String {
        let path = format!("/mailboxes/{USER}");
        let answer = self.gateway.api().ask("GET", &path, &[], "");
        // What a page connects is there once its trial has passed.
        match answer.status {
            404 => "not there".to_owned(),
            _ => text(&answer.json()["receiving"], "state").to_owned(),
        }
    }

    fn until(&self, state: &str) {
        until(&format!("receiving is {state}"), || {
            (self.state() == state).then_some(())
        });
    }

    fn nothing_is_saved(&self) {
        let mailboxes = self.gateway.run(&["mailbox", "list"]).good().out;
        assert!(mailboxes.contains("No mailbox"), "{mailboxes}");
    }

    fn arrives(&self, id: &str) {
        let wanted = format!("<{id}@example.net>");
        until(&format!("{id} is here"), || {
            self.gateway
                .api()
                .message_ids()
                .contains(&wanted)
                .then_some(())
        });
    }
}

/// What the provider gave when the desk was registered there.
fn registered() -> String {
    format!(
        "[oauth.corp]\nclient_id = \"{}\"\nclient_secret = \"{}\"\n",
        CLIENT.0, CLIENT.1
    )
}

fn ended(command: Child) -> Ended {
    let output = command.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

fn plugin(provider: &Provider, dovecot: &Dovecot, road: &Proxy) -> String {
    let mut text = "format = 1\nid = \"corp\"\nname = { en = \"Corp\", zh = \"Corp\" }\n\
                    domains = [\"example.com\"]\n"
        .to_owned();
    for (table, port) in [("imap", road.port), ("smtp", dovecot.ports.submissions)] {
        write!(
            text,
            "[{table}]\nhost = \"localhost\"\nport = {port}\nsecurity = \"tls\"\nuser_name = \"address\"\n"
        )
        .unwrap();
    }
    let base = format!("https://localhost:{}", provider.port);
    write!(
        text,
        "[sign_in]\nmethods = [\"oauth2\"]\n[oauth]\nclient = \"corp\"\n\
         authorize = \"{base}/authorize\"\ntoken = \"{base}/token\"\ndevice = \"{base}/device\"\n\
         scopes = [\"mail\", \"openid\"]\nmechanism = \"oauthbearer\"\n\
         registration = {{ en = \"Register {{redirect_uri}} there\", zh = \"注册 {{redirect_uri}}\" }}\n"
    )
    .unwrap();
    text
}

fn mail(id: &str) -> Vec<u8> {
    format!(
        "From: {id} <{id}@example.net>\r\nTo: {USER}\r\nSubject: {id}\r\n\
         Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@example.net>\r\n\r\nHello.\r\n"
    )
    .into_bytes()
}

#[test]
fn a_mailbox_is_connected_by_a_browser_that_signs_in_and_mail_comes_and_goes() {
    let house = House::open();
    house.dovecot.deliver(USER, &mail("a"));
    let browser = house.connect_by_page();
    house.arrives("a");
    // An answer leaves by the same sign-in.
    let conversation = house.gateway.api().conversations().remove(0);
    let body = serde_json::json!({ "text": "Thank you." });
    let path = format!("/conversations/{}/replies", text(&conversation, "id"));
    let key = [("Idempotency-Key", "one")];
    let replied = house.gateway.api().post(&path, &key, &body);
    assert!(replied.status < 300, "{replied:?}");
    house.sink.wait_for(1);
    // Nothing of it is shown to anybody.
    let shown = browser.get("/mailboxes").body + house.gateway.log().as_str();
    for secret in ["access-", "refresh-", CLIENT.1] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[test]
fn a_return_that_is_not_of_this_session_is_refused_in_words() {
    let house = House::open();
    let browser = Browser::sign_in(&house.gateway);
    let unknown = ["belongs to no sign-in"];
    browser.get("/oauth/callback?code=code-1").refused(&unknown);
    browser
        .get("/oauth/callback?state=forged&code=code-1")
        .refused(&unknown);
    let (_, page) = house.begin(&browser, &[]);
    let back = house.visit(&page);
    let stranger = Browser::sign_in(&house.gateway);
    stranger.get(&back).refused(&["another session"]);
    house.nothing_is_saved();
    // The one who began it is not hindered by that, and it works once.
    assert!(
        browser
            .get(&back)
            .leads()
            .starts_with("/mailboxes/connect/")
    );
    house.until("active");
    browser.get(&back).refused(&["used already"]);
}

#[test]
fn a_code_of_another_sign_in_gives_nothing() {
    let house = House::open();
    let browser = Browser::sign_in(&house.gateway);
    let [theirs, ours] = [(), ()].map(|()| house.visit(&house.begin(&browser, &[]).1));
    let (ours, _) = ours.split_once("&code=").unwrap();
    let (_, code) = theirs.split_once("&code=").unwrap();
    let injected = browser.get(&format!("{ours}&code={code}"));
    injected.refused(&["invalid_grant"]);
    house.nothing_is_saved();
}

#[test]
fn who_declines_or_comes_back_from_elsewhere_has_saved_nothing() {
    let house = House::open();
    let browser = Browser::sign_in(&house.gateway);
    house.provider.person(Person::Declines);
    let (_, page) = house.begin(&browser, &[]);
    let declined = browser.get(&house.visit(&page));
    // The provider's words are data.
    declined.refused(&["was declined", "access_denied"]);
    assert!(!declined.body.contains("<script>no"), "{declined:?}");
    house.provider.person(Person::Agrees);
    house.provider.call_itself("https://evil.example");
    let (_, page) = house.begin(&browser, &[]);
    browser
        .get(&house.visit(&page))
        .refused(&["https://evil.example"]);
    house.nothing_is_saved();
    assert_eq!(house.provider.asked(), 0);
}

#[test]
fn another_account_is_refused_by_name_and_may_only_open_a_shared_mailbox() {
    let house = House::open();
    let browser = Browser::sign_in(&house.gateway);
    house.provider.use_account(OTHER);
    let (place, page) = house.begin(&browser, &[]);
    let refused = browser.get(&house.visit(&page));
    refused.refused(&[OTHER, USER, "nothing was saved", "Use another account"]);
    house.nothing_is_saved();
    // Said to be a shared mailbox, it is tried with that login, and does not open.
    let shared = browser.post(&refused, &format!("{place}/again"), &[("shared_of", OTHER)]);
    let page = browser.get(shared.leads());
    let asked = page.between("id=\"provider\" href=\"", "\"");
    assert!(asked.contains("prompt=select_account"), "{asked}");
    let attempt = browser.get(&house.visit(&page)).leads().to_owned();
    until("the trial has ended", || {
        browser
            .get(&attempt)
            .body
            .contains("Nothing was saved")
            .then_some(())
    });
    house.nothing_is_saved();
    // It does once the account may open it.
    house.provider.opens(USER);
    let (_, page) = house.begin(&browser, &[("account", OTHER)]);
    assert!(
        browser
            .get(&house.visit(&page))
            .leads()
            .starts_with("/mailboxes/connect/")
    );
    house.until("active");
    // Its account is remembered: the address itself is another one now.
    house.provider.use_account(USER);
    let wrong = ["mailbox", "reauthenticate", USER, "--sign-in"];
    house.by_code(&wrong).refused(&[OTHER, USER]);
    let right = [&wrong[..], &["--account", USER]].concat();
    house.by_code(&right).good();
}

#[test]
fn a_mailbox_is_connected_by_a_code_typed_elsewhere() {
    let house = House::open();
    house.provider.use_account(OTHER);
    let refused = house.by_code(&["mailbox", "add", USER, "--sign-in"]);
    refused.refused(&[OTHER, USER, "nothing was saved"]);
    house.nothing_is_saved();
    house.provider.use_account(USER);
    house.connect_by_code();
    // The page has such a code as well, and tells how it goes on.
    let browser = Browser::sign_in(&house.gateway);
    let list = browser.get("/mailboxes");
    let id = list.between("id=\"mailbox-", "\"");
    let begun = browser.post(&list, &format!("/mailboxes/{id}/sign-in"), &[]);
    let place = begun.leads().to_owned();
    let page = browser.get(&place);
    let asked = browser.post(&page, &format!("{place}/code"), &[]);
    let page = browser.get(asked.leads());
    assert!(page.body.contains("TYPE-"), "{page:?}");
    house.provider.type_code();
    let live = browser.get(&format!("{place}/live"));
    assert!(live.body.contains("ended"), "{live:?}");
    let page = browser.get(&place);
    assert!(
        page.body.contains(&format!("/mailboxes#mailbox-{id}")),
        "{page:?}"
    );
}

#[test]
fn refresh_tokens_that_end_with_their_use_outlive_a_restart_and_a_kill() {
    let mut house = House::open();
    // Shorter than the margin: every login renews.
    house.provider.lives(60);
    house.connect_by_code();
    let mut renewals = house.provider.renewals();
    for kill in [false, true, true, false] {
        if kill {
            house.gateway.kill();
        } else {
            house.gateway.stop();
        }
        house.gateway.launch();
        house.until("active");
        let now = house.provider.renewals();
        assert!(now > renewals, "not renewed after a start");
        renewals = now;
    }
    assert_eq!(house.provider.reuses(), 0);
    house.dovecot.deliver(USER, &mail("a"));
    house.arrives("a");
}

#[test]
fn a_token_that_is_refused_before_its_end_is_renewed_without_a_person() {
    let house = House::open();
    house.connect_by_code();
    assert_eq!(house.provider.renewals(), 0);
    house.provider.end_access();
    house.road.cut();
    until("the token is renewed", || {
        (house.provider.renewals() == 1).then_some(())
    });
    house.dovecot.deliver(USER, &mail("a"));
    house.arrives("a");
    assert_eq!(house.state(), "active");
}

#[test]
fn a_token_that_is_refused_even_when_it_is_new_asks_for_a_person() {
    let house = House::open();
    house.connect_by_code();
    house.provider.opens(OTHER);
    house.provider.end_access();
    house.road.cut();
    house.until("reauthentication_needed");
    assert_eq!(house.provider.renewals(), 1);
}

#[test]
fn a_maildrop_is_signed_in_as_well() {
    let house = House::open();
    house.provider.lives(60);
    let drop = format!("localhost:{}", house.dovecot.ports.pop3s);
    let add = [
        "mailbox",
        "add",
        USER,
        "--sign-in",
        "--history",
        "all",
        "--pop3",
        &drop,
    ];
    house.by_code(&add).good();
    house.until("active");
    house.dovecot.deliver(USER, &mail("a"));
    house.gateway.run(&["mailbox", "refresh", USER]).good();
    house.arrives("a");
    assert!(house.provider.renewals() > 0);
    assert_eq!(house.provider.reuses(), 0);
}

#[test]
fn an_unbound_mailbox_is_bound_by_signing_in() {
    let house = House::open();
    house.connect_by_code();
    house.gateway.run(&["mailbox", "unbind", USER]).good();
    house.dovecot.deliver(USER, &mail("a"));
    let bound = house.by_code(&["mailbox", "reauthenticate", USER, "--sign-in"]);
    bound.good();
    house.until("active");
    house.arrives("a");
}

#[test]
fn a_grant_that_ended_asks_for_a_person_who_signs_in_again_and_nothing_is_missed() {
    let house = House::open();
    house.connect_by_code();
    house.provider.end_grants();
    house.road.cut();
    house.until("reauthentication_needed");
    let mailbox = house.gateway.api().get(&format!("/mailboxes/{USER}"));
    let reason = text(&mailbox["receiving"], "reason");
    for words in ["invalid_grant", "--sign-in", USER] {
        assert!(reason.contains(words), "no {words} in {reason}");
    }
    let asked = house.provider.asked();
    house.dovecot.deliver(USER, &mail("a"));
    house.dovecot.deliver(USER, &mail("b"));
    let stored = house
        .gateway
        .run(&["mailbox", "reauthenticate", USER, "--stored"]);
    stored.refused(&["invalid_grant"]);
    assert_eq!(house.provider.asked(), asked + 1);
    let again = house.by_code(&["mailbox", "reauthenticate", USER, "--sign-in"]);
    again.good();
    house.until("active");
    house.arrives("a");
    house.arrives("b");
}

#[test]
fn a_provider_that_is_down_interrupts_and_never_asks_for_a_person() {
    let house = House::open();
    house.provider.lives(1);
    house.connect_by_code();
    house.provider.down(true);
    let asked = house.provider.asked();
    house.road.cut();
    house.until("interrupted");
    until("it is asked again", || {
        let state = house.state();
        assert!(
            ["interrupted", "error"].contains(&state.as_str()),
            "{state}"
        );
        (house.provider.asked() >= asked + 3).then_some(())
    });
    house.provider.down(false);
    house.gateway.run(&["mailbox", "refresh", USER]).good();
    house.until("active");
    house.dovecot.deliver(USER, &mail("a"));
    house.arrives("a");
}

#[test]
fn what_is_missing_for_a_sign_in_is_named_where_it_is_looked_for() {
    let mut house = House::with("");
    let form = |house: &House| {
        let browser = Browser::sign_in(&house.gateway);
        browser
            .get(&format!("/mailboxes/connect/form?address={USER}"))
            .body
    };
    let shown = form(&house);
    let exact = format!("Register {DESK}/oauth/callback there");
    for words in ["[oauth.corp]", &exact] {
        assert!(shown.contains(words), "no {words} in {shown}");
    }
    assert!(!shown.contains("/mailboxes/connect/sign-in"));
    let refused = house.gateway.run(&["mailbox", "add", USER, "--sign-in"]);
    refused.refused(&["[oauth.corp]", &exact]);
    house.gateway.stop();
    house.gateway.configure(DESK, "[oauth]\nenabled = false\n");
    house.gateway.launch();
    let shown = form(&house);
    assert!(shown.contains("[oauth] enabled"), "{shown}");
    assert!(!shown.contains("/mailboxes/connect/sign-in"));
    let refused = house.gateway.run(&["mailbox", "add", USER, "--sign-in"]);
    refused.refused(&["`enabled` of [oauth]"]);
}

#[test]
fn a_program_signs_in_by_a_code_and_connects_and_later_signs_in_again() {
    let house = House::open();
    let api = house.gateway.api();
    let asked = serde_json::json!({ "address": USER, "history": "all" });
    let begun = api.post("/mailboxes/sign-ins", &[], &asked);
    assert_eq!(begun.status, 201, "{begun:?}");
    let begun = begun.json();
    assert_eq!(
        (&begun["state"], &begun["account"]),
        (&"waiting".into(), &USER.into())
    );
    assert!(text(&begun, "code").starts_with("TYPE-"), "{begun}");
    house.provider.type_code();
    let path = format!("/mailboxes/sign-ins/{}", text(&begun, "id"));
    let ended = |path: &str| {
        until("somebody has signed in", || {
            let now = api.get(path);
            (now["state"] != "waiting").then_some(now)
        })
    };
    let signed_in = ended(&path);
    assert_eq!(signed_in["state"], "signed_in", "{signed_in}");
    let probe = format!("/mailboxes/probes/{}", text(&signed_in, "probe"));
    until("it is connected", || {
        (api.get(&probe)["state"] == "connected").then_some(())
    });
    house.until("active");

    let again = api.post(
        &format!("/mailboxes/{USER}/sign-in"),
        &[],
        &serde_json::json!({}),
    );
    assert_eq!(again.status, 201, "{again:?}");
    house.provider.type_code();
    let path = format!("/mailboxes/sign-ins/{}", text(&again.json(), "id"));
    let signed_in = ended(&path);
    assert!(signed_in["mailbox"].is_string(), "{signed_in}");
    // What was begun by a program is no page of anybody's browser.
    let browser = Browser::sign_in(&house.gateway);
    let page = browser.get(&format!("/sign-ins/{}", text(&signed_in, "id")));
    assert_eq!(page.status, 404);
}
