//! Ten thousand replies out of the worst that people type, each read again by our own reader
//! and by another one.

use mail_parser::{MessageParser, MimeHeaders as _};

use super::*;

const REPLIES: u64 = 10_000;

/// What names, subjects and files are made of.
const PIECES: &[&str] = &[
    "Anna",
    "张三",
    "Ångström",
    "👩‍👩‍👧",
    "\r\nBcc: x@evil.example",
    "\n\n<script>",
    "\r",
    "\0",
    "\u{85}",
    "\u{2028}",
    "\u{202E}txt",
    "\"",
    "\\",
    ",",
    ";",
    ":",
    "<x@y.z>",
    "(comment)",
    "=?utf-8?B?QQ==?=",
    "=?",
    "?=",
    "%0D%0A",
    "''",
    "*",
    " ",
    "  ",
    "\t",
    ".",
    "..",
    "/",
    "a@b.c",
    "Re: ",
    "--=_",
    "ß",
    "é\u{301}",
    "ﷺ",
    "長い件名がここにあります長い件名がここにあります",
    "averyveryverylongwordwithoutanyblankthatmustbefoldedsomewhereinthemiddleofit",
    "x",
    "\u{FEFF}",
];
/// What texts are made of beside those.
const LINES: &[&str] = &[
    "\n",
    "\r\n",
    "\n.\n",
    "\n..\n",
    "\nFrom here\n",
    "\n> quoted\n>> twice\n",
    "\n-- \n",
    "https://a.example/?q=1&r=\"x\"",
    "[cid:logo]",
    "[cid:other]",
    "trailing  \n",
    "\n--=_0123\n",
    "=3D=",
    "\n\n\n",
];
const LOCALS: &[&str] = &[
    "a",
    "first.last+tag",
    "\"odd name\"",
    "\"a\\\"b\"",
    "o'neil",
    "x_=?y",
    "用户",
    "josé",
    "!#$%&*/=?^`{|}~",
];
const DOMAINS: &[&str] = &["b.c", "shop.example", "例子.中国", "bücher.example"];
const TYPES: &[&str] = &[
    "image/png",
    "text/plain",
    "TEXT/HTML",
    "message/rfc822",
    "multipart/mixed",
    "application/pdf",
    "evil\r\nX: y",
    "",
    "application/vnd.ms-excel",
];

/// A small generator (splitmix64): its cases are the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % most as u64) as usize
    }

    fn of<'p>(&mut self, pieces: &[&'p str]) -> &'p str {
        pieces[self.below(pieces.len())]
    }

    fn words(&mut self, most: usize) -> String {
        (0..self.below(most)).map(|_| self.of(PIECES)).collect()
    }

    fn text(&mut self) -> String {
        let count = self.below(30);
        (0..count)
            .map(|_| {
                if self.below(3) == 0 {
                    self.of(LINES)
                } else {
                    self.of(PIECES)
                }
            })
            .collect()
    }

    fn address(&mut self) -> NamedAddress {
        let text = format!("{}@{}", self.of(LOCALS), self.of(DOMAINS));
        let address = Address::parse(&text).expect("an address");
        NamedAddress::new(Some(&self.words(6)), address)
    }

    fn addresses(&mut self, least: usize) -> Vec<NamedAddress> {
        let count = least + self.below(3);
        (0..count).map(|_| self.address()).collect()
    }
}

#[test]
fn replies_read_as_they_were_meant() {
    const THREADS: u64 = 4;
    std::thread::scope(|scope| {
        for first in 0..THREADS {
            scope.spawn(move || {
                for seed in (first..REPLIES).step_by(THREADS as usize) {
                    one(seed);
                }
            });
        }
    });
}

