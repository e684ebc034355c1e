//! The same in a real browser: what its own rules for cookies, redirects and forms allow.

use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::House;
use crate::demo::{Ending, exchange};
use crate::pages::start_driver;
use crate::peers::STEP_MAX;
use crate::peers::dovecot::USER;
use crate::peers::sender::free_port;

/// A person in front of a desk. The order of the fields is the order of the end.
struct Person {
    client: Client,
    driver: String,
    _driver_process: Ending,
    house: House,
    desk: String,
}

impl Person {
    /// The desk answers where the provider sends browsers back to.
    async fn sit_down() -> Self {
        let port = free_port();
        let desk = format!("http://127.0.0.1:{port}");
        let house = House::at(&desk, port, &super::registered());
        let (process, driver) = start_driver();
        let options = json!({
            // The provider's certificate is of the tests' own authority.
            "acceptInsecureCerts": true,
            "goog:chromeOptions": { "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"] },
            "goog:loggingPrefs": { "browser": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(options.as_object().unwrap().clone())
            .connect(&format!("http://{driver}"))
            .await
            .unwrap();
        let link = house.gateway.run(&["user", "login-link"]).good().out;
        let person = Self {
            client,
            driver,
            _driver_process: process,
            house,
            desk,
        };
        person.client.goto(link.trim()).await.unwrap();
        person.click("form button.main").await;
        person.see("#rows").await;
        person
    }

    async fn see(&self, css: &str) -> Element {
        let wait = self.client.wait().at_most(STEP_MAX);
        let found = wait.every(Duration::from_millis(50));
        match found.for_element(Locator::Css(css)).await {
            Ok(element) => element,
            Err(error) => panic!("no {css}: {error}\n{}", self.client.source().await.unwrap()),
        }
    }

    async fn click(&self, css: &str) {
        self.see(css).await.click().await.unwrap();
    }

    /// From the wizard to the page that leads to the provider.
    async fn begin(&self) {
        let form = format!("{}/mailboxes/connect/form?address={USER}", self.desk);
        self.client.goto(&form).await.unwrap();
        self.click("button[formaction='/mailboxes/connect/sign-in']")
            .await;
        self.see("#provider").await;
    }

    /// Ends the session; the console has to be without errors.
    async fn leave(self) {
        let session = self.client.session_id().await.unwrap().unwrap();
        let (path, kind) = (
            format!("/session/{session}/se/log"),
            "Content-Type: application/json\r\n",
        );
        let asked = json!({ "type": "browser" }).to_string();
        let (status, answer) = exchange(&self.driver, "POST", &path, kind, &asked);
        assert_eq!(status, 200, "{answer}");
        let log: Value = serde_json::from_str(&answer).unwrap();
        let entries = log["value"].as_array().unwrap();
        let errors: Vec<&Value> = entries
            .iter()
            .filter(|one| one["level"] == "SEVERE")
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        self.client.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_goes_to_the_provider_and_comes_back_signed_in() {
    let person = Person::sit_down().await;
    person.begin().await;
    person.click("#provider").await;
    // The session's cookie came along although the provider sent the browser.
    person.see("#attempt .good").await;
    person.house.until("active");
    person.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_with_a_code_goes_on_by_itself() {
    let person = Person::sit_down().await;
    person.begin().await;
    person.click("#code button").await;
    person.see("#code .code").await;
    person.house.provider.type_code();
    person.see("#code .good").await;
    person.click("#code a.main").await;
    person.see("#attempt .good").await;
    person.house.until("active");
    person.leave().await;
}
