//! The form of a reply with its files, as a browser without script sends it.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};

use super::desk::{Desk, ask, text_of};

const QUESTION: &str = "From: Anna <anna@example.org>\nTo: support@desk.example\nCc: boss@example.org\nSubject: Where is it?\nMessage-ID: <q@example.org>\n\nHello.\n";
const BOUNDARY: &str = "----form";

/// Fields, and files where there is a name.
fn multipart(fields: &[(&str, Option<&str>, &str)]) -> String {
    let mut body = String::new();
    for (name, file, value) in fields {
        body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"");
        if let Some(file) = file {
            body += &format!("; filename=\"{file}\"\r\nContent-Type: text/plain");
        }
        body += &format!("\r\n\r\n{value}\r\n");
    }
    body += &format!("--{BOUNDARY}--\r\n");
    body
}

#[tokio::test]
async fn files_go_along_and_stay_when_the_reply_is_refused() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(QUESTION).await;
    let path = format!("/conversations/{conversation}");
    let session = desk.session().await;
    let (_, page) = desk.page(&session, &path).await;
    let value = |page: &str, name: &str| {
        let rest = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
        let value = rest.and_then(|rest| rest.split('"').next());
        value.expect("a value").to_owned()
    };
    assert_eq!(value(&page, "to"), "Anna &#60;anna@example.org&#62;");
    assert_eq!(value(&page, "cc"), "boss@example.org");
    let token = value(&page, "form_token");
    let send = |body: String| {
        let request = ask(Method::POST, &format!("{path}/reply"))
            .header(header::COOKIE, &session)
            .header("sec-fetch-site", "same-origin")
            .header(
                header::CONTENT_TYPE,
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .body(Body::from(body))
            .expect("a request");
        desk.send(request)
    };
    // Without the token in front nothing is taken in.
    let forged = multipart(&[("file", Some("a.txt"), "x"), ("form_token", None, &token)]);
    assert_eq!(send(forged).await.status(), StatusCode::FORBIDDEN);

    let fields = [
        ("form_token", None, token.as_str()),
        ("key", None, "one"),
        ("to", None, "nobody"),
        ("text", None, "Here it is."),
        ("file", Some("a.txt"), "hello"),
        ("file", Some(""), ""),
    ];
    let refused = send(multipart(&fields)).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = text_of(refused).await;
    assert!(
        page.contains("nobody") && page.contains("Here it is."),
        "{page}"
    );
    let kept = value(&page, "upload");
    assert!(kept.ends_with(" a.txt"), "{kept}");
    let fields = [
        ("form_token", None, token.as_str()),
        ("key", None, "two"),
        ("to", None, "Anna <anna@example.org>"),
        ("cc", None, ""),
        ("text", None, "Here it is."),
        ("upload", None, kept.as_str()),
        ("file", Some("b.txt"), "again"),
    ];
    let taken = send(multipart(&fields)).await;
    assert_eq!(taken.status(), StatusCode::SEE_OTHER);
    let (_, page) = desk.page(&session, &path).await;
    assert_eq!(page.matches("fate-queued").count(), 1, "{page}");
}
