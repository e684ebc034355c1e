//! Those who write now and then while the demo runs: an endless row of letters.

use std::time::Duration;

use jiff::Timestamp;

use super::cast::{BUYER, CHINESE_VISITORS, Person, VISITORS};
use super::sheet::{Charset, Content, Sheet};
use super::{Boxes, Letter, To, pick, scattered};

/// A thing to write about. `{order}` and `{product}` are filled in.
struct Scene {
    to: To,
    subject: &'static str,
    text: &'static str,
}

const fn scene(to: To, subject: &'static str, text: &'static str) -> Scene {
    Scene { to, subject, text }
}

const SCENES: [Scene; 12] = [
    scene(
        To::Support,
        "Parcel arrived damaged ({order})",
        "Hello,\n\nthe box with my {product} arrived with a dent and the shade is scratched.\nI would like a replacement. Do you need photos?",
    ),
    scene(
        To::Support,
        "How do I change the bulb?",
        "Hi,\n\nthe bulb of my {product} needs to be changed and I do not dare to pull harder.\nIs there a trick?",
    ),
    scene(
        To::Sales,
        "Do you ship to Iceland?",
        "Good day,\n\nI would like to order two of the {product}. Do you ship to Iceland, and what would it cost?",
    ),
    scene(
        To::Support,
        "Change of address for {order}",
        "Hello,\n\nI have just noticed that I gave my old address for order {order}.\nThe new one is Elm Street 12. Can you still change it?",
    ),
    scene(
        To::Sales,
        "Discount for a school",
        "Dear team,\n\nour school library needs 15 reading lamps, and the {product} would be perfect.\nDo you have prices for schools?",
    ),
    scene(
        To::Support,
        "Refund not received yet",
        "Hi,\n\nI sent the {product} back two weeks ago (order {order}) and have not seen the refund.\nCould you look into it?",
    ),
    scene(
        To::Support,
        "Thank you!",
        "Just a short note: the {product} is even nicer than in the pictures. Thank you for packing it so well!",
    ),
    scene(
        To::Sales,
        "Can I collect my order?",
        "Hello,\n\nI live around the corner. May I collect {order} myself instead of having it sent?",
    ),
    scene(
        To::Support,
        "Missing screws",
        "Hi,\n\nthere were only two of the four screws in the box of the {product}.\nCould you post me the others?",
    ),
    scene(
        To::Support,
        "Warranty question",
        "Hello,\n\nhow long is the warranty on the {product}? Mine is 20 months old and the switch is loose.\nOrder {order}.",
    ),
    scene(
        To::Sales,
        "Invoice for {order}",
        "Hello,\n\nplease send me the invoice for {order} as a PDF, made out to my company.",
    ),
    scene(
        To::Support,
        "Which bulb fits?",
        "Hi,\n\nwhich bulb is the brightest that the {product} can take? My eyes are not what they used to be.",
    ),
];

const CHINESE_SCENES: [Scene; 6] = [
    scene(
        To::Support,
        "订单 {order} 什么时候发货？",
        "您好，\n\n我上周下的订单 {order} 还没有发货，请帮忙查一下。\n\n谢谢！",
    ),
    scene(
        To::Support,
        "申请退款",
        "客服您好：\n\n{product}和房间的风格不太搭，还没有使用，想申请退款。\n请告诉我退货地址。",
    ),
    scene(
        To::Sales,
        "请问有优惠吗？",
        "你好，\n\n我想买四盏{product}，请问有优惠吗？可以开发票吗？",
    ),
    scene(
        To::Support,
        "灯光一直闪烁",
        "您好，\n\n{product}用了三天，调暗以后一直闪烁，是不是变压器有问题？",
    ),
    scene(
        To::Sales,
        "能不能定做长一点的电线？",
        "你好，\n\n我家层高四米，{product}的电线不够长，能不能定做？大概需要几天？",
    ),
    scene(
        To::Support,
        "非常满意",
        "灯收到了，光线很柔和，包装也很用心。谢谢你们！",
    ),
];

const PRODUCTS: [&str; 5] = [
    "Aurora desk lamp",
    "Fjell pendant",
    "Birch floor lamp",
    "Pebble night light",
    "Harbour wall lamp",
];

const CHINESE_PRODUCTS: [&str; 4] = ["极光台灯", "山岩吊灯", "白桦落地灯", "鹅卵石小夜灯"];

/// One of five writes Chinese, one of nine comes through the marketplace.
const CHINESE_EVERY: u64 = 5;
const MARKETPLACE_EVERY: u64 = 9;

/// The letter of that number, as it comes at `now`. The same numbers give the same letter.
#[must_use]
pub fn letter(boxes: &Boxes, seed: u64, number: u64, now: Timestamp) -> Letter {
    let chance = scattered(seed, number);
    let (person, scene, product, charset) = cast(chance, number);
    let order = format!("LH-{}", 20_500 + number % 400);
    let fill = |text: &str| {
        text.replace("{order}", &order)
            .replace("{product}", product)
    };
    let mut subject = fill(scene.subject);
    let mut text = format!("{}\n\n{}", fill(scene.text), person.name);
    let mut to = scene.to;
    if person.address == BUYER.address {
        let order = format!(
            "302-{:07}-{:07}",
            chance % 10_000_000,
            (chance >> 32) % 10_000_000
        );
        subject = format!("Inquiry from Amazon customer Jennifer (Order: {order})");
        text = format!("You have received a message.\n\nOrder ID: {order}\n\nMessage:\n{text}");
        to = To::Marketplace;
    }
    let sheet = Sheet {
        from: person,
        to,
        subject: &subject,
        at: now,
        id: format!("visit.{seed:x}.{number}.{}", now.as_second()),
        charset,
        fields: Vec::new(),
        content: Content::Text(&text),
    };
    sheet.letter(boxes)
}

fn cast(chance: u64, number: u64) -> (Person<'static>, &'static Scene, &'static str, Charset) {
    let draw = |turn: u32| chance.rotate_left(turn);
    if number % CHINESE_EVERY == CHINESE_EVERY - 1 {
        let charset = match draw(40) % 3 {
            0 => Charset::Gb2312,
            1 => Charset::Gb18030,
            _ => Charset::Utf8,
        };
        let person = pick(&CHINESE_VISITORS, draw(8)).unwrap_or(&CHINESE_VISITORS[0]);
        let scene = pick(&CHINESE_SCENES, draw(16)).unwrap_or(&CHINESE_SCENES[0]);
        let product = pick(&CHINESE_PRODUCTS, draw(24)).unwrap_or(&CHINESE_PRODUCTS[0]);
        return (*person, scene, product, charset);
    }
    let person = if number % MARKETPLACE_EVERY == MARKETPLACE_EVERY - 1 {
        &BUYER
    } else {
        pick(&VISITORS, draw(8)).unwrap_or(&VISITORS[0])
    };
    let scene = pick(&SCENES, draw(16)).unwrap_or(&SCENES[0]);
    let product = pick(&PRODUCTS, draw(24)).unwrap_or(&PRODUCTS[0]);
    (*person, scene, product, Charset::Utf8)
}

/// How long after the letter before it the letter of that number comes: 20 to 90
/// seconds, so that a watcher sees life and can still read.
#[must_use]
pub fn pause(seed: u64, number: u64) -> Duration {
    Duration::from_secs(20 + scattered(seed ^ 0x5041_5553, number) % 71)
}
