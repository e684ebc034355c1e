//! What is in the boxes when the demo begins.

use jiff::{SignedDuration, Timestamp};

use super::cast::{
    BUYER, CHEN, DANIEL, GRACE, HANNAH, LIU, Language, MAYA, OWEN, PRIYA, Person, TOMAS, WANG,
};
use super::sheet::{Charset, Content, File, Sheet};
use super::{Boxes, Letter, To};

/// The first letters, oldest first, spread over the hours before `now`.
#[must_use]
pub fn first_letters(boxes: &Boxes, now: Timestamp) -> Vec<Letter> {
    let mut sheets = english(now);
    sheets.extend(chinese(now));
    sheets.extend(robots(now));
    sheets.sort_by_key(|sheet| sheet.at);
    sheets.iter().map(|sheet| sheet.letter(boxes)).collect()
}

fn before(now: Timestamp, minutes: i64) -> Timestamp {
    let ago = SignedDuration::from_mins(minutes);
    now.checked_sub(ago).unwrap_or(now)
}

fn sheet(
    from: Person<'static>,
    to: To,
    at: Timestamp,
    subject: &'static str,
    text: &'static str,
) -> Sheet<'static> {
    let local = from.address.split(['@', '.']).next().unwrap_or_default();
    Sheet {
        from,
        to,
        subject,
        at,
        id: format!("{local}.{}", at.as_second()),
        charset: Charset::Utf8,
        fields: Vec::new(),
        content: Content::Text(text),
    }
}

fn english(now: Timestamp) -> Vec<Sheet<'static>> {
    let maya = sheet(
        MAYA,
        To::Support,
        before(now, 412),
        "Desk lamp flickers after a week",
        "Hello,\n\nmy new Aurora desk lamp (order LH-20418) began to flicker yesterday, mostly \
         on the lowest setting.\nI have tried another socket. Is there something I can check \
         before sending it back?\n\nBest wishes\nMaya Lindqvist",
    );
    let again = Sheet {
        fields: vec![
            ("In-Reply-To", maya.message_id()),
            ("References", maya.message_id()),
        ],
        ..sheet(
            MAYA,
            To::Support,
            before(now, 268),
            "Re: Desk lamp flickers after a week",
            "One more thing: with the dimmer turned all the way up it is steady, so it may be \
             the dimmer and not the bulb.\n\nMaya\n\n> my new Aurora desk lamp (order LH-20418) \
             began to flicker yesterday",
        )
    };
    let order = File {
        name: "PO-4471.pdf",
        media_type: "application/pdf",
        bytes: pdf("Purchase order PO-4471: 24 x Fjell pendant, oak"),
    };
    vec![
        maya,
        again,
        sheet(
            PRIYA,
            To::Support,
            before(now, 347),
            "Where is my order LH-20391?",
            "Hi there,\n\nthe tracking page has said \"on its way\" since Monday. It is a birthday \
             present for Saturday.\nCould you find out where the parcel is?\n\nThank you!\nPriya",
        ),
        Sheet {
            content: Content::With(
                "Good morning,\n\nplease find our order attached: 24 Fjell pendants in oak for the \
                 restaurant.\nCan you confirm delivery by the end of the month, and the price with \
                 the trade discount?\n\nKind regards\nOwen Bartlett\nBartlett Joinery",
                order,
            ),
            ..sheet(
                OWEN,
                To::Sales,
                before(now, 231),
                "Purchase order PO-4471",
                "",
            )
        },
        Sheet {
            content: Content::Html(
                "<html><body style=\"font-family:Georgia,serif\"><p>Dear Lumenhaus team,</p>\
                 <p>we are refurbishing <b>38 rooms</b> and love the <i>Aurora</i> series. \
                 Could you send us an offer for:</p><ul><li>76 bedside lamps, warm white</li>\
                 <li>38 desk lamps, black</li></ul><p>A sample would help us to decide this \
                 week.</p><p>With kind regards<br>Grace Okafor<br>Hotel Meridian</p></body></html>",
            ),
            ..sheet(
                GRACE,
                To::Sales,
                before(now, 176),
                "Offer for 38 hotel rooms",
                "",
            )
        },
        sheet(
            TOMAS,
            To::Support,
            before(now, 122),
            "Invoice with our VAT number",
            "Hello,\n\ncould you send the invoice for LH-20377 again, with our VAT number \
             ESB12345678 on it?\nOur accountant would be very happy.\n\nGracias\nTomás Herrera",
        ),
        sheet(
            BUYER,
            To::Marketplace,
            before(now, 64),
            "Product details inquiry from Amazon customer Jennifer (Order: 302-8841907-5561122)",
            "You have received a message.\n\nOrder ID: 302-8841907-5561122\n\
             1  Lumenhaus Fjell pendant, oak, 40 cm [ASIN: B0LUMEN042]\n\n\
             Message:\nHi, is the cable of this lamp long enough for a 3.2 m ceiling, and can it \
             be shortened? I would like to hang it this weekend.\n\n\
             Please reply within 24 hours.",
        ),
        sheet(
            HANNAH,
            To::Sales,
            before(now, 18),
            "Is the Fjell pendant available in walnut?",
            "Hi,\n\nI saw the Fjell pendant in a friend's kitchen and would love one in walnut. \
             Do you make it, and how long would it take?\n\nThanks a lot\nHannah",
        ),
    ]
}

