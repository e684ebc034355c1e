//! A manager at the pages of a mailbox: edited, unbound, removed, tested, counted, listened to.

use super::*;

#[tokio::test]
async fn a_mailbox_is_edited_unbound_bound_and_removed() {
    let mut browser = Browser::sign_in(0).await;
    browser.read("Desk lamp").await;
    let mailboxes = browser.demo.api("/mailboxes");
    let mailbox = mailboxes["items"].as_array().unwrap().iter();
    let mailbox = mailbox
        .clone()
        .find(|one| one["address"] == "support@lumenhaus.example")
        .unwrap();
    let id = mailbox["id"].as_str().unwrap();
    let card = format!("#mailbox-{id}");

    browser.open("/mailboxes").await;
    browser.click(&format!("{card} a[href$='/edit']")).await;
    let name = browser.see("#name").await;
    name.clear().await.unwrap();
    name.send_keys("The shop").await.unwrap();
    browser
        .see("#check_interval")
        .await
        .send_keys("1")
        .await
        .unwrap();
    browser.click(".settings button.main").await;
    let notice = browser.text(".notice").await;
    assert!(notice.contains("5"), "{notice}");
    let interval = browser.see("#check_interval").await;
    interval.clear().await.unwrap();
    browser.click(".settings button.main").await;
    let title = browser.text(&format!("{card} h2")).await;
    assert_eq!(title, "The shop");

    browser.click(&format!("{card} [id^=unbind] summary")).await;
    browser
        .click(&format!("{card} form[action$='/unbind'] button"))
        .await;
    for (password, seen) in [
        ("wrong", format!("{card} .notice")),
        ("practice", format!("{card} .state-active")),
    ] {
        // Not the form of the page before, which has a password as well.
        let field = format!("{card} form[action$='/bind'] input[type=password]");
        browser.type_into(&field, password).await;
        browser
            .click(&format!("{card} form[action$='/bind'] button.main"))
            .await;
        browser.see(&seen).await;
    }
    browser
        .see(&format!("{card} form[action$='/offline']"))
        .await;

    browser.click(&format!("{card} a[href$='/remove']")).await;
    browser
        .see("#confirm")
        .await
        .send_keys("support@")
        .await
        .unwrap();
    browser.click("button.danger").await;
    browser.see(".notice").await;
    let confirm = browser.see("#confirm").await;
    confirm
        .send_keys("support@lumenhaus.example")
        .await
        .unwrap();
    browser.click("button.danger").await;
    browser.see("#mailboxes").await;
    assert!(browser.client.find(Locator::Css(&card)).await.is_err());
    browser.client.close().await.unwrap();
}

#[tokio::test]
async fn a_mailbox_is_tested_counted_and_listened_to_from_its_pages() {
    let mut browser = Browser::sign_in(0).await;
    let mailboxes = browser.demo.api("/mailboxes");
    let id = mailboxes["items"][0]["id"].as_str().unwrap();
    browser.open(&format!("/mailboxes/{id}")).await;
    browser.click("form[action$='/log'] button").await;
    browser
        .see("form[action$='/log'] button[value=false]")
        .await;
    let seen = "document.querySelector('#log').getBoundingClientRect().top >= \
                document.querySelector('.top').offsetHeight";
    browser.until(seen).await;
    browser.open(&format!("/mailboxes/{id}")).await;
    browser.click("form[action$='/test'] button").await;
    // The steps come by themselves.
    browser.see("#test-state .good").await;
    browser.open(&format!("/mailboxes/{id}")).await;
    browser.see("a[href$='/log.txt']").await;
    let lines = "document.querySelector('pre.log').textContent.includes('RCPT TO:')";
    browser.until(lines).await;

    browser.open(&format!("/mailboxes/{id}/ledger")).await;
    browser.click("form[action$='/count'] button").await;
    browser.see("#count .good").await;
    let place = browser.value("location.pathname").await;
    assert_eq!(place, format!("/mailboxes/{id}/ledger"));
    let numbers = browser.text(".numbers").await;
    assert!(numbers.contains("INBOX"), "{numbers}");
    let tested = browser
        .see(".entries .entry-head a[href*='/conversations/']")
        .await;
    tested.click().await.unwrap();
    browser.see(".messages").await;

    // What was refused stays, at the place of the conversation.
    let empty = "const text = document.querySelector('#reply-text'); \
                 text.removeAttribute('required'); text.value = ' '; \
                 document.querySelector('#reply button.main').click()";
    browser.client.execute(empty, vec![]).await.unwrap();
    browser.see("#refused").await;
    let place = browser.value("location.pathname").await;
    let place = place.as_str().unwrap();
    assert!(!place.ends_with("/reply"), "{place}");
    browser.client.close().await.unwrap();
}
