//! injection: what strangers write never becomes a header, a command, a script, a path or a log line with a secret.
//!
//! The whole gateway in this process, between a practice provider and an SMTP sink,
//! asked over a real socket by hand.

mod house;

use serde_json::json;

use self::house::{House, PASSWORD};

/// A customer's mail with everything in it that has ever broken out somewhere.
const HOSTILE: &str = concat!(
    "From: =?utf-8?Q?=3Cscript=3Ealert(1)=3C/script=3E=0D=0ABcc:_evil@example.org?= <ann@example.net>\r\n",
    "To: help@shop.example\r\n",
    "Subject: =?utf-8?Q?=3Cimg_src=3Dx_onerror=3Dalert(2)=3E=0D=0AX-Injected:_yes?=\r\n",
    "Message-ID: <hostile@example.net>\r\n",
    "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n",
    "--b\r\nContent-Type: text/html\r\n\r\n",
    "<p>hello</p><script>alert(3)</script><img src=x onerror=alert(4)>\r\n",
    "--b\r\nContent-Type: image/svg+xml; name=\"../../etc/x.svg\"\r\n",
    "Content-Disposition: attachment; filename*=utf-8''..%2F..%2Fevil%E2%80%AEgpj%0D%0ASet-Cookie%3A%20a.svg\r\n\r\n",
    "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(5)</script></svg>\r\n",
    "--b\r\nContent-Type: text/html; name=page.html\r\nContent-Disposition: attachment\r\n\r\n",
    "<script>alert(6)</script>\r\n--b--\r\n"
);

