//! An operator who merges two conversations by number, takes a message out and undoes both.

use super::*;

#[tokio::test]
async fn a_conversation_is_merged_by_number_and_everything_is_undone() {
    let mut browser = Browser::sign_in(0).await;
    browser.read("Desk lamp").await;
    let here = browser.value("location.pathname").await;
    let count = browser
        .value("document.querySelectorAll('#messages > li').length")
        .await;
    let conversations = browser.demo.api("/conversations?limit=200");
    let all = conversations["items"].as_array().unwrap();
    let lamp = all.iter().find(|one| is_about(one, "Desk lamp")).unwrap();
    let other = |one: &&Value| one["mailbox"] == lamp["mailbox"] && one["id"] != lamp["id"];
    let other = all.iter().find(other).unwrap();
    let (number, id) = (&other["number"], other["id"].as_str().unwrap());

    browser.click("#regrouping summary").await;
    browser
        .type_into("#regrouping input[name='number']", &number.to_string())
        .await;
    browser.click("#regrouping form.merge button").await;
    browser
        .until(&format!(
            "document.querySelectorAll('#messages > li').length > {count}"
        ))
        .await;
    // Whoever follows an old link comes here.
    browser.open(&format!("/conversations/{id}")).await;
    browser.see("#messages").await;
    assert_eq!(browser.value("location.pathname").await, here);
    browser
        .click("#regrouping form[action$='/undo'] button")
        .await;
    browser.open(&format!("/conversations/{id}")).await;
    let place = browser.value("location.pathname").await;
    assert_eq!(place, format!("/conversations/{id}"));

    browser.open(here.as_str().unwrap()).await;
    let last = "[...document.querySelectorAll('#messages .take-out')].at(-1)";
    let into_sight = format!("{last}.scrollIntoView({{ block: 'center' }})");
    browser.value(&into_sight).await;
    browser.value(&format!("{last}.id = 'last-take-out'")).await;
    browser.click("#last-take-out summary").await;
    browser.click("#last-take-out button").await;
    let taken = browser.text("#regrouping").await;
    assert!(taken.contains("Taken out of"), "{taken}");
    browser
        .click("#regrouping form[action$='/undo'] button")
        .await;
    browser
        .until(&format!(
            "location.pathname === '{}' && document.querySelectorAll('#messages > li').length === {count}",
            here.as_str().unwrap()
        ))
        .await;
    browser.leave().await;
}