fn chinese(now: Timestamp) -> Vec<Sheet<'static>> {
    vec![
        Sheet {
            charset: Charset::Gb2312,
            ..sheet(
                LIU,
                To::Sales,
                before(now, 305),
                "咨询批量采购价格",
                "您好：\n\n我公司计划采购两百盏台灯，想了解批量价格和交货时间。\n\
                 如果可以，请同时提供产品目录和付款方式。\n\n此致\n敬礼\n\n刘建国\n北方灯具有限公司",
            )
        },
        Sheet {
            charset: Charset::Gb18030,
            ..sheet(
                WANG,
                To::Support,
                before(now, 149),
                "收到的灯罩有裂纹，希望换货",
                "客服您好，\n\n今天收到订单 LH-20402 的吊灯，灯罩边缘有一道裂纹（㐂字款）。\n\
                 包装完好，应该是出厂前就有的。请问怎样换货？需要我寄回吗？\n\n谢谢\n王思远",
            )
        },
        sheet(
            CHEN,
            To::Support,
            before(now, 41),
            "发票抬头需要修改",
            "你好，\n\n订单 LH-20415 的发票抬头写错了，应该是“晓雯室内设计工作室”。\n\
             可以重新开一张电子发票吗？😊\n\n陈晓雯",
        ),
    ]
}

/// What no person wrote.
fn robots(now: Timestamp) -> Vec<Sheet<'static>> {
    let robot = |name, address| Person {
        name,
        address,
        language: Language::English,
    };
    let daemon = robot("Mail Delivery System", "mailer-daemon@mx.fernhill.example");
    let studio = robot("Studio Light Weekly", "news@studiolight.example.com");
    vec![
        Sheet {
            fields: vec![
                ("Auto-Submitted", "auto-replied".to_owned()),
                ("In-Reply-To", "<offer.2211@lumenhaus.example>".to_owned()),
                ("X-Auto-Response-Suppress", "All".to_owned()),
            ],
            ..sheet(
                DANIEL,
                To::Sales,
                before(now, 203),
                "Out of office: Your offer 2211",
                "Thank you for your message. I am out of the office until Monday and will answer \
                 then.\n\nDaniel Moreau",
            )
        },
        Sheet {
            fields: vec![("Auto-Submitted", "auto-replied".to_owned())],
            content: Content::Raw(
                "multipart/report; report-type=delivery-status; boundary=\"=_report\"",
                bounce(),
            ),
            ..sheet(
                daemon,
                To::Sales,
                before(now, 95),
                "Undelivered Mail Returned to Sender",
                "",
            )
        },
        Sheet {
            fields: vec![
                (
                    "List-Id",
                    "Studio Light Weekly <weekly.studiolight.example.com>".to_owned(),
                ),
                (
                    "List-Unsubscribe",
                    "<https://studiolight.example.com/unsubscribe>".to_owned(),
                ),
                ("Precedence", "bulk".to_owned()),
            ],
            ..sheet(
                studio,
                To::Sales,
                before(now, 77),
                "This week: paper lanterns are back",
                "Studio Light Weekly, no. 214\n\n* Paper lanterns are back\n* Five ways to light a \
                 dark hallway\n* Interview: a day in a glass workshop\n\nYou get this because you \
                 subscribed. Unsubscribe at any time.",
            )
        },
    ]
}

/// RFC 3464: the words for people, the words for programs, the header that came back.
fn bounce() -> String {
    "--=_report\n\
     Content-Type: text/plain; charset=us-ascii\n\n\
     Your message could not be delivered to\n\n    orders@fernhill.example\n\n\
     The mailbox is full. Nothing was delivered.\n\n\
     --=_report\n\
     Content-Type: message/delivery-status\n\n\
     Reporting-MTA: dns; mx.fernhill.example\n\n\
     Final-Recipient: rfc822; orders@fernhill.example\n\
     Action: failed\n\
     Status: 5.2.2\n\
     Diagnostic-Code: smtp; 552 5.2.2 Mailbox full\n\n\
     --=_report\n\
     Content-Type: text/rfc822-headers\n\n\
     From: Lumenhaus Sales <sales@lumenhaus.example>\n\
     To: orders@fernhill.example\n\
     Subject: Your offer 2212\n\
     Message-ID: <offer.2212@lumenhaus.example>\n\n\
     --=_report--\n"
        .to_owned()
}

/// The smallest PDF that shows a line of text. `text` holds no brackets.
fn pdf(text: &str) -> Vec<u8> {
    let stream = format!("BT /F1 16 Tf 72 720 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!(
            "<< /Length {} >>\nstream\n{stream}\nendstream",
            stream.len()
        ),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut table = String::new();
    for (number, object) in (1..).zip(&objects) {
        table += &format!("{:010} 00000 n \n", pdf.len());
        pdf += &format!("{number} 0 obj\n{object}\nendobj\n");
    }
    let start = pdf.len();
    pdf += &format!("xref\n0 6\n0000000000 65535 f \n{table}");
    pdf += &format!("trailer << /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n");
    pdf.into_bytes()
}