fn question(id: &str, from: &str, more: &str) -> String {
    format!(
        "From: {from}\r\nTo: help@shop.example\r\nSubject: {id}\r\nMessage-ID: <{id}@example.net>\r\n{more}\r\nabout {id}\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reply_says_stays_in_its_place_up_to_the_smtp_peer() {
    let house = Box::pin(House::open()).await;
    let conversation = house
        .receive(&question("order", "ann@example.net", ""))
        .await;
    let path = format!("/api/v1/conversations/{conversation}/replies");
    let text = "first\n.\nQUIT\n.\r\n.\r\nMAIL FROM:<evil@example.org>\n..\n.dot\rend";
    let whole = json!({ "text": text, "quote_history": false });
    let answer = house.post(&path, &whole);
    assert_eq!(answer.status, 201, "{answer:?}");
    let mails = house.sent(1).await;
    let mail = String::from_utf8(mails[0].mail.clone()).unwrap();
    assert!(
        mail.contains(
            "\r\n\r\nfirst\r\n.\r\nQUIT\r\n.\r\n.\r\nMAIL FROM:<evil@example.org>\r\n..\r\n.dot\r\nend"
        ),
        "{mail}"
    );

    let break_out = "x\r\nBcc: evil@example.org\r\n\r\n<script>";
    let tries = [
        json!({ "text": "1", "quote_history": false, "subject": break_out }),
        json!({ "text": "2", "quote_history": false,
                "to": [{ "address": "ann@example.net", "name": break_out }] }),
        json!({ "text": "3", "quote_history": false,
                "to": [{ "address": "ann@example.net\r\nRCPT TO:<evil@example.org>" }] }),
        json!({ "text": "4", "quote_history": false,
                "to": [{ "address": "\"a\r\nBcc: evil@example.org\"@example.net" }] }),
    ];
    let mut taken = 1;
    for reply in &tries {
        let answer = house.post(&path, reply);
        assert!(
            matches!(answer.status, 201 | 400 | 422),
            "{reply}: {answer:?}"
        );
        taken += usize::from(answer.status == 201);
    }
    for mail in house.sent(taken).await {
        assert_eq!(mail.to, ["ann@example.net"]);
        let mail = String::from_utf8(mail.mail).unwrap();
        let head = mail.split_once("\r\n\r\n").unwrap().0;
        let injected = head
            .lines()
            .any(|line| line.to_lowercase().starts_with("bcc:") || line.starts_with("<script>"));
        assert!(!injected, "{mail}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_full_of_script_is_text_in_answers_and_on_pages() {
    let house = Box::pin(House::open()).await;
    let conversation = house.receive(HOSTILE).await;
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let message = house.get(&path).json()["items"][0].clone();
    let subject = message["subject"].as_str().unwrap();
    assert!(!subject.contains(['\r', '\n']), "{subject:?}");
    let files = message["attachments"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{message}");
    for (place, file) in files.iter().enumerate() {
        let name = file["name"].as_str().unwrap();
        let unsafe_in_names = ['/', '\\', '\r', '\n', '\u{202e}'];
        assert!(!name.contains(unsafe_in_names), "{name:?}");
        let id = message["id"].as_str().unwrap();
        let answer = house.get(&format!("/api/v1/messages/{id}/attachments/{place}"));
        assert_eq!(answer.status, 200, "{answer:?}");
        assert!(
            answer
                .header("content-disposition")
                .starts_with("attachment")
        );
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").contains("sandbox"));
        assert_eq!(answer.header("set-cookie"), "");
    }

    let cookie = house.log_in().await;
    let with = [("Cookie", cookie.as_str())];
    let pages = [
        "/conversations".to_owned(),
        format!("/conversations/{conversation}"),
        format!("/messages/{}/frame", message["id"].as_str().unwrap()),
    ];
    for page in pages {
        let answer = house.ask("GET", &page, &with, b"");
        assert_eq!(answer.status, 200, "{page}: {answer:?}");
        let html = answer.text();
        for script in ["<script>alert", "<img src=x", "onerror=alert(4)", "<svg"] {
            assert!(!html.contains(script), "{page}: {script} in {html}");
        }
        let policy = answer.header("content-security-policy");
        assert!(
            !policy.is_empty() && !policy.contains("'unsafe-inline' script"),
            "{policy}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knows_an_id_does_not_sit_in_the_thread_unseen() {
    let house = Box::pin(House::open()).await;
    let first = house
        .receive(&question("order", "ann@example.net", ""))
        .await;
    let path = format!("/api/v1/conversations/{first}/replies");
    assert_eq!(house.post(&path, &json!({ "text": "ours" })).status, 201);
    let ours = String::from_utf8(house.sent(1).await[0].mail.clone()).unwrap();
    let id = ours
        .lines()
        .find_map(|line| line.strip_prefix("Message-ID: "))
        .unwrap()
        .to_owned();
    // A token of our shape that we never made: its first character is another one.
    let forged = match id.as_bytes()[1] {
        b'a' => id.replacen("<a", "<b", 1),
        _ => format!("<a{}", &id[2..]),
    };
    for (subject, known) in [("known", id.as_str()), ("theirs", "<order@example.net>")] {
        let mail = question(
            subject,
            "eve@example.org",
            &format!("In-Reply-To: {known}\r\n"),
        );
        let joined = house.receive(&mail).await;
        let message = house.message(&format!("<{subject}@example.net>"));
        assert!(joined != first || message.new_participant, "{message:?}");
    }
    // The answer goes to the customer, not to whoever wrote last.
    assert_eq!(house.post(&path, &json!({ "text": "again" })).status, 201);
    assert_eq!(house.sent(2).await[1].to, ["ann@example.net"]);
    let mail = question(
        "forged",
        "eve@example.org",
        &format!("In-Reply-To: {forged}\r\n"),
    );
    let other = house.receive(&mail).await;
    assert_ne!(other, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_leads_to_a_file_and_no_request_to_a_failure() {
    let house = Box::pin(House::open()).await;
    let cookie = house.log_in().await;
    let paths = [
        "/assets/../../Cargo.toml",
        "/assets/..%2f..%2fCargo.toml",
        "/assets/%2e%2e/%2e%2e/postern.redb",
        "/assets/....//postern.redb",
        "/assets/%00",
        "/api/v1/messages/..%2f..%2fkeys/raw",
        "/api/v1/messages/00000000-0000-0000-0000-000000000000/attachments/-1",
        "/api/v1/messages/00000000-0000-0000-0000-000000000000/attachments/99999999999999999999",
        "/api/v1/conversations/%F0%28%8C%28",
        "/conversations/'%20or%201=1--",
        "/conversations?after=%00%ff",
        "/api/v1/events?after=18446744073709551616",
        "//evil.example/conversations",
        "/login/%0d%0aSet-Cookie:%20a=b",
    ];
    for path in paths {
        for header in [
            ("Cookie", cookie.as_str()),
            ("Authorization", house.bearer()),
        ] {
            let answer = house.ask("GET", path, &[header], b"");
            assert!(answer.status < 500, "{path}: {answer:?}");
            let text = answer.text();
            assert!(
                !text.contains("[package]") && !text.contains("redb\u{1a}"),
                "{path}"
            );
            assert_eq!(answer.header("set-cookie"), "", "{path}");
        }
    }
    let long = "a".repeat(2 * 1024 * 1024);
    let refused = house.try_ask("GET", "/conversations", &[("X-Long", &long)], b"");
    assert!(refused.is_none_or(|answer| (400..500).contains(&answer.status)));
    let huge = vec![b' '; 4 * 1024 * 1024];
    let bearer = [("Authorization", house.bearer())];
    let refused = house.try_ask("POST", "/api/v1/mailboxes/probe", &bearer, &huge);
    assert!(refused.is_none_or(|answer| (400..500).contains(&answer.status)));
    // And it still answers.
    assert_eq!(house.get("/api/v1/mailboxes").status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_log_no_answer_and_no_file() {
    let house = Box::pin(House::open()).await;
    let conversation = house
        .receive(&question("order", "ann@example.net", ""))
        .await;
    let path = format!("/api/v1/conversations/{conversation}/replies");
    assert_eq!(house.post(&path, &json!({ "text": "yes" })).status, 201);
    house.sent(1).await;
    let cookie = house.log_in().await;
    let wrong = house.probe_with("Canary-of-a-wrong-password").await;
    let mut seen = vec![
        ("the answer to a wrong password", wrong.into_bytes()),
        (
            "the list of the command line",
            house.listed().await.into_bytes(),
        ),
    ];
    for path in [
        "/api/v1/mailboxes",
        "/api/v1/conversations",
        "/api/v1/events",
    ] {
        seen.push((path, house.get(path).body));
    }
    let with = [("Cookie", cookie.as_str())];
    seen.push(("a page", house.ask("GET", "/mailboxes", &with, b"").body));
    seen.push(("the log", house::logged()));
    let files = Box::pin(house.close()).await;
    assert!(files.iter().any(|(name, _)| name.ends_with("postern.redb")));
    let secrets = [
        PASSWORD.to_owned(),
        "Canary-of-a-wrong-password".to_owned(),
        files.token.clone(),
        cookie.split_once('=').unwrap().1.to_owned(),
    ];
    for secret in &secrets {
        let forms = house::forms_of(secret);
        for (place, bytes) in seen.iter().map(|(place, bytes)| (*place, bytes)) {
            assert!(!house::holds(bytes, &forms), "{secret} in {place}");
        }
        for (name, bytes) in files.iter() {
            assert!(!house::holds(bytes, &forms), "{secret} in {name}");
        }
    }
    let log = String::from_utf8_lossy(&house::logged()).into_owned();
    assert!(log.contains("Postern is up"), "nothing was logged at all");
}

/// Who is answered, and what is shown of the author, for these header fields.
async fn answered(
    house: &House,
    id: &str,
    from: &str,
    fields: &str,
) -> (String, serde_json::Value) {
    let conversation = house.receive(&question(id, from, fields)).await;
    let path = format!("/api/v1/conversations/{conversation}/messages");
    let message = house.get(&path).json()["items"][0].clone();
    let path = format!("/api/v1/conversations/{conversation}/replies");
    let answer = house.post(&path, &json!({ "text": id, "quote_history": false }));
    assert_eq!(answer.status, 201, "{answer:?}");
    let to = answer.json()["to"][0]["address"]
        .as_str()
        .unwrap()
        .to_owned();
    (to, message)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_names_the_writer_whose_place_it_took_and_nobody_else_can() {
    let house = Box::pin(House::open()).await;
    let list = "List-Id: <support.groups.example>\r\n";
    let (to, message) = answered(
        &house,
        "group",
        "Ann via Support <support@groups.example>",
        &format!("X-Original-From: Ann Smith <ann@example.net>\r\n{list}"),
    )
    .await;
    assert_eq!(to, "ann@example.net");
    assert_eq!(message["from"]["address"], "support@groups.example");
    assert_eq!(message["writer"]["address"], "ann@example.net");
    assert_eq!(message["writer"]["name"], "Ann Smith");

    for (id, from, fields) in [
        ("bare", "eve@example.org", String::new()),
        ("other-list", "eve@example.org", list.to_owned()),
        ("neighbour", "eve@groups.example", list.to_owned()),
    ] {
        let fields = format!(
            "X-Original-From: boss@shop.example\r\nX-Google-Original-From: boss@shop.example\r\n{fields}"
        );
        let (to, message) = answered(&house, id, from, &fields).await;
        assert_eq!(to, from, "{id}");
        assert!(message["writer"].is_null(), "{id}: {message}");
    }

    let fields = "Reply-To: claims@elsewhere.example\r\n";
    let (to, message) = answered(&house, "elsewhere", "bob@example.net", fields).await;
    assert_eq!(to, "claims@elsewhere.example");
    assert_eq!(message["reply_to_elsewhere"], true);
    let near = "Reply-To: desk@example.net\r\n";
    let (_, message) = answered(&house, "near", "carl@example.net", near).await;
    assert_eq!(message["reply_to_elsewhere"], false);
}
