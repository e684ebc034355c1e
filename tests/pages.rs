//! pages: a person at the desk, in a real browser: signing in, reading, answering, both languages, a phone.

mod channels;
mod editor;
mod joining;

use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use crate::demo::{Demo, Ending, exchange, is_about};
use crate::peers::STEP_MAX;

/// What the Enter key is called (WebDriver section 17.4.2).
const ENTER: char = '\u{E007}';
const PHONE_WIDTH: u32 = 375;
/// Twelve views take a few seconds; one that waits for a free connection takes half a minute.
const TWELVE_VIEWS_MAX: Duration = Duration::from_secs(25);

/// A browser at the pages of a demo. The order of the fields is the order of the end.
struct Browser {
    client: Client,
    session: String,
    driver: String,
    _driver_process: Ending,
    demo: Demo,
}

impl Browser {
    /// Opens the one-time link and presses its button.
    async fn sign_in(every: u32) -> Self {
        let demo = Demo::start(every);
        let (driver_process, driver) = start_driver();
        let options = json!({
            "goog:chromeOptions": { "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&format!("http://{driver}"))
            .await
            .unwrap();
        let session = client.session_id().await.unwrap().unwrap();
        let browser = Self {
            client,
            session,
            driver,
            _driver_process: driver_process,
            demo,
        };
        browser.open(&browser.demo.login).await;
        browser.click("form button.main").await;
        browser.see("#rows").await;
        browser
    }

    /// As wide as that from now on.
    fn on_a_telephone(&self, width: u32) {
        let phone =
            json!({ "width": width, "height": 844, "deviceScaleFactor": 2, "mobile": true });
        let order = json!({ "cmd": "Emulation.setDeviceMetricsOverride", "params": phone });
        self.driver("goog/cdp/execute", &order);
    }

    async fn open(&self, path: &str) {
        let url = format!("http://{}{path}", self.demo.address);
        self.client.goto(&url).await.unwrap();
    }

    /// Waits for an element.
    async fn see(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(STEP_MAX);
        let found = wait.every(Duration::from_millis(50));
        match found.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => panic!("no {css}: {error}\n{}", self.client.source().await.unwrap()),
        }
    }

    async fn click(&self, css: &str) {
        while let Err(error) = self.see(css).await.click().await {
            was_replaced(&error);
        }
    }

    /// The text of an element as a person sees it.
    async fn text(&self, css: &str) -> String {
        loop {
            match self.see(css).await.text().await {
                Ok(text) => return text,
                Err(error) => was_replaced(&error),
            }
        }
    }

    async fn type_into(&self, css: &str, text: &str) {
        while let Err(error) = self.see(css).await.send_keys(text).await {
            was_replaced(&error);
        }
    }

    /// Waits until an expression of the page's own language is true.
    async fn until(&self, expression: &str) {
        let script = format!(
            "const done = arguments[0], end = Date.now() + {};
             const look = () => {{ const it = ({expression}); if (it || Date.now() > end) done(!!it); else requestAnimationFrame(look); }};
             look();",
            STEP_MAX.as_millis()
        );
        // A page that is being left answers with an error; the next one is asked again.
        let deadline = std::time::Instant::now() + STEP_MAX;
        loop {
            match self.client.execute_async(&script, Vec::new()).await {
                Ok(answer) => {
                    assert_eq!(answer, Value::Bool(true), "never true: {expression}");
                    return;
                }
                Err(error) => assert!(
                    std::time::Instant::now() < deadline,
                    "{expression}: {error}"
                ),
            }
        }
    }

    async fn value(&self, expression: &str) -> Value {
        let script = format!("return ({expression});");
        self.client.execute(&script, Vec::new()).await.unwrap()
    }

    async fn key(&self, value: char) {
        let press = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(press).await.unwrap();
    }

    /// Opens the conversation about this from the list.
    async fn read(&mut self, subject: &str) {
        let id = self.demo.wait_for(subject, |listed| {
            let found = listed.iter().find(|it| is_about(it, subject))?;
            Some(found["id"].as_str().unwrap().to_owned())
        });
        self.open("/conversations").await;
        self.click(&format!("#row-{id} > a")).await;
        self.see("#messages").await;
    }

    /// A command of the browser that WebDriver has no word for.
    fn driver(&self, command: &str, body: &Value) -> Value {
        let path = format!("/session/{}/{command}", self.session);
        let kind = "Content-Type: application/json\r\n";
        let (status, answer) = exchange(&self.driver, "POST", &path, kind, &body.to_string());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str::<Value>(&answer).unwrap()["value"].take()
    }

    /// Ends the session; the console has to be without errors.
    async fn leave(self) {
        let log = self.driver("se/log", &json!({ "type": "browser" }));
        let errors: Vec<&Value> = log
            .as_array()
            .unwrap()
            .iter()
            .filter(|entry| entry["level"] == "SEVERE")
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        self.client.close().await.unwrap();
    }
}

/// Starts the driver on a port of its choice; gives its address.
pub fn start_driver() -> (Ending, String) {
    let mut process = Command::new("chromedriver")
        .arg("--port=0")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("chromedriver; tests/run installs it");
    let printed = BufReader::new(process.stdout.take().unwrap());
    let process = Ending(process);
    let port = printed
        .lines()
        .find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        })
        .unwrap();
    (process, format!("127.0.0.1:{port}"))
}

