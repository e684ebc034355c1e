//! Mails by the thousand, the same for the same number: sizes as in life
//! (log-normal, median 12 KB), threads, charsets, HTML, attachments.
//!
//! Deliberately absent: mails that are broken; those are in `tests/mails`.

use std::collections::VecDeque;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Of the size of a mail, in bytes.
const SIZE_MEDIAN: f64 = 12_000.0;
/// Standard deviation of its natural logarithm: 10,000 mails make about 420 MB.
const SIZE_SIGMA: f64 = 1.58;
const SIZE_MAX: usize = 12_000_000;
/// The one big mail of `Corpus::with_giant`, in bytes on the wire.
const GIANT: usize = 40_000_000;
/// A mail above this carries its weight as an attachment, below it as text.
const TEXT_MAX: usize = 16_000;
/// One mail in this many begins a thread.
const THREAD_LENGTH: u64 = 3;
/// How many earlier mails a reply may answer.
const RECENT_MAX: usize = 50;

/// An endless supply; take as many as are wanted.
pub struct Corpus {
    random: Random,
    number: u64,
    recent: VecDeque<Parent>,
    giant_at: Option<u64>,
}

#[derive(Clone)]
struct Parent {
    id: String,
    references: String,
    subject: String,
}

/// A text and the name of the charset it is written in.
struct Sample {
    charset: &'static str,
    subject: &'static str,
    line: &'static str,
}

const SAMPLES: [Sample; 6] = [
    Sample {
        charset: "utf-8",
        subject: "Order has not arrived — привет, 你好",
        line: "Grüße from a customer who wrote some of everything: 你好, здравствуйте, ¿qué tal?",
    },
    Sample {
        charset: "us-ascii",
        subject: "Question about my invoice",
        line: "The amount on the invoice is not the amount that was taken from my card.",
    },
    Sample {
        charset: "gb18030",
        subject: "关于订单的问题",
        line: "您好，我上周下的订单到现在还没有收到，请帮我查一下物流信息，谢谢。",
    },
    Sample {
        charset: "iso-2022-jp",
        subject: "注文について",
        line: "お世話になっております。先週注文した商品がまだ届いていません。",
    },
    Sample {
        charset: "koi8-r",
        subject: "Вопрос о доставке",
        line: "Здравствуйте! Заказ до сих пор не пришёл, подскажите, где он сейчас.",
    },
    Sample {
        charset: "iso-8859-1",
        subject: "Réclamation",
        line: "Bonjour, le colis est arrivé abîmé et la pièce commandée manque à l'intérieur.",
    },
];

impl Corpus {
    pub fn new() -> Self {
        Self {
            random: Random(0x9e37_79b9_7f4a_7c15),
            number: 0,
            recent: VecDeque::new(),
            giant_at: None,
        }
    }

    /// The same, but this mail is `GIANT`.
    pub fn with_giant(at: u64) -> Self {
        let giant_at = Some(at);
        Self {
            giant_at,
            ..Self::new()
        }
    }

    /// Draws the size of the next mail.
    pub fn size(&mut self) -> usize {
        if self.giant_at == Some(self.number) {
            return GIANT;
        }
        let size = SIZE_MEDIAN * (SIZE_SIGMA * self.random.normal()).exp();
        (size as usize).clamp(600, SIZE_MAX)
    }

    /// A reply names its parent and its parent's ancestors (RFC 5322 section 3.6.4).
    fn parent(&mut self) -> Option<Parent> {
        let begins = self.recent.is_empty() || self.random.below(THREAD_LENGTH) == 0;
        if begins {
            return None;
        }
        let index = self.random.below(self.recent.len() as u64) as usize;
        self.recent.get(index).cloned()
    }

    fn remember(&mut self, parent: Parent) {
        if self.recent.len() == RECENT_MAX {
            self.recent.pop_front();
        }
        self.recent.push_back(parent);
    }

    fn head(&mut self, sample: &Sample) -> String {
        let number = self.number;
        let id = format!("<{number}.corpus@example.net>");
        let parent = self.parent();
        let subject = match &parent {
            Some(parent) => format!("Re: {}", parent.subject.trim_start_matches("Re: ")),
            None => format!("{} {number}", sample.subject),
        };
        let mut head = String::new();
        let writer = number % 997;
        let (minute, second) = (number / 60 % 60, number % 60);
        let hour = number / 3600 % 24;
        write!(
            head,
            "Received: from mx.example.net by mail.example.com with ESMTPS id {number};\r\n\
             \tTue, 14 Nov 2023 {hour:02}:{minute:02}:{second:02} +0000\r\n\
             From: \"Customer {writer}\" <customer{writer}@example.net>\r\n\
             To: Support <support@example.com>\r\n\
             Subject: {}\r\n\
             Date: Tue, 14 Nov 2023 {hour:02}:{minute:02}:{second:02} +0000\r\n\
             Message-ID: {id}\r\nMIME-Version: 1.0\r\n",
            encoded_word(&subject),
        )
        .unwrap();
        let mut references = String::new();
        if let Some(parent) = parent {
            references = parent.references;
            write!(
                head,
                "In-Reply-To: {}\r\nReferences: {references}\r\n",
                parent.id
            )
            .unwrap();
        }
        // Kept short, as clients do: the root is not needed to find the thread.
        if references.len() > 600 {
            references.clear();
        }
        let references = format!("{references} {id}").trim().to_owned();
        self.remember(Parent {
            id,
            references,
            subject,
        });
        head
    }

