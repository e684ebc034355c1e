//! What services say stands on pages in the language of the page.

use std::net::TcpListener;

use axum::http::{StatusCode, header};

use super::desk::{Desk, text_of};

/// A port of this machine where nobody listens.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

#[tokio::test]
async fn what_services_say_is_said_in_the_language_of_the_page() {
    let desk = Desk::open().await;
    let session = format!("{}; postern_language=zh", desk.managers_session().await);
    let (page, port) = (
        "/mailboxes/connect/form?preset=&address=a%40shop.example",
        closed_port(),
    );
    let typed = |incoming: &str| {
        format!(
            "address=a%40shop.example&password=x&incoming={incoming}&outgoing=127.0.0.1%3A{port}"
        )
    };
    let submit = async |incoming: &str| {
        desk.submit(&session, page, "/mailboxes/connect", &typed(incoming))
            .await
    };
    let wrong = submit("shop.example%3A99999").await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let wrong = text_of(wrong).await;
    assert!(wrong.contains("端口必须是 1 到 65535 的数字"), "{wrong}");

    let begun = submit(&format!("127.0.0.1%3A{port}")).await;
    let place = begun.headers().get(header::LOCATION);
    let place = place.and_then(|place| place.to_str().ok());
    let place = place.expect("the page of the trial").to_owned();
    // The stream ends with the trial.
    desk.page(&session, &format!("{place}/live")).await;
    let (_, steps) = desk.page(&session, &place).await;
    let refused = format!("a@shop.example：127.0.0.1 的 {port} 端口拒绝连接");
    assert!(steps.contains(&refused), "{steps}");

    let nowhere = "/mailboxes/01a22009-32ff-74c3-89f7-fdefb9798caa/doctor";
    let (status, gone) = desk.page(&session, nowhere).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(gone.contains("它不存在，或您无权查看。"), "{gone}");
}