fn one(seed: u64) {
    let mut dice = Dice(seed);
    let (from, to, cc) = (dice.address(), dice.addresses(1), dice.addresses(0));
    let reply_to = (dice.below(4) == 0).then(|| dice.address());
    let (subject, text, old) = (dice.words(12), dice.text(), dice.text());
    let author = dice.words(4);
    let contents: Vec<(String, &str, Vec<u8>)> = (0..dice.below(4))
        .map(|_| {
            let length = dice.below(200);
            let bytes = (0..length).map(|_| dice.below(256) as u8).collect();
            (dice.words(8), dice.of(TYPES), bytes)
        })
        .collect();
    let files: Vec<File<'_>> = contents
        .iter()
        .enumerate()
        .map(|(at, (name, content_type, bytes))| File {
            name,
            content_type,
            bytes,
            content_id: (at == 1).then_some("logo"),
        })
        .collect();
    let language = dice.of(&["en", "de", "zh", "ja", "pl", "und"]);
    let quotation = (dice.below(2) == 0).then(|| Quotation {
        author: &author,
        at: at().to_zoned(jiff::tz::TimeZone::UTC),
        text: &old,
        language,
    });
    let (own, parent) = (
        id(&format!("own{seed}@shop.example")),
        id("parent@example.com"),
    );
    let composition = Composition {
        from: &from,
        reply_to: reply_to.as_ref(),
        to: &to,
        cc: &cc,
        bcc: &[],
        subject: &subject,
        date: at(),
        message_id: &own,
        answered: (dice.below(2) == 0).then_some(Answered {
            message_id: &parent,
            references: &[],
        }),
        text: &text,
        quotation,
        below: None,
        with_html: dice.below(2) == 0,
        automatic: None,
        files: &files,
    };
    // Our own reader has compared everything when this succeeds.
    let composed = compose(&composition).unwrap_or_else(|error| panic!("{seed}: {error}"));
    compare(&composed, &composition, seed);
}

/// With what another program reads.
fn compare(composed: &Composed, composition: &Composition<'_>, seed: u64) {
    let wire = Wire::new(composition).expect("fine");
    let mail = MessageParser::default()
        .parse(&composed.bytes)
        .expect("a mail");
    let people = |list: Option<&mail_parser::Address<'_>>| -> Vec<(Option<String>, String)> {
        let all = list.map(|list| list.iter().collect::<Vec<_>>());
        let all = all.unwrap_or_default();
        let all = all.iter().map(|one| {
            let name = one.name().map(str::to_owned);
            (name, one.address().unwrap_or_default().to_owned())
        });
        all.collect()
    };
    let asked = |list: &[NamedAddress]| -> Vec<(Option<String>, String)> {
        let all = list.iter().map(|one| {
            let name = one.name().map(str::to_owned);
            // That reader takes the backslashes of a quoted local part away.
            (name, one.address.as_str().replace('\\', ""))
        });
        all.collect()
    };
    assert_eq!(
        people(mail.from()),
        asked(std::slice::from_ref(&wire.from)),
        "{seed}"
    );
    assert_eq!(people(mail.to()), asked(&wire.to), "{seed}");
    assert_eq!(people(mail.cc()), asked(&wire.cc), "{seed}");
    assert_eq!(mail.subject().unwrap_or_default(), wire.subject, "{seed}");
    assert_eq!(
        mail.message_id(),
        Some(composition.message_id.as_str()),
        "{seed}"
    );
    assert!(mail.header("Bcc").is_none() && mail.header("X").is_none());
    let body = as_asked(composition);
    let text = mail.body_text(0).unwrap_or_default().replace("\r\n", "\n");
    let asked = body.text.replace("\r\n", "\n");
    assert_eq!(text.trim_end(), asked.trim_end(), "{seed}");
    if let Some(html) = &body.html {
        let read = mail.body_html(0).unwrap_or_default();
        assert_eq!(read.trim_end(), html.trim_end(), "{seed}");
    }
    let names: Vec<Option<&str>> = mail
        .attachments()
        .map(|one| one.attachment_name())
        .collect();
    let expected: Vec<Option<&str>> = in_order(&wire, composition)
        .map(|(_, name, _)| Some(name))
        .collect();
    assert_eq!(names, expected, "{seed}");
    for (read, (file, ..)) in mail.attachments().zip(in_order(&wire, composition)) {
        // That reader decodes the letters of text; ours has compared its bytes.
        if !file.content_type.to_ascii_lowercase().starts_with("text/") {
            assert_eq!(read.contents(), file.bytes, "{seed}");
        }
    }
}