    /// A text of about `size` bytes in the sample's charset.
    fn text(&mut self, sample: &Sample, size: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(size + 200);
        let lines = size / sample.line.len().max(1) + 1;
        for number in 0..lines {
            let line = format!(
                "{} {:x}\r\n",
                sample.line,
                self.random.next() ^ number as u64
            );
            out.extend_from_slice(&encode(sample.charset, &line));
        }
        out
    }

    /// Random bytes as base64: they do not compress, as pictures do not.
    fn attachment(&mut self, encoded: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(encoded + encoded / 38);
        let mut line = [0; 57];
        for _ in 0..encoded / 78 + 1 {
            self.random.fill(&mut line);
            let start = out.len();
            out.resize(start + 76, 0);
            let written = STANDARD.encode_slice(line, &mut out[start..]);
            debug_assert_eq!(written, Ok(76));
            out.extend_from_slice(b"\r\n");
        }
        out
    }
}

impl Iterator for Corpus {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let sample = &SAMPLES[self.random.below(SAMPLES.len() as u64) as usize];
        let size = self.size();
        let mut mail = self.head(sample).into_bytes();
        let Sample { charset, .. } = sample;
        let left = size.saturating_sub(mail.len());
        if left < TEXT_MAX / 4 {
            let kind = format!(
                "Content-Type: text/plain; charset={charset}\r\n\
                 Content-Transfer-Encoding: 8bit\r\n\r\n"
            );
            mail.extend_from_slice(kind.as_bytes());
            mail.extend_from_slice(&self.text(sample, left));
        } else {
            self.multipart(&mut mail, sample, left);
        }
        self.number += 1;
        Some(mail)
    }
}

impl Corpus {
    /// Text, the same as HTML, and the rest of the weight as a file.
    fn multipart(&mut self, mail: &mut Vec<u8>, sample: &Sample, size: usize) {
        let Sample { charset, .. } = sample;
        let text = size.min(TEXT_MAX) / 3;
        let file = size.saturating_sub(TEXT_MAX);
        let open = format!(
            "Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n--outer\r\n\
             Content-Type: multipart/alternative; boundary=\"inner\"\r\n\r\n--inner\r\n\
             Content-Type: text/plain; charset={charset}\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n"
        );
        mail.extend_from_slice(open.as_bytes());
        mail.extend_from_slice(&self.text(sample, text));
        let html = format!(
            "--inner\r\nContent-Type: text/html; charset={charset}\r\n\
             Content-Transfer-Encoding: 8bit\r\n\r\n<html><body><p>\r\n"
        );
        mail.extend_from_slice(html.as_bytes());
        mail.extend_from_slice(&self.text(sample, text * 2));
        mail.extend_from_slice(b"</p></body></html>\r\n--inner--\r\n");
        if file > 0 {
            mail.extend_from_slice(
                b"--outer\r\nContent-Type: image/jpeg; name=\"photo.jpg\"\r\n\
                  Content-Disposition: attachment; filename=\"photo.jpg\"\r\n\
                  Content-Transfer-Encoding: base64\r\n\r\n",
            );
            mail.extend_from_slice(&self.attachment(file));
        }
        mail.extend_from_slice(b"--outer--\r\n");
    }
}

/// RFC 2047, in UTF-8 and base64, folded where a word would pass 75 characters.
fn encoded_word(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let mut words = Vec::new();
    let mut chunk = String::new();
    for letter in text.chars() {
        if chunk.len() + letter.len_utf8() > 42 {
            words.push(std::mem::take(&mut chunk));
        }
        chunk.push(letter);
    }
    words.push(chunk);
    let words = words
        .iter()
        .map(|word| format!("=?utf-8?B?{}?=", STANDARD.encode(word)));
    words.collect::<Vec<_>>().join("\r\n ")
}

fn encode(charset: &str, text: &str) -> Vec<u8> {
    let encoding = encoding_rs::Encoding::for_label(charset.as_bytes()).unwrap();
    encoding.encode(text).0.into_owned()
}

/// SplitMix64: small, and the same on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let random = self.next().to_le_bytes();
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    /// Between 0 and 1, without 0.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64
    }

    /// Normally distributed (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.unit().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}
