//! Hooks of plugins: what they may do, what they may say, and what they cannot break.

use std::cell::Cell;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Content, context, load, mail};
use crate::domain::decision::Outcome;
use crate::domain::extraction::{Extraction, FIELD_BYTES_MAX, MailSort};
use crate::domain::message::Head;
use crate::domain::preset::Field;
use crate::domain::refusal::Bilingual;
use crate::script::{Extracted, Hooks, MailContent, MailView, Vocabulary};

fn words(names: &[&str]) -> Vec<Field> {
    let field = |name: &&str| Field {
        key: (*name).to_owned(),
        label: Bilingual {
            en: (*name).to_owned(),
            zh: (*name).to_owned(),
        },
    };
    names.iter().map(field).collect()
}

fn compile(source: &str) -> Result<Hooks, Vec<String>> {
    let found = Hooks::compile("acme/hooks.rhai", source, || false);
    found.map_err(|all| all.iter().map(|one| one.headline()).collect())
}

fn asked(hooks: &Hooks, view: MailView, expired: impl Fn() -> bool + 'static) -> Extracted {
    let (fields, notices) = (words(&["order_id", "market"]), words(&["return"]));
    let known = Vocabulary {
        fields: &fields,
        notices: &notices,
    };
    hooks.extract(view, known, expired).expect("a function")
}

fn extracted(source: &str) -> Extraction {
    let hooks = compile(source).expect("right hooks");
    asked(&hooks, mail(Arc::default()), || false).extraction
}

fn failure(body: &str) -> String {
    let source = format!("fn extract(mail) {{\n{body}\n}}");
    extracted(&source).failure.expect(body)
}

#[test]
fn what_is_found_is_kept() {
    let found = extracted(
        r##"fn extract(mail) {
            #{ kind: "notice", notice: "return", order_id: find_like(mail.subject, "#"), market: "" }
        }"##,
    );
    assert_eq!(found.sort, Some(MailSort::Notice("return".to_owned())));
    let order = ("order_id".to_owned(), "7".to_owned());
    assert_eq!(found.fields, [order]);
    assert_eq!(extracted("fn extract(mail) {}"), Extraction::default());
}

#[test]
fn a_field_is_one_line_of_bounded_length() {
    let found =
        extracted("fn extract(mail) { let a = \"é\\n\"; a.pad(900, \"é\"); #{ order_id: a } }");
    let (_, value) = &found.fields[0];
    assert!(
        value.len() <= FIELD_BYTES_MAX && value.starts_with("é é"),
        "{value}"
    );
}

#[test]
fn what_is_wrong_is_found_before_a_mail_is_there() {
    let check = |source: &str, expected: &str| {
        let found = compile(source).expect_err(source);
        assert!(found[0].starts_with(expected), "{found:?}");
    };
    check(
        "fn extract(mail) {\n  mail.subjct\n}",
        "acme/hooks.rhai:2:8: mail has no property `subjct`",
    );
    check("fn extract(mail) {\n  let a = ;\n}", "acme/hooks.rhai:2:");
    check(
        "fn extrakt(mail) {}",
        "acme/hooks.rhai:1:4: this file has no `fn extract(mail)`",
    );
    check(
        "fn extract(mail, ctx) {}",
        "acme/hooks.rhai:1:4: `extract` takes other parameters",
    );
    check(
        "fn classify(text) {}",
        "acme/hooks.rhai:1:4: `classify` takes other parameters",
    );
    check(
        "fn extract(mail) { inbox() }",
        "acme/hooks.rhai:1:20: there is no function `inbox`",
    );
    check(
        "import \"lib/x\" as x;\nfn extract(mail) {}",
        "acme/hooks.rhai:1:",
    );
    check(
        "throw \"no\";\nfn extract(mail) {}",
        "acme/hooks.rhai:1:1: no",
    );
}

#[test]
fn what_it_says_must_be_declared() {
    let check = |body: &str, expected: &str| {
        let found = failure(body);
        assert!(found.contains(expected), "{found}");
        assert!(found.starts_with("acme/hooks.rhai"), "{found}");
    };
    check("7", "not with a value of type i64");
    check("#{ ordr_id: \"1\" }", "did you mean `order_id`?");
    check("#{ order_id: 7 }", "only texts can be shown");
    check("#{ kind: \"ticket\" }", "which is no kind");
    check("#{ kind: \"notice\", notice: \"refund\" }", "[notices]");
    check("#{ notice: \"return\" }", "no `kind: \"notice\"`");
    check("throw \"odd mail\"", "acme/hooks.rhai:2:1: odd mail");
}

#[test]
fn a_loop_is_cut_by_its_steps_and_by_its_time() {
    let found = failure("loop {}");
    assert!(found.contains("too many steps"), "{found}");
    let found = failure("fn_that(mail)\n}\nfn fn_that(mail) { fn_that(mail)");
    assert!(found.contains("too deeply"), "{found}");
    let found = failure("let a = \"x\"; loop { a += a }");
    assert!(found.contains("too large"), "{found}");
    let found = failure("sleep(10)");
    assert!(found.contains("cannot wait"), "{found}");
    let hooks = compile("fn extract(mail) { loop {} }").expect("right hooks");
    let looks = Cell::new(0);
    let view = mail(Arc::default());
    let expired = move || looks.replace(looks.get() + 1) > 2;
    let late = asked(&hooks, view, expired).extraction.failure;
    assert!(late.expect("cut").contains("too long"));
}

