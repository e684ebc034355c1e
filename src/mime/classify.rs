//! What sort of mail it is (RFC 3834, RFC 3464, RFC 2369, RFC 2919, RFC 8098, RFC 6047).
//!
//! Anything but [`Kind::Personal`] is never answered automatically, so a strong sign suffices; weak signs
//! count in pairs. `X-Auto-Response-Suppress` alone is no sign: Outlook sets it on people's mail.

use crate::domain::address::Address;
use crate::domain::message::Kind;

use super::header::{HeaderBlock, words::decode_text};
use super::walk::Walked;

/// How the subject of an automatic reply begins, in lower case; a colon follows.
const REPLY_SUBJECTS: &[&str] = &[
    "automatic reply",
    "auto reply",
    "auto-reply",
    "autoreply",
    "auto response",
    "auto-response",
    "autoresponse",
    "out of office",
    "automatische antwort",
    "abwesenheitsnotiz",
    "réponse automatique",
    "respuesta automática",
    "resposta automática",
    "risposta automatica",
    "automatisch antwoord",
    "automatiskt svar",
    "autosvar",
    "automatisk svar",
    "automaattinen vastaus",
    "odpowiedź automatyczna",
    "automatická odpověď",
    "automatikus válasz",
    "răspuns automat",
    "автоответ",
    "автоматический ответ",
    "автоматична відповідь",
    "otomatik yanıt",
    "αυτόματη απάντηση",
    "trả lời tự động",
    "balasan otomatis",
    "自动回复",
    "自动答复",
    "自動回覆",
    "自動回信",
    "自動返信",
    "自動応答",
    "不在通知",
    "자동 회신",
    "자동회신",
    "자동 응답",
    "부재중",
    "תשובה אוטומטית",
    "رد تلقائي",
    "ตอบกลับอัตโนมัติ",
];

/// Words in a subject that make an automatic reply likely, in lower case.
const REPLY_WORDS: &[&str] = &[
    "out of office",
    "out of the office",
    "on vacation",
    "away from my mail",
    "abwesen",
    "nicht im büro",
    "absence du bureau",
    "absent du bureau",
    "fuera de la oficina",
    "fora do escritório",
    "fuori sede",
    "afwezig",
    "frånvaro",
    "fravær",
    "poissa",
    "nieobecno",
    "нет на месте",
    "отсутств",
    "外出",
    "休假",
    "不在",
    "휴가",
    "auto",
    "自动",
    "自動",
    "자동",
];

/// Local parts of addresses that nobody reads, in lower case, without `-`, `_` and `.`.
const NO_REPLY: &[&str] = &[
    "noreply",
    "donotreply",
    "dontreply",
    "nereply",
    "nepasrepondre",
    "keineantwort",
];

/// Senders of bounces.
const BOUNCERS: &[&str] = &[
    "mailer-daemon",
    "postmaster",
    "mail-daemon",
    "mailerdaemon",
    "mail delivery system",
];

/// Words in the subject of a bounce, in lower case.
const BOUNCE_WORDS: &[&str] = &[
    "undeliver",
    "delivery status",
    "delivery fail",
    "failure notice",
    "returned mail",
    "mail delivery failed",
    "returned to sender",
    "nicht zugestellt",
    "unzustellbar",
    "non remis",
    "no se puede entregar",
    "退信",
    "退回",
    "无法投递",
    "投递失败",
    "配信不能",
    "не доставлено",
    "mail system error",
    "未送达",
    "未能送达",
    "传递失败",
    "投递延迟",
    "delayed",
    "could not send",
];

/// Decides.
#[must_use]
pub(super) fn classify(walked: &Walked, from: Option<&Address>, subject: &str) -> Kind {
    let header = &walked.header;
    let subject = subject.to_lowercase();
    if is_bounce(walked, from, &subject) {
        return Kind::Bounce;
    }
    if is_report(walked, "disposition-notification") {
        return Kind::ReadReceipt;
    }
    if is_automatic_reply(header, &subject) {
        return Kind::AutomaticReply;
    }
    if is_of_list(header) {
        return Kind::List;
    }
    if walked
        .parts
        .iter()
        .any(|part| part.header.content_type == "text/calendar")
    {
        return Kind::Invitation;
    }
    if is_automatic(header, from) {
        return Kind::Automatic;
    }
    Kind::Personal
}