/// A page that follows what happens may put an element in the place of the one that was
/// just found; a person would act on what is there now.
fn was_replaced(error: &CmdError) {
    assert!(error.is_stale_element_reference(), "{error}");
}

#[tokio::test]
async fn a_link_opens_the_desk_once_and_new_mail_appears_by_itself() {
    let mut browser = Browser::sign_in(1).await;
    let (status, page) = browser.demo.request("POST", &browser.demo.login);
    assert_eq!(status, 401, "{page}");
    browser.read("Desk lamp").await;
    browser.open("/conversations").await;
    let rows = browser.text("#rows").await;
    for customer in ["Maya Lindqvist", "Owen Bartlett", "王思远", "陈晓雯"] {
        assert!(rows.contains(customer), "no {customer} in {rows}");
    }
    browser.value("window.sameOne = 1").await;
    browser.see("#rows li.fresh").await;
    assert_eq!(browser.value("window.sameOne").await, 1);
    browser.leave().await;
}

#[tokio::test]
async fn a_mail_is_read_explained_answered_and_closed() {
    let mut browser = Browser::sign_in(0).await;
    browser.read("Desk lamp").await;
    browser.click("details.quoted summary").await;
    let quoted = browser.text("details.quoted[open] .text").await;
    assert!(quoted.contains("began to flicker"));
    browser.click("details.why summary").await;
    let place = browser.text("details.why[open] .trace .place").await;
    assert!(place.starts_with("routing.rhai:"));

    let text = browser.see("#reply-text").await;
    text.send_keys("Please try the other dimmer.")
        .await
        .unwrap();
    browser.click("#reply button.main").await;
    browser.see(".message.outbound .fate-sent").await;
    browser
        .until("document.querySelectorAll('.message.inbound').length > 2")
        .await;
    let answer = browser.value("document.querySelector('.message.outbound ~ .message.inbound .text').textContent.trim() !== ''").await;
    assert_eq!(answer, true);

    browser.click("button[name=status][value=closed]").await;
    browser
        .see("button[name=status][value=closed][aria-pressed=true]")
        .await;
    browser.leave().await;
}

#[tokio::test]
async fn keys_move_open_and_begin_an_answer() {
    let mut browser = Browser::sign_in(0).await;
    browser.read("Desk lamp").await;
    browser.open("/conversations").await;
    let focused = "document.activeElement.closest('.rows > li')?.id";
    let row = |n: u32| format!("document.querySelector('.rows > li:nth-child({n})').id");
    browser.see("#life[data-on]").await;
    for (key, expected) in [('j', 1), ('j', 2), ('k', 1)] {
        browser.key(key).await;
        browser
            .until(&format!("{focused} === {}", row(expected)))
            .await;
    }
    browser.key(ENTER).await;
    browser.see("#messages").await;
    browser.see("#life[data-on]").await;
    browser.key('r').await;
    browser
        .until("document.activeElement.id === 'reply-text'")
        .await;
    browser.leave().await;
}

/// A browser opens six connections to one host; a stream that outlives its page holds one.
#[tokio::test]
async fn going_back_and_forth_never_runs_out_of_connections() {
    let mut browser = Browser::sign_in(0).await;
    browser.read("Desk lamp").await;
    browser.open("/conversations").await;
    let views = async {
        for _ in 0..6 {
            browser.see("#life[data-on]").await;
            browser.click(".rows > li > a").await;
            browser.see("#messages").await;
            browser.see("#life[data-on]").await;
            browser.client.back().await.unwrap();
            browser.see("#rows").await;
        }
    };
    let in_time = tokio::time::timeout(TWELVE_VIEWS_MAX, views).await;
    assert!(in_time.is_ok(), "a view waited for a connection");
    browser.leave().await;
}

