//! An administrator at the scripts: a typo, its place, the decision on a mail, saving, the next mail.

use serde_json::Value;

use super::{Browser, submit};

/// Puts the whole text of the editor there as somebody types it.
async fn write(browser: &Browser, text: &str) {
    browser.see("#script-text").await;
    let select = "(() => { const it = document.getElementById('script-text'); it.focus(); it.select(); return true; })()";
    browser.value(select).await;
    browser.type_into("#script-text", text).await;
}

#[tokio::test]
async fn a_script_is_written_beside_a_mail_and_the_next_mail_obeys() {
    let mut browser = Browser::sign_in(0).await;
    let port = browser.demo.api("/mailboxes")["items"][0]["outgoing"]["port"].as_u64();
    let port = u16::try_from(port.unwrap()).unwrap();
    let first = "<img src=x onerror=window.hit=1> first";
    submit(port, first);
    browser.read(first).await;

    browser.open("/scripts").await;
    let live = "document.querySelector('#live code')?.title";
    let before = browser.value(live).await;
    browser
        .click("#files a[href='/scripts/edit?file=routing.rhai']")
        .await;
    // The latest mail is picked by itself.
    browser
        .until("document.querySelector('#decides .decides code')?.textContent.includes('team support')")
        .await;
    let picked = "document.querySelector('#script-mail').selectedOptions[0].textContent";
    let picked = browser.value(picked).await;
    assert!(picked.as_str().unwrap().contains(first), "{picked}");

    write(
        &browser,
        "fn route(mail, ctx) { if mail.subjct.contains(\"<img\") { return team(\"sales\"); } inbox() }",
    )
    .await;
    browser
        .until("document.querySelector('#decides .finding.bad .place')?.textContent.startsWith('routing.rhai:1:')")
        .await;
    let finding = browser.text("#decides .finding").await;
    assert!(
        finding.contains("subjct") && finding.contains("subject"),
        "{finding}"
    );
    browser.click("#decides .finding a[data-line='1']").await;
    browser
        .until("document.activeElement?.id === 'script-text'")
        .await;

    let right = "fn route(mail, ctx) { if mail.subject.contains(\"<img\") { return team(\"sales\").tag(\"probe\"); } inbox() }";
    write(&browser, right).await;
    browser
        .until("document.querySelector('#decides .decides code')?.textContent === 'team sales; tags probe'")
        .await;
    assert_eq!(browser.value("window.hit").await, Value::Null);
    browser
        .click("button[formaction^='/scripts/rehearse']")
        .await;
    let rehearsed = browser.text("#rehearsed").await;
    assert!(
        rehearsed.contains(first) && rehearsed.contains("team sales"),
        "{rehearsed}"
    );
    // What came of it is in sight, and the buttons may be above that.
    assert_eq!(browser.value("location.hash").await, "#came");
    browser
        .value("document.getElementById('save').scrollIntoView({ block: 'center' })")
        .await;
    browser.click("#save").await;
    browser.see("#came > .good").await;
    let saved = std::fs::read_to_string(browser.demo.scripts.join("routing.rhai")).unwrap();
    assert_eq!(saved, right);

    browser.open("/scripts").await;
    browser
        .until(&format!("{live} && {live} !== {before}"))
        .await;
    let second = "<img src=x onerror=window.hit=1> the second";
    submit(port, second);
    browser.read(second).await;
    browser.click("details.why summary").await;
    let why = browser.text("details.why .sentence").await;
    assert!(
        why.starts_with("Routed to sales, by routing.rhai:1"),
        "{why}"
    );
    browser.click("details.why .sentence a").await;
    let line = browser.text(".source li:target code").await;
    assert_eq!(line, right);
    browser.click(".source li:target a").await;
    let decided = browser.text(".entries").await;
    assert!(decided.contains(second), "{decided}");

    // A file of one mailbox begins empty, is tried on its mails and inherits the rest.
    browser.open("/scripts").await;
    browser.click("#of-one button").await;
    browser
        .until("document.querySelector('h1')?.textContent.startsWith('mailboxes/')")
        .await;
    let place = browser.text("h1").await;
    assert!(place.ends_with("/routing.rhai"), "{place}");
    let own = "fn route(mail, ctx) { team(\"billing\") }";
    write(&browser, own).await;
    browser
        .until("document.querySelector('#decides .decides code')?.textContent === 'team billing'")
        .await;
    browser.click("#save").await;
    browser.see("#came > .good").await;
    let saved = std::fs::read_to_string(browser.demo.scripts.join(&place)).unwrap();
    assert_eq!(saved, own);
    assert_eq!(browser.value("window.hit").await, Value::Null);
    browser.leave().await;
}

#[tokio::test]
async fn the_reference_fits_a_screen_and_a_telephone() {
    let browser = Browser::sign_in(0).await;
    browser.open("/scripts").await;
    browser.click("#files a[href='/scripts/reference']").await;
    let first = browser.text(".members dt code").await;
    assert!(first.starts_with("data("), "{first}");
    browser.client.set_window_size(1200, 900).await.unwrap();
    let scrolls = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert_eq!(browser.value(scrolls).await, Value::Bool(false));
    browser.on_a_telephone(390);
    browser.open("/scripts/reference").await;
    let width = browser.value("document.documentElement.scrollWidth").await;
    assert_eq!(width, 390);
    browser.leave().await;
}
