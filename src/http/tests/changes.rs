//! What the API takes, what it refuses, and in which words; pages of lists.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use serde_json::json;

use super::desk::{Desk, ask};

fn mail(number: u32) -> String {
    format!(
        "From: Customer {number} <c{number}@customer.example>\nTo: support@desk.example\nSubject: Question {number}\nMessage-ID: <q{number}@customer.example>\n\nText {number}\n"
    )
}

#[tokio::test]
async fn refusals_say_what_is_wrong_and_where() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(&mail(1)).await;
    let path = format!("/api/v1/conversations/{conversation}");
    let cases = [
        (
            json!({"status": "done"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "`status` must be open, pending, snoozed or closed, not `done`.",
        ),
        (
            json!({"state": "open"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "unknown field `state`",
        ),
        (
            json!({"state": "open"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "line 1 column 8",
        ),
        (
            json!({"team": "x"}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "`team` must be the id of something",
        ),
        (
            json!({"team": conversation.to_string()}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "There is no such team here.",
        ),
        (
            json!({"add_tags": [","]}),
            StatusCode::UNPROCESSABLE_ENTITY,
            "cannot be a tag",
        ),
    ];
    for (body, status, words) in cases {
        let (found, problem) = desk.api(Method::PATCH, &path, Some(body.clone())).await;
        assert_eq!(found, status, "{body}");
        assert_eq!(problem["status"], status.as_u16(), "{problem}");
        assert!(
            problem["type"]
                .as_str()
                .is_some_and(|name| name.starts_with("/api/v1/problems/")),
            "{problem}"
        );
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains(words)),
            "{problem}"
        );
    }
    let (status, problem) = desk.get("/api/v1/conversations?stauts=open").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("stauts")),
        "{problem}"
    );
    let (status, _) = desk.get("/api/v1/conversations?after=nonsense").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_must_be_json_and_small() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(&mail(1)).await;
    let bearer = format!("Bearer {}", desk.token.expose());
    let post = |kind: &'static str, body: Vec<u8>| {
        ask(
            Method::POST,
            &format!("/api/v1/conversations/{conversation}/notes"),
        )
        .header(header::AUTHORIZATION, &bearer)
        .header(header::CONTENT_TYPE, kind)
        .body(Body::from(body))
        .expect("a request")
    };
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(3 * 1024 * 1024)).into_bytes();
    for (kind, body, status) in [
        (
            "text/plain",
            b"{}".to_vec(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        ("application/json", b"{".to_vec(), StatusCode::BAD_REQUEST),
        ("application/json", large, StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let response = desk.send(post(kind, body)).await;
        assert_eq!(response.status(), status);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }
}

#[tokio::test]
async fn a_conversation_is_changed() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(&mail(1)).await;
    let path = format!("/api/v1/conversations/{conversation}");
    let edit = json!({"status": "pending", "priority": "high", "assignee": desk.operator.id.to_string(), "add_tags": ["Late Delivery"], "remove_tags": ["invoice"]});
    let (status, changed) = desk.api(Method::PATCH, &path, Some(edit)).await;
    assert_eq!(status, StatusCode::OK, "{changed}");
    assert_eq!(changed["status"], "pending");
    assert_eq!(changed["tags"], json!(["late-delivery"]));
    assert_eq!(changed["assignee"]["name"], "Ada Lovelace");
    let (_, changed) = desk
        .api(Method::PATCH, &path, Some(json!({"assignee": null})))
        .await;
    assert_eq!(
        (&changed["assignee"], &changed["priority"]),
        (&json!(null), &json!("high"))
    );
    let (status, note) = desk
        .api(
            Method::POST,
            &format!("{path}/notes"),
            Some(json!({"text": "Called her."})),
        )
        .await;
    assert_eq!(
        (status, &note["direction"]),
        (StatusCode::CREATED, &json!("note"))
    );
    let (_, counts) = desk.get("/api/v1/conversations/counts").await;
    assert_eq!(
        counts,
        json!({"open": 0, "pending": 1, "snoozed": 0, "closed": 0, "spam": 0})
    );
}

#[tokio::test]
async fn lists_come_in_pages_without_gap_or_repetition() {
    let desk = Desk::open().await;
    for number in 1..=7 {
        desk.receive(&mail(number)).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let (status, page) = desk
            .get(&format!("/api/v1/conversations?status=open&limit=3{after}"))
            .await;
        assert_eq!(status, StatusCode::OK, "{page}");
        seen.extend(
            page["items"]
                .as_array()
                .expect("items")
                .iter()
                .map(|item| item["subject"].as_str().expect("text").to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = (1..=7)
        .rev()
        .map(|number| format!("Question {number}"))
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn the_same_idempotency_key_brings_the_same_reply() {
    let desk = Desk::open().await;
    let (_, conversation) = desk.receive(&mail(1)).await;
    let bearer = format!("Bearer {}", desk.token.expose());
    let post = |text: &str| {
        ask(
            Method::POST,
            &format!("/api/v1/conversations/{conversation}/replies"),
        )
        .header(header::AUTHORIZATION, &bearer)
        .header(header::CONTENT_TYPE, "application/json")
        .header("idempotency-key", "k-1")
        .body(Body::from(json!({"text": text}).to_string()))
        .expect("a request")
    };
    let mut ids = Vec::new();
    for (text, status) in [
        ("On its way.", StatusCode::CREATED),
        ("On its way.", StatusCode::OK),
        ("Another text.", StatusCode::CONFLICT),
    ] {
        let response = desk.send(post(text)).await;
        assert_eq!(response.status(), status, "{text}");
        assert_eq!(
            response.headers().contains_key("idempotent-replayed"),
            status == StatusCode::OK
        );
        let body: serde_json::Value =
            serde_json::from_str(&super::desk::text_of(response).await).expect("JSON");
        ids.extend(body["id"].as_str().map(str::to_owned));
    }
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    let (status, outgoing) = desk.get(&format!("/api/v1/outgoing/{}", ids[0])).await;
    assert_eq!(
        (status, &outgoing["state"]),
        (StatusCode::OK, &json!("queued"))
    );
    assert_eq!(outgoing["to"][0]["address"], "c1@customer.example");
    let (status, outgoing) = desk
        .api(
            Method::POST,
            &format!("/api/v1/outgoing/{}/cancel", ids[0]),
            None,
        )
        .await;
    assert_eq!(
        (status, &outgoing["state"]),
        (StatusCode::OK, &json!("cancelled"))
    );
}
