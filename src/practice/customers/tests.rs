//! What every letter must be, and that the demo has what it is to show.

use std::collections::BTreeSet;

use super::*;

fn boxes() -> Boxes {
    Boxes::of_the_demo().expect("they are addresses")
}

fn noon() -> Timestamp {
    "2026-05-06T12:00:00Z".parse().expect("a date")
}

fn text(letter: &Letter) -> String {
    String::from_utf8(letter.raw.to_vec()).expect("ASCII on the wire")
}

fn field(letter: &Letter, name: &str) -> Option<String> {
    let text = text(letter).replace("\r\n ", " ");
    let prefix = format!("{name}: ");
    text.lines()
        .take_while(|line| !line.is_empty())
        .find_map(|line| line.strip_prefix(&prefix).map(str::to_owned))
}

/// What every mail must be: ASCII, CRLF only, dated, with an id of its own.
fn check(letters: &[Letter]) {
    let mut ids = BTreeSet::new();
    for letter in letters {
        let text = text(letter);
        assert!(text.is_ascii());
        assert_eq!(text.replace("\r\n", "").find(['\r', '\n']), None, "{text}");
        assert!(text.lines().all(|line| line.len() <= 998));
        assert_eq!(field(letter, "To").as_deref(), Some(letter.to.as_str()));
        assert!(field(letter, "Date").is_some_and(|date| date.contains("2026")));
        assert!(ids.insert(field(letter, "Message-ID").expect("an id")));
    }
}

#[test]
fn the_opening_is_complete_and_in_order() {
    let letters = first_letters(&boxes(), noon());
    check(&letters);
    assert!(letters.len() >= 12);
    assert!(letters.is_sorted_by_key(|letter| letter.at));
    assert!(letters.iter().all(|letter| letter.at < noon()));
    let all: String = letters.iter().map(text).collect();
    for needed in [
        "charset=GB2312",
        "charset=GB18030",
        "Auto-Submitted: auto-replied",
        "report-type=delivery-status",
        "List-Id:",
        "Order: 302-8841907-5561122",
        "text/html",
        "filename=\"PO-4471.pdf\"",
        "In-Reply-To: <maya.",
    ] {
        assert!(all.contains(needed), "{needed}");
    }
    let reached: BTreeSet<_> = letters.iter().map(|letter| letter.to.clone()).collect();
    assert_eq!(reached.len(), 3);
}

#[test]
fn visitors_are_endless_varied_and_repeatable() {
    let letters: Vec<_> = (0..200).map(|n| letter(&boxes(), 7, n, noon())).collect();
    check(&letters);
    assert_eq!(letter(&boxes(), 7, 42, noon()).raw, letters[42].raw);
    let bodies: BTreeSet<_> = letters
        .iter()
        .map(text)
        .filter(|t| t.contains("{"))
        .collect();
    assert!(bodies.is_empty(), "a place was not filled in");
    let subjects: BTreeSet<_> = letters.iter().map(|l| field(l, "Subject")).collect();
    assert!(subjects.len() > 60, "{}", subjects.len());
    assert!(letters.iter().any(|l| l.to == boxes().marketplace));
    assert!((0..200).all(|n| (20..=90).contains(&pause(7, n).as_secs())));
}

#[test]
fn customers_answer_and_come_to_an_end() {
    let customer = Address::parse("liujianguo@beifang-dengju.example").expect("an address");
    let mut references = "<a@x.example>".to_owned();
    let mut answers = Vec::new();
    for turn in 0..4 {
        let sent = format!(
            "From: Sales <sales@lumenhaus.example>\r\nSubject: RE: Offer\r\n\
             Message-ID: <ours.{turn}@lumenhaus.example>\r\nReferences: {references}\r\n\r\nYes\r\n"
        );
        let Some(answer) = follow_up(&boxes(), &customer, &Bytes::from(sent), noon()) else {
            break;
        };
        let ours = format!("<ours.{turn}@lumenhaus.example>");
        assert_eq!(field(&answer, "In-Reply-To"), Some(ours));
        assert_eq!(field(&answer, "Subject").as_deref(), Some("RE: Offer"));
        let id = field(&answer, "Message-ID").expect("an id");
        references = format!("{} {id}", field(&answer, "References").expect("references"));
        answers.push(answer);
    }
    check(&answers);
    assert_eq!(answers.len(), 2, "an answer, a goodbye, silence");
    assert!(answers.iter().all(|answer| answer.to == boxes().sales));

    let stranger = Address::parse("judge@example.net").expect("an address");
    let sent = "Message-ID: <s@x.example>\r\nSubject: Hi\r\n\r\n";
    let answer = follow_up(&boxes(), &stranger, &Bytes::from(sent), noon()).expect("an answer");
    let from = field(&answer, "From");
    assert_eq!(from.as_deref(), Some("judge <judge@example.net>"));

    let robot = "Message-ID: <r@x.example>\r\nAuto-Submitted: auto-generated\r\n\r\n";
    let none = follow_up(&boxes(), &customer, &Bytes::from(robot), noon());
    assert!(none.is_none());
}
