//! What a customer writes back when the shop has answered.

use bytes::Bytes;
use jiff::Timestamp;

use crate::domain::address::Address;

use super::cast::{self, Language, Person};
use super::sheet::{Charset, Content, Sheet};
use super::{Boxes, Letter, To, pick, scattered};

/// What comes first, and what comes when that was answered too.
const FIRST: [&str; 4] = [
    "Thank you for the quick answer!\n\nThat sounds good. Is there anything else you need from me?",
    "Thanks, that helps a lot.\n\nHow long will it take until it is here?",
    "That was fast, thank you.\n\nI will try it tonight and let you know whether it worked.",
    "Thank you! Could you please send me that in writing, for my records?",
];
const LAST: [&str; 2] = [
    "Perfect, everything is clear now. Have a nice day!",
    "Wonderful, thank you for your help. You can close this.",
];
const CHINESE_FIRST: [&str; 3] = [
    "谢谢您的快速回复！\n\n请问大概需要几天？",
    "明白了，谢谢。还需要我提供什么资料吗？",
    "好的，我今天晚上试一下，有结果再告诉您。",
];
const CHINESE_LAST: [&str; 2] = [
    "问题解决了，非常感谢！",
    "好的，没有其他问题了，祝工作顺利！",
];

/// How many Message-IDs a thread has when the customer has said all there is to say.
const SAID_ALL: usize = 5;
/// And when the customer says goodbye.
const GOODBYE: usize = 3;

/// The customer's answer to a mail of the shop, as it comes at `now`; `None` where
/// nobody would answer: the thread has come to its end, or a robot wrote.
#[must_use]
pub fn follow_up(
    boxes: &Boxes,
    recipient: &Address,
    sent: &Bytes,
    now: Timestamp,
) -> Option<Letter> {
    let header = Header::read(sent);
    let message_id = header.get("Message-ID")?;
    let automatic = header
        .get("Auto-Submitted")
        .is_some_and(|value| value != "no");
    let references = header.get("References").unwrap_or_default();
    let said = references.split_whitespace().count();
    if automatic || said >= SAID_ALL {
        return None;
    }
    let person = cast::by_address(recipient.as_str()).unwrap_or_else(|| Person {
        name: recipient.local(),
        address: recipient.as_str(),
        language: Language::English,
    });
    let chance = message_id
        .bytes()
        .fold(0, |sum, byte| scattered(sum, byte.into()));
    let text = match (person.language, said >= GOODBYE) {
        (Language::English, false) => pick(&FIRST, chance),
        (Language::English, true) => pick(&LAST, chance),
        (Language::Chinese, false) => pick(&CHINESE_FIRST, chance),
        (Language::Chinese, true) => pick(&CHINESE_LAST, chance),
    };
    let text = format!("{}\n\n{}", text?, person.name);
    // Encoded words stay as they are: they are ASCII.
    let subject = header.get("Subject").unwrap_or_default();
    let subject = match subject.get(..3) {
        Some(prefix) if prefix.eq_ignore_ascii_case("re:") => subject,
        _ => format!("Re: {subject}"),
    };
    let sheet = Sheet {
        from: person,
        to: addressed(boxes, &header),
        subject: &subject,
        at: now,
        id: format!("reply.{:x}.{}", chance, now.as_second()),
        charset: Charset::Utf8,
        fields: vec![
            (
                "References",
                format!("{references} {message_id}").trim().to_owned(),
            ),
            ("In-Reply-To", message_id),
        ],
        content: Content::Text(&text),
    };
    Some(sheet.letter(boxes))
}

/// Which box the mail came from, and so where the answer goes.
fn addressed(boxes: &Boxes, header: &Header) -> To {
    let asked = header.get("Reply-To").or_else(|| header.get("From"));
    let from = asked.unwrap_or_default().to_lowercase();
    if from.contains(&boxes.sales.folded()) {
        To::Sales
    } else if from.contains(&boxes.marketplace.folded()) {
        To::Marketplace
    } else {
        To::Support
    }
}

/// The header of a mail, unfolded, as its bytes stand.
struct Header(Vec<String>);

impl Header {
    fn read(raw: &[u8]) -> Self {
        let end = memchr::memmem::find(raw, b"\r\n\r\n").unwrap_or(raw.len());
        let text = String::from_utf8_lossy(&raw[..end]);
        let unfolded = text.replace("\r\n ", " ").replace("\r\n\t", " ");
        Self(unfolded.lines().map(str::to_owned).collect())
    }

    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            let same = found.eq_ignore_ascii_case(name);
            same.then(|| value.trim().to_owned())
        })
    }
}
