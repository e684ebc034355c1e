//! Mails and what a walk finds in them.

use proptest::prelude::*;

use super::*;

fn walk(raw: &[u8], limits: Limits) -> Walked {
    let mut walk = Walk::new(limits);
    walk.feed(raw);
    walk.finish()
}

/// One line per part: depth, type, body.
fn show(raw: &str) -> Vec<String> {
    let walked = walk(raw.as_bytes(), Limits::default());
    let depth = |mut at: usize| {
        let mut depth = 0;
        while let Some(parent) = walked.parts[at].parent {
            (at, depth) = (parent, depth + 1);
        }
        depth
    };
    let line = |(at, part): (usize, &WalkedPart)| {
        let start = usize::try_from(part.body_range.start).expect("a small mail");
        let end = usize::try_from(part.body_range.end).expect("a small mail");
        let body = &raw[start..end];
        if let Some(kept) = &part.kept {
            assert_eq!(String::from_utf8_lossy(kept), body, "kept is the range");
        }
        let body = if part.header.is_multipart() { "" } else { body };
        format!("{} {} {body:?}", depth(at), part.header.content_type)
    };
    walked.parts.iter().enumerate().map(line).collect()
}

const NESTED: &str = "Content-Type: multipart/mixed; boundary=\"a\"\r\n\r\npreamble\r\n--a\r\n\
Content-Type: multipart/alternative; boundary=\"b\"\r\n\r\n--b\r\n\r\nplain --b in a line\r\n--b and more\r\n--bc\r\n\r\n--b\r\n\
Content-Type: text/html\r\n\r\n<p>x</p>\r\n--b--\r\nepilogue\r\n--a\r\n\
Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=x.pdf\r\n\r\nJVBERi0=\r\n\r\n--a--\r\nend\r\n";

#[test]
fn parts_are_found_where_they_stand() {
    assert_eq!(
        show(NESTED),
        [
            "0 multipart/mixed \"\"",
            "1 multipart/alternative \"\"",
            "2 text/plain \"plain --b in a line\\r\\n--b and more\\r\\n--bc\\r\\n\"",
            "2 text/html \"<p>x</p>\"",
            "1 application/pdf \"JVBERi0=\\r\\n\"",
        ]
    );
    let walked = walk(NESTED.as_bytes(), Limits::default());
    assert!(walked.defects.is_empty());
    assert!(
        walked.parts[4].kept.is_none(),
        "attachments stay in the raw mail"
    );
}

#[test]
fn broken_mails_are_read_as_far_as_they_go() {
    let header = "Content-Type: multipart/mixed; boundary=a\n\n";
    for (body, parts) in [
        ("--a\n\nbare\n--a--\n", vec!["1 text/plain \"bare\""]),
        ("--a\n\nunclosed\n", vec!["1 text/plain \"unclosed\\n\""]),
        ("--a\n\n--a--", vec!["1 text/plain \"\""]),
        ("--a\n--a--", vec!["1 text/plain \"\""]),
        (
            "--a\nX: y\n--a\n\nz\n--a--",
            vec!["1 text/plain \"\"", "1 text/plain \"z\""],
        ),
        ("--a  \n\nx\n--a-- \t", vec!["1 text/plain \"x\""]),
        (
            "--a\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nsame\n--a--\n--a\n\nouter\n--a--",
            vec![
                "1 multipart/mixed \"\"",
                "2 text/plain \"same\"",
                "1 text/plain \"outer\"",
            ],
        ),
        (
            "--a\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\ninner\n--a\n\nouter\n--a--",
            vec![
                "1 multipart/mixed \"\"",
                "2 text/plain \"inner\"",
                "1 text/plain \"outer\"",
            ],
        ),
        (
            "--a\nContent-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c--\n--a--",
            vec![
                "1 message/rfc822 \"Content-Type: multipart/mixed; boundary=c\\n\\n--c\\n\\nx\\n--c--\"",
            ],
        ),
        ("no boundary at all", vec![]),
        ("", vec![]),
    ] {
        let mut all = vec!["0 multipart/mixed \"\"".to_owned()];
        all.extend(parts.iter().map(|part| (*part).to_owned()));
        assert_eq!(show(&format!("{header}{body}")), all, "{body:?}");
    }
    assert_eq!(show(""), ["0 text/plain \"\""]);
    assert_eq!(show("Subject: x"), ["0 text/plain \"\""]);
    assert_eq!(show("\r\nbody only"), ["0 text/plain \"body only\""]);
    assert_eq!(
        show("Content-Type: multipart/mixed\r\n\r\nx"),
        ["0 text/plain \"x\""]
    );
}

