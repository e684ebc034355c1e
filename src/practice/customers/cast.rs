//! Who writes. The address tells the language of a person.

/// What a person writes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    English,
    Chinese,
}

/// One who writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Person<'a> {
    pub(super) name: &'a str,
    pub(super) address: &'a str,
    pub(super) language: Language,
}

const fn english(name: &'static str, address: &'static str) -> Person<'static> {
    Person {
        name,
        address,
        language: Language::English,
    }
}

const fn chinese(name: &'static str, address: &'static str) -> Person<'static> {
    Person {
        name,
        address,
        language: Language::Chinese,
    }
}

pub(super) const MAYA: Person<'static> =
    english("Maya Lindqvist", "maya.lindqvist@fjordmail.example");
pub(super) const OWEN: Person<'static> = english("Owen Bartlett", "owen@bartlett-joinery.example");
pub(super) const PRIYA: Person<'static> = english("Priya Raman", "priya.raman@postbox.example.org");
pub(super) const TOMAS: Person<'static> = english("Tomás Herrera", "t.herrera@casaverde.example");
pub(super) const GRACE: Person<'static> =
    english("Grace Okafor", "grace.okafor@hotel-meridian.example");
pub(super) const HANNAH: Person<'static> = english("Hannah Weiss", "hannah.weiss@example.net");
pub(super) const DANIEL: Person<'static> =
    english("Daniel Moreau", "daniel.moreau@fernhill.example");
pub(super) const BUYER: Person<'static> =
    english("Jennifer Cole", "k2v9x7q4m1@marketplace.amazon.example");
pub(super) const CHEN: Person<'static> = chinese("陈晓雯", "chenxiaowen@youxiang.example");
pub(super) const LIU: Person<'static> = chinese("刘建国", "liujianguo@beifang-dengju.example");
pub(super) const WANG: Person<'static> = chinese("王思远", "siyuan.wang@youxiang.example");

/// Those who write later on, English.
pub(super) const VISITORS: [Person<'static>; 10] = [
    english("Lena Fischer", "lena.fischer@example.org"),
    english("Marcus Bell", "marcus.bell@example.com"),
    english("Aisha Rahman", "aisha@rahman-studio.example"),
    english("Sofia Marino", "sofia.marino@example.net"),
    english("Jonas Eriksen", "jonas.eriksen@fjordmail.example"),
    english("Emily Thornton", "emily.thornton@example.com"),
    english("Noah Williams", "noah.williams@example.org"),
    english("Chloé Dubois", "chloe.dubois@example.net"),
    english("Rafael Costa", "rafael@costa-arquitetos.example"),
    english("Ingrid Solberg", "ingrid.solberg@fjordmail.example"),
];

/// Those who write later on, Chinese.
pub(super) const CHINESE_VISITORS: [Person<'static>; 5] = [
    chinese("李娜", "lina@youxiang.example"),
    chinese("张伟", "zhangwei@youxiang.example"),
    chinese("赵敏", "zhaomin@jiaju.example"),
    chinese("孙悦", "sunyue@youxiang.example"),
    chinese("周磊", "zhoulei@sheji.example"),
];

/// The person behind an address.
pub(super) fn by_address(address: &str) -> Option<Person<'static>> {
    let known = [
        MAYA, OWEN, PRIYA, TOMAS, GRACE, HANNAH, DANIEL, BUYER, CHEN, LIU, WANG,
    ];
    let mut all = known.iter().chain(&VISITORS).chain(&CHINESE_VISITORS);
    all.find(|person| person.address.eq_ignore_ascii_case(address))
        .copied()
}
