//! A guess of the language of a text, by its script; for Latin letters by a few frequent words.

/// Characters that are looked at.
const LENGTH_MAX: usize = 2_000;
/// Bytes in which frequent words are counted.
const WORDS_LENGTH_MAX: usize = 600;
/// Fewer letters than this say nothing.
const LETTERS_MIN: usize = 2;

/// Frequent short words that few other languages share.
const WORDS: &[(&str, &[&str])] = &[
    (
        "en",
        &[
            "the", "and", "is", "you", "for", "my", "have", "please", "not", "hello", "this",
            "with", "order", "thanks",
        ],
    ),
    (
        "de",
        &[
            "und", "ich", "nicht", "der", "die", "das", "ist", "bitte", "meine", "hallo", "mit",
            "eine",
        ],
    ),
    (
        "fr",
        &[
            "je", "et", "vous", "le", "les", "est", "pas", "bonjour", "merci", "une", "pour", "ma",
        ],
    ),
    (
        "es",
        &[
            "el", "los", "por", "mi", "hola", "gracias", "pedido", "que", "una", "está", "para",
        ],
    ),
    (
        "it",
        &[
            "il",
            "che",
            "non",
            "ciao",
            "grazie",
            "mio",
            "ordine",
            "sono",
            "per",
            "buongiorno",
        ],
    ),
    (
        "pt",
        &[
            "não", "meu", "minha", "olá", "obrigado", "obrigada", "pedido", "uma", "para", "com",
        ],
    ),
    (
        "nl",
        &[
            "het",
            "een",
            "niet",
            "ik",
            "mijn",
            "bestelling",
            "graag",
            "van",
            "hallo",
            "bedankt",
        ],
    ),
    (
        "pl",
        &[
            "nie",
            "jest",
            "się",
            "proszę",
            "dziękuję",
            "zamówienie",
            "zamówienia",
            "dzień",
            "dobry",
            "moje",
        ],
    ),
];

/// A BCP 47 primary tag, or `und`.
#[must_use]
pub(super) fn guess_language(text: &str) -> &'static str {
    let mut counts = [
        ("ja", 0),
        ("ko", 0),
        ("zh", 0),
        ("ru", 0),
        ("ar", 0),
        ("he", 0),
        ("el", 0),
        ("th", 0),
        ("hi", 0),
        ("", 0_usize),
    ];
    for c in text.chars().take(LENGTH_MAX) {
        // The tables of Unicode are slow, so they are asked only about what is left.
        let at = match c {
            '\0'..='\x7F' if c.is_ascii_alphabetic() => 9,
            '\0'..='\x7F' => continue,
            '\u{3040}'..='\u{30FF}' => 0,
            '\u{1100}'..='\u{11FF}' | '\u{AC00}'..='\u{D7AF}' => 1,
            '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}' => 2,
            '\u{0400}'..='\u{052F}' => 3,
            '\u{0600}'..='\u{06FF}' => 4,
            '\u{0590}'..='\u{05FF}' => 5,
            '\u{0370}'..='\u{03FF}' => 6,
            '\u{0E00}'..='\u{0E7F}' => 7,
            '\u{0900}'..='\u{097F}' => 8,
            _ if c.is_alphabetic() => 9,
            _ => continue,
        };
        counts[at].1 += 1;
    }
    let count = |at: usize| counts[at].1;
    // Hanzi carry more than letters do: names and links in Latin letters do not outweigh them.
    let latin = count(9) / 4;
    if count(0) >= LETTERS_MIN && count(0) * 8 > count(2) && count(0) + count(2) > latin {
        return "ja";
    }
    let (language, most) =
        counts[..9].iter().copied().fold(
            ("und", 0),
            |best, next| if next.1 > best.1 { next } else { best },
        );
    if most >= LETTERS_MIN && most > latin {
        return language;
    }
    by_words(text)
}

fn by_words(text: &str) -> &'static str {
    let beginning = text.floor_char_boundary(WORDS_LENGTH_MAX.min(text.len()));
    let lower = text[..beginning].to_lowercase();
    // Split once: what is a letter is asked of Unicode's tables.
    let words: Vec<&str> = lower
        .split(|c: char| !(c.is_ascii_alphabetic() || (!c.is_ascii() && c.is_alphabetic())))
        .filter(|word| !word.is_empty())
        .collect();
    let mut best = ("und", 1);
    for (language, known) in WORDS {
        let hits = words.iter().filter(|word| known.contains(word)).count();
        if hits > best.1 {
            best = (language, hits);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::guess_language;

    #[test]
    fn languages_are_told_apart() {
        for (text, language) in [
            ("Hello, where is my order? Thanks and regards", "en"),
            (
                "Guten Tag, wo ist meine Bestellung? Ich warte und warte",
                "de",
            ),
            ("Dzień dobry, moje zamówienie nie przyszło", "pl"),
            ("您好，我的订单 A-1234567 还没有到", "zh"),
            ("ご注文について、商品が届きません", "ja"),
            ("주문한 상품이 도착하지 않았습니다", "ko"),
            ("Здравствуйте, где мой заказ?", "ru"),
            ("مرحبا أين طلبي", "ar"),
            ("12345", "und"),
            ("", "und"),
        ] {
            assert_eq!(guess_language(text), language, "{text:?}");
        }
    }
}
