//! The wizard: what is wrong with an address is said before anything else is asked.

use axum::http::StatusCode;

use super::desk::{Desk, text_of};

#[tokio::test]
async fn the_address_comes_first() {
    let desk = Desk::open().await;
    let session = desk.managers_session().await;
    for (address, status, said) in [
        (
            "x@lots.of.dots..com",
            StatusCode::UNPROCESSABLE_ENTITY,
            "is no domain",
        ),
        (
            "Support@desk.example",
            StatusCode::UNPROCESSABLE_ENTITY,
            "is connected already, as “Support”",
        ),
        (
            "shop@gmial.com",
            StatusCode::OK,
            "<a href=\"/mailboxes/connect/form?address=shop%40gmail.com\">shop@gmail.com</a>",
        ),
        ("12@qq.con", StatusCode::OK, ">12@qq.com</a>"),
    ] {
        let path = format!(
            "/mailboxes/connect/form?preset=&address={}",
            address.replace('@', "%40")
        );
        let (found, page) = desk.page(&session, &path).await;
        assert_eq!(found, status, "{address}");
        assert!(page.contains(said), "{address}:\n{page}");
        assert!(page.contains(&format!("value=\"{address}\"")), "{address}");
    }
    let (_, page) = desk
        .page(
            &session,
            "/mailboxes/connect/form?preset=&address=a%40gmail.com",
        )
        .await;
    assert!(!page.contains("id=\"meant\""), "{page}");
    let before = page.find("class=\"panel guide\"").expect("a guide");
    assert!(before < page.find("id=\"form\"").expect("a form"));
}

#[tokio::test]
async fn a_provider_that_nobody_chose_is_looked_for_again() {
    let desk = Desk::open().await;
    let session = desk.managers_session().await;
    for (query, sent) in [
        ("preset=&address=a%40shop.example", ""),
        ("preset=other&address=a%40shop.example", "other"),
        ("preset=&address=a%40gmail.com", "gmail"),
    ] {
        let path = format!("/mailboxes/connect/form?{query}");
        let (_, page) = desk.page(&session, &path).await;
        let field = format!("name=\"preset\" value=\"{sent}\"");
        assert!(page.contains(&field), "{query}:\n{page}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_said_at_its_field_and_nothing_typed_is_lost() {
    let desk = Desk::open().await;
    let session = desk.managers_session().await;
    let page = "/mailboxes/connect/form?preset=&address=a%40shop.example";
    for (field, value, said) in [
        (
            "rescue_address",
            "A%40shop.example",
            "belongs to this mailbox",
        ),
        ("code_created_on", "2999-01-01", "is still to come"),
    ] {
        let form = format!("address=a%40shop.example&name=The+shop&password=x&{field}={value}");
        let response = desk
            .submit(&session, page, "/mailboxes/connect", &form)
            .await;
        assert_eq!(
            response.status(),
            StatusCode::UNPROCESSABLE_ENTITY,
            "{field}"
        );
        let shown = text_of(response).await;
        assert!(
            shown.contains(said) && shown.contains("The shop"),
            "{field}:\n{shown}"
        );
    }
}