#[test]
fn what_stands_outside_functions_has_its_time_too() {
    let source = "let a = \"x\"; a.pad(100000, \"x\"); loop { a.to_upper(); }\nfn extract(mail) {}";
    let looks = Cell::new(0);
    let expired = move || looks.replace(looks.get() + 1) > 2;
    let found = Hooks::compile("acme/hooks.rhai", source, expired).expect_err("cut");
    assert!(found[0].message.contains("too long"), "{found:?}");
}

#[test]
fn hooks_hold_no_functions_and_little_text() {
    let check = |body: &str, expected: &str| {
        let source = format!("fn more(a, b) {{ b }}\nfn extract(mail) {{\n{body}\n}}");
        let found = compile(&source).expect_err(body);
        assert!(found[0].starts_with("acme/hooks.rhai:3:"), "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    };
    check("let a = 1; let f = || a;", "");
    check("[1].map(|x| x + 1)", "");
    check("let f = Fn(\"more\");", "`Fn` is switched off");
    check("let f = more; f.curry(\"x\")", "");
    check("let f = curry(more, \"x\");", "`curry` is switched off");
    let found = failure("let a = \"x\"; a.pad(300000, \"x\")");
    assert!(
        found.contains("too large") || found.contains("exceed"),
        "{found}"
    );
}

#[test]
fn refusals_are_told_apart() {
    let hooks = compile(
        r#"fn classify(protocol, phase, text) {
            if protocol == "imap" && phase == "login" && text.contains("odd") { "policy" } else if text == "x" { 7 }
        }"#,
    )
    .expect("right hooks");
    let ask = |text| hooks.classify("imap", "login", text, || false);
    assert_eq!(ask("odd words"), Ok(Some("policy".to_owned())));
    assert_eq!(ask("other"), Ok(None));
    assert!(ask("x").is_err());
    let none = compile("fn extract(mail) {}").expect("right hooks");
    assert_eq!(none.classify("imap", "login", "odd", || false), Ok(None));
}

#[test]
fn a_route_sees_what_the_plugin_found() {
    let found = Extraction {
        plugin: "shop".to_owned(),
        sort: Some(MailSort::Notice("return".to_owned())),
        fields: vec![("order_id".to_owned(), "114-7".to_owned())],
        failure: None,
    };
    let mut view = mail(Arc::default());
    view.learn(&found);
    let source = r#"fn route(mail, ctx) {
        let right = mail.fields.order_id == "114-7" && mail.fields["order_id"] == "114-7"
            && mail.fields.kind == "notice" && mail.fields.notice == "return" && mail.fields.market == ""
            && mail.is_automatic && mail.fields.order_id.starts_with("114");
        inbox().tag(if right { "right" } else { "wrong" })
    }"#;
    let snapshot = load(&[("routing.rhai", source)]).expect("right scripts");
    let routed = snapshot.route(view, context(), || false);
    assert_eq!(routed.outcome, Outcome::Decided);
    let tags: Vec<_> = routed.routing.tags.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(tags, ["right"], "{:?}", routed.trace);
    let read = |what: &str| routed.trace.iter().any(|step| step.what == what);
    assert!(read("fields.order_id = \"114-7\""), "{:?}", routed.trace);
    // Of a mailbox without such a plugin everything is empty, and nothing fails.
    let routed = snapshot.route(mail(Arc::default()), context(), || false);
    assert_eq!(routed.routing.tags[0].as_str(), "wrong");
    let written = load(&[(
        "routing.rhai",
        "fn route(mail, ctx) {\n mail.fields.a = 1;\n}",
    )]);
    assert!(written.is_err());
}

/// A mail of nothing but what a stranger chose.
struct Strange(String);

impl MailContent for Strange {
    fn text(&self) -> String {
        self.0.clone()
    }

    fn whole_text(&self) -> String {
        self.0.clone()
    }

    fn header(&self, _: &str) -> Option<String> {
        Some(self.0.clone())
    }

    fn topmost(&self, _: &[&str]) -> Option<String> {
        Some(self.0.clone())
    }
}

proptest! {
    #[test]
    fn no_mail_breaks_a_hook(text in "\\PC{0,300}|[\\x00-\\x7f]{0,300}") {
        let hooks = compile(
            r####"fn extract(mail) {
                let parts = mail.text.split("@");
                #{ order_id: find_like(mail.subject + mail.text, "###-##"), market: parts[0] + mail.header("x") }
            }"####,
        )
        .expect("right hooks");
        let head = Head { subject: text.clone(), ..Head::default() };
        let view = MailView {
            head: Arc::new(head),
            content: Arc::new(Strange(text)),
            ..mail(Arc::<Content>::default())
        };
        let found = asked(&hooks, view, || false).extraction;
        prop_assert!(found.failure.is_none(), "{:?}", found.failure);
        prop_assert!(found.fields.iter().all(|(_, value)| value.len() <= FIELD_BYTES_MAX));
    }

    #[test]
    fn no_text_is_a_hook_that_panics(source in "[ -~\n]{0,200}") {
        if let Ok(hooks) = compile(&source) {
            let (fields, notices) = (words(&[]), words(&[]));
            let known = Vocabulary { fields: &fields, notices: &notices };
            let _any = hooks.extract(mail(Arc::default()), known, || false);
        }
    }
}