#[test]
fn what_is_too_complex_is_a_defect_and_not_a_failure() {
    let limits = Limits {
        depth_max: 3,
        parts_max: 10,
        header_max: 100,
        ..Limits::default()
    };
    let deep: String = (0..20)
        .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n"))
        .collect();
    let wide = format!(
        "Content-Type: multipart/mixed; boundary=b\n\n{}",
        "--b\n\nx\n".repeat(50)
    );
    let long = format!("Subject: {}\n\nbody", "x".repeat(500));
    for (raw, parts) in [(deep, 4), (wide, 10), (long, 1)] {
        let walked = walk(raw.as_bytes(), limits);
        assert!(walked.defects.contains(&Defect::TooComplex), "{raw}");
        assert_eq!(walked.parts.len(), parts);
        assert_eq!(walked.size, raw.len() as u64);
    }
}

#[test]
fn text_is_kept_up_to_its_bound() {
    let limits = Limits {
        text_max: 10,
        ..Limits::default()
    };
    let walked = walk(b"Subject: x\n\n0123456789abc", limits);
    assert_eq!(walked.parts[0].kept.as_deref(), Some(&b"0123456789"[..]));
    assert_eq!(walked.parts[0].body_range, 12..25);
    assert!(walked.defects.contains(&Defect::TextCut));
}

#[test]
fn a_large_attachment_is_not_held() {
    let mut walk = Walk::default();
    walk.feed(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhello\r\n--b\r\nContent-Type: image/png\r\n\r\n");
    let chunk =
        b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhf\r\n".repeat(1_000);
    for _ in 0..100 {
        walk.feed(&chunk);
        assert!(walk.held.len() <= BOUNDARY_LINE_MAX && walk.kept_total < 100);
    }
    walk.feed(b"--b--\r\n");
    let walked = walk.finish();
    let range = &walked.parts[2].body_range;
    assert_eq!(range.end - range.start, 100 * chunk.len() as u64 - 2);
}

#[test]
fn the_fingerprint_does_not_depend_on_line_endings() {
    let lf = NESTED.replace("\r\n", "\n");
    let fingerprint = |raw: &str| walk(raw.as_bytes(), Limits::default()).fingerprint;
    assert_eq!(fingerprint(NESTED), fingerprint(&lf));
    assert_ne!(
        fingerprint(NESTED),
        fingerprint(&NESTED.replace("plain", "plane"))
    );
}

fn any_mail() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "-",
        "--",
        "--a",
        "--a--",
        "--b",
        "--b\r\n",
        "--a\n",
        " ",
        "x",
        "Subject: y",
        "Content-Type: multipart/mixed; boundary=a\n\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        "Content-Type: message/rfc822\n\n",
        "Content-Disposition: attachment\n",
        "\n--a\n\n",
        "é",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same(raw in any_mail(), size in 1usize..9) {
        let limits = Limits { header_max: 120, part_header_max: 90, text_max: 40, text_total_max: 60, parts_max: 6, depth_max: 3 };
        for limits in [limits, Limits::default()] {
            let whole = walk(&raw, limits);
            let mut walk = Walk::new(limits);
            raw.chunks(size).for_each(|chunk| walk.feed(chunk));
            prop_assert_eq!(whole, walk.finish());
        }
    }

    #[test]
    fn ranges_stay_within_the_mail(raw in any_mail()) {
        let walked = walk(&raw, Limits::default());
        prop_assert_eq!(walked.size, raw.len() as u64);
        for part in &walked.parts {
            prop_assert!(part.header_range.start <= part.header_range.end);
            prop_assert!(part.header_range.end <= part.body_range.start);
            prop_assert!(part.body_range.start <= part.body_range.end);
            prop_assert!(part.body_range.end <= walked.size);
        }
    }

    #[test]
    fn no_bytes_stop_the_walk(raw: Vec<u8>) {
        let walked = walk(&raw, Limits::default());
        prop_assert!(!walked.parts.is_empty());
    }
}