#[tokio::test]
async fn the_desk_speaks_chinese_and_fits_a_phone() {
    let mut browser = Browser::sign_in(0).await;
    browser.on_a_telephone(PHONE_WIDTH);
    browser.click("button[name=language]").await;
    browser.see("html[lang|=zh]").await;
    let menu = browser.text("header nav").await;
    assert!(menu.contains("会话") && menu.contains("邮箱"), "{menu}");
    browser.read("Offer for 38 hotel rooms").await;
    let conversation = browser.value("location.pathname").await;
    let mailboxes = browser.demo.api("/mailboxes");
    let mailbox = mailboxes["items"][0]["id"].as_str().unwrap();
    for path in [
        conversation.as_str().unwrap(),
        "/conversations",
        "/mailboxes",
        &format!("/mailboxes/{mailbox}"),
        &format!("/mailboxes/{mailbox}/ledger"),
        &format!("/mailboxes/{mailbox}/edit"),
        &format!("/mailboxes/{mailbox}/remove"),
        "/mailboxes/connect",
        "/mailboxes/connect/form?preset=&address=shop%40gmial.com",
    ] {
        browser.open(path).await;
        let width = browser.value("document.documentElement.scrollWidth").await;
        assert_eq!(width, PHONE_WIDTH, "{path}");
    }
    // The page of a link, as somebody without an account opens it.
    browser.open("/mailboxes").await;
    browser
        .click("form[action$='/reauthenticate-link'] button")
        .await;
    let link = browser.text(".link .copied").await;
    // The demo listens on a port that its settings do not know.
    let (_, token) = link.rsplit_once('/').unwrap();
    let width = browser.value("document.documentElement.scrollWidth").await;
    assert_eq!(width, PHONE_WIDTH, "a link on the list");
    browser.open(&format!("/reauthenticate/{token}")).await;
    browser.see("input#password").await;
    let width = browser.value("document.documentElement.scrollWidth").await;
    assert_eq!(width, PHONE_WIDTH, "the page of a link");
    browser.leave().await;
}

#[tokio::test]
async fn what_strangers_send_stays_text_and_in_its_frame() {
    let mut browser = Browser::sign_in(0).await;
    let subject = "<img src=x onerror=window.hit=1>";
    let mailboxes = browser.demo.api("/mailboxes");
    let port = mailboxes["items"][0]["outgoing"]["port"].as_u64().unwrap();
    submit(u16::try_from(port).unwrap(), subject);
    browser.read(subject).await;
    let title = browser.text("h1").await;
    assert!(title.contains(subject), "{title}");
    browser.open("/conversations").await;
    assert_eq!(browser.value("window.hit").await, Value::Null);

    browser.read("Offer for 38 hotel rooms").await;
    browser.click("details.original summary").await;
    let frame = browser.see("details.original[open] iframe").await;
    assert_eq!(frame.attr("sandbox").await.unwrap().as_deref(), Some(""));
    frame.enter_frame().await.unwrap();
    let body = browser.text("ul").await;
    assert!(body.contains("76 bedside lamps"), "{body}");
    browser.client.enter_parent_frame().await.unwrap();
    browser.leave().await;
}

/// Somebody with an account at the practice provider writes to the support address.
fn submit(port: u16, subject: &str) {
    let plain =
        base64::engine::general_purpose::STANDARD.encode("\0sales@lumenhaus.example\0practice");
    let auth = format!("AUTH PLAIN {plain}");
    let mail = format!(
        "From: Mallory <sales@lumenhaus.example>\r\nSubject: {subject}\r\nMessage-ID: <m{}@evil.example>\r\n\r\nHello\r\n.",
        subject.len()
    );
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    crate::doubles::dialogue(
        stream,
        &[
            ("EHLO localhost", "250"),
            (&auth, "235"),
            ("MAIL FROM:<sales@lumenhaus.example>", "250"),
            ("RCPT TO:<support@lumenhaus.example>", "250"),
            ("DATA", "354"),
            (&mail, "250"),
        ],
    )
    .unwrap();
}