/// A field in lower case, up to the first `;` or comment.
fn value(header: &HeaderBlock, name: &str) -> String {
    let text = header
        .first(name)
        .map(|value| decode_text(&value[..value.len().min(200)], None));
    let text = text.unwrap_or_default().to_lowercase();
    text.split([';', '('])
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// RFC 6522: multipart/report of a certain type.
fn is_report(walked: &Walked, report_type: &str) -> bool {
    let status = format!("message/{report_type}");
    walked.parts.first().is_some_and(|top| {
        top.header.content_type == "multipart/report"
            && match &top.header.report_type {
                Some(kind) => kind.eq_ignore_ascii_case(report_type),
                None => walked
                    .parts
                    .iter()
                    .any(|part| part.header.content_type == status),
            }
    })
}

/// RFC 5321 section 4.5.5: the reverse-path of notifications is empty.
fn has_null_return_path(header: &HeaderBlock) -> bool {
    header
        .first("return-path")
        .is_some_and(|path| path.trim_ascii() == b"<>")
}

/// RFC 2369, RFC 2919, and what lists did before them.
fn is_of_list(header: &HeaderBlock) -> bool {
    let fields = [
        "list-id",
        "list-post",
        "list-unsubscribe",
        "list-help",
        "list-subscribe",
        "list-owner",
        "list-archive",
        "x-mailing-list",
    ];
    fields.iter().any(|name| header.has(name)) || precedences(header).any(|one| one == "list")
}

/// RFC 3834 section 3.1.8 has the field; some put it under another name.
fn precedences(header: &HeaderBlock) -> impl Iterator<Item = String> {
    ["precedence", "x-precedence"]
        .into_iter()
        .map(|name| value(header, name))
}

fn is_bounce(walked: &Walked, from: Option<&Address>, subject: &str) -> bool {
    let header = &walked.header;
    if is_report(walked, "delivery-status") || header.has("x-failed-recipients") {
        return true;
    }
    let local = from
        .map(|from| from.local().to_lowercase())
        .unwrap_or_default();
    let bouncer = BOUNCERS.contains(&local.as_str()) || is_exchange(&local);
    let words = BOUNCE_WORDS.iter().any(|word| subject.contains(word));
    words && (bouncer || has_null_return_path(header))
}

fn is_automatic_reply(header: &HeaderBlock, subject: &str) -> bool {
    // RFC 3834 section 5.
    if value(header, "auto-submitted").starts_with("auto-replied") {
        return true;
    }
    let precedence =
        |wanted: &[&str]| precedences(header).any(|one| wanted.contains(&one.as_str()));
    let marked = [
        "x-autoreply",
        "x-autorespond",
        "x-autoresponder",
        "x-auto-reply",
        "x-autoreply-from",
        "x-mail-autoreply",
    ]
    .iter()
    .any(|name| header.has(name) && value(header, name) != "no");
    // RFC 3834 section 3.1.7: whoever answers by itself may say so there.
    let answers = header
        .all("delivered-to")
        .any(|to| to.trim_ascii().eq_ignore_ascii_case(b"autoresponder"));
    if marked || answers || precedence(&["auto_reply"]) {
        return true;
    }
    let begins = |phrase: &&str| {
        let rest = subject.strip_prefix(*phrase).map(str::trim_start);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '：', '-', '[']))
    };
    if REPLY_SUBJECTS.iter().any(begins) {
        return true;
    }
    let likely = REPLY_SUBJECTS
        .iter()
        .chain(REPLY_WORDS)
        .any(|word| subject.contains(word));
    likely
        && (has_null_return_path(header)
            || header.has("x-auto-response-suppress")
            || precedence(&["bulk", "junk"]))
}

fn is_automatic(header: &HeaderBlock, from: Option<&Address>) -> bool {
    let submitted = value(header, "auto-submitted");
    let bulk = precedences(header).any(|one| one == "bulk" || one == "junk");
    (!submitted.is_empty() && submitted != "no")
        || bulk
        || has_null_return_path(header)
        || header.has("feedback-id")
        || from.is_some_and(is_no_reply)
}

/// Exchange writes bounces from an address of its own.
fn is_exchange(local: &str) -> bool {
    local.starts_with("microsoftexchange") && local.len() > 30
}

/// RFC 3834 section 2: addresses by which lists are run, and where bounces go.
fn is_of_machine(local: &str) -> bool {
    let bounces = ["bounce", "bounces"].contains(&local)
        || ["bounce", "bounces"].iter().any(|name| {
            let rest = local.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with(['-', '+', '=']))
        });
    bounces || local.starts_with("owner-") || local.ends_with("-request")
}

/// Whether an address says of itself that nobody reads it.
#[must_use]
pub fn is_no_reply(address: &Address) -> bool {
    let local: String = address
        .local()
        .chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect();
    let written = address.local().to_lowercase();
    NO_REPLY.iter().any(|name| local.contains(name))
        || BOUNCERS.contains(&written.as_str())
        || is_exchange(&written)
        || is_of_machine(&written)
}
