//! What is given as the reason of a decision, by scripts that run.

use super::*;
use crate::domain::decision::TRACE_STEPS_MAX;
use crate::domain::reason::Reason;

/// What decided `team("x")` in the block of this condition, after these lines.
fn because(before: &str, condition: &str) -> Option<String> {
    let source = format!(
        "fn route(mail, ctx) {{\n    {before}\n    if {condition} {{\n        \
         return team(\"x\");\n    }}\n    inbox()\n}}\n\nfn is_invoice(mail) {{\n    \
         mail.subject.contains(\"Invoice\")\n}}"
    );
    reason(&source)
}

fn reason(source: &str) -> Option<String> {
    let files = [("routing.rhai".to_owned(), source.to_owned())];
    let routed = routed(source);
    assert!(routed.routing.team.is_some(), "{source}\n{routed:?}");
    of(&routed, &files)?.because()
}

fn of(routed: &Routed, files: &[(String, String)]) -> Option<Reason> {
    let decided = (&routed.outcome, &routed.routing, &routed.warnings[..]);
    Reason::of(decided, &routed.trace, files)
}

/// The line that is given, and why.
fn line(source: &str) -> Option<(u32, Option<String>)> {
    let files = [("routing.rhai".to_owned(), source.to_owned())];
    let reason = of(&routed(source), &files)?;
    Some((reason.line, reason.because()))
}

#[track_caller]
fn says(before: &str, condition: &str, expected: &str) {
    assert_eq!(
        because(before, condition).as_deref(),
        Some(expected),
        "{condition}"
    );
}

#[test]
fn what_held_is_said_in_words() {
    says(
        "",
        r#"mail.subject.contains("Invoice")"#,
        "mail.subject contains \"Invoice\"",
    );
    says(
        "",
        r#"mail.subject.starts_with("Re:")"#,
        "mail.subject begins with \"Re:\"",
    );
    says(
        "",
        r#"mail.from.ends_with(".cn")"#,
        "mail.from ends with \".cn\"",
    );
    says(
        "",
        r#"mail.subject.contains('7')"#,
        "mail.subject contains \"7\"",
    );
    says(
        "",
        r#"mail.subject.contains_any(["refund", "INVOICE"])"#,
        "mail.subject contains \"INVOICE\"",
    );
    says(
        "",
        r#"mail.header("X-Spam-Flag").contains("YES")"#,
        "mail.header(\"X-Spam-Flag\") contains \"YES\"",
    );
    says(
        "",
        r#""发票" in mail.subject"#,
        "mail.subject contains \"发票\"",
    );
    says(
        "",
        r#""support@example.com" in mail.to"#,
        "mail.to contains \"support@example.com\"",
    );
    says(
        "",
        r#""vip" in ctx.conversation.tags"#,
        "conversation.tags contains \"vip\"",
    );
}

#[test]
fn values_are_known_again_in_variables_and_helpers() {
    let subject = "let subject = mail.subject.to_lower();";
    says(
        subject,
        r#"subject.contains("invoice")"#,
        "mail.subject contains \"invoice\"",
    );
    let whole = "let all = mail.subject + mail.text;";
    says(whole, r#"all.contains("words")"#, "all contains \"words\"");
    // It is no longer the subject once something is added to it.
    let more = "let all = mail.subject; all += mail.text;";
    says(more, r#"all.contains("words")"#, "all contains \"words\"");
    let helper = "fn route(mail, ctx) { place(mail.subject) }\nfn place(words) {\n    \
                  if words.contains(\"Invoice\") { team(\"x\") } else { inbox() }\n}";
    assert_eq!(
        reason(helper).as_deref(),
        Some("mail.subject contains \"Invoice\"")
    );
    let each = "fn route(mail, ctx) {\n    for word in [\"refund\", \"发票\"] {\n        \
                if mail.subject.contains(word) { return team(\"x\"); }\n    }\n    inbox()\n}";
    assert_eq!(
        reason(each).as_deref(),
        Some("mail.subject contains \"发票\"")
    );
}

#[test]
fn of_several_only_what_held_is_said() {
    let either = r#"mail.subject.contains("refund") || mail.subject.contains("发票")"#;
    says("", either, "mail.subject contains \"发票\"");
    let first = r#"mail.subject.contains("发票") || mail.subject.contains("7")"#;
    says("", first, "mail.subject contains \"发票\"");
    let both = r#"mail.subject.contains("发票") && mail.size > 5"#;
    says("", both, "mail.subject contains \"发票\" and mail.size > 5");
    let mixed = r#"mail.late || (mail.language == "zh" && mail.text.contains("new"))"#;
    says(
        "",
        mixed,
        "mail.language == \"zh\" and mail.text contains \"new\"",
    );
    let negated = r#"!mail.subject.contains("refund")"#;
    says("", negated, "mail.subject does not contain \"refund\"");
    let neither = r#"!(mail.late || mail.subject.starts_with("Fwd"))"#;
    says(
        "",
        neither,
        "!mail.late and mail.subject does not begin with \"Fwd\"",
    );
    let seen = r#"mail.size > 5000 || mail.language == "zh""#;
    says("", seen, "mail.language == \"zh\"");
    let lines = "mail.late\n        || mail.subject.contains(\"7\")";
    says("", lines, "mail.subject contains \"7\"");
    says(
        "",
        "mail.from in [\"wang.wei@example.cn\"]",
        "mail.from in [\"wang.wei@example.cn\"]",
    );
}

#[test]
fn what_is_not_certain_is_not_said() {
    // Which of them held is not in the trace: the whole condition did.
    let unseen = r#"mail.size > 5000 || is_invoice(mail)"#;
    says("", unseen, unseen);
    let known = "let known = mail.size > 5;";
    let hidden = r#"known || mail.subject.contains("refund")"#;
    says(known, hidden, hidden);
    let late = r#"mail.size > 5 || mail.subject.contains("refund") || known"#;
    says(known, late, late);
    // An answer within something else is not the condition.
    let compared = r#"mail.subject.contains("refund") == false"#;
    says("", compared, compared);
    let bits = r#"mail.subject.contains("refund") | mail.subject.contains("7")"#;
    says("", bits, bits);
    let handed = r#"[mail.subject.contains("refund")].len() == 1"#;
    says("", handed, handed);
    let commented = "mail.late /* || */ || mail.subject.contains(\"7\")";
    says("", commented, commented);
}

#[test]
fn outside_of_a_condition_there_is_no_reason() {
    let told = |body: &str| reason(&format!("fn route(mail, ctx) {{\n{body}\n}}"));
    let before = "if mail.subject.contains(\"refund\") { return spam(); }\nteam(\"x\")";
    assert_eq!(told(before), None);
    let after = "if mail.subject.contains(\"7\") { let a = 1; }\nteam(\"x\")";
    assert_eq!(told(after), None);
    let other = "if mail.subject.contains(\"refund\") { spam() } else { team(\"x\") }";
    assert_eq!(told(other), None);
    let chosen = "switch mail.language { \"zh\" => team(\"x\"), _ => inbox() }";
    assert_eq!(told(chosen), None);
    // The block of a function is not that of who calls it.
    let called = "fn route(mail, ctx) {\n    if mail.subject.contains(\"7\") { return place(); }\n    \
                  inbox()\n}\nfn place() { team(\"x\") }";
    assert_eq!(reason(called), None);
    let second = "if mail.subject.contains(\"refund\") { spam() } else if mail.size > 5 { team(\"x\") } \
                  else { inbox() }";
    assert_eq!(told(second).as_deref(), Some("mail.size > 5"));
}

#[test]
fn what_a_mail_says_is_never_taken_for_an_answer() {
    let printed = "print(\"mail.subject.contains(\\\"7\\\") = true\");";
    let condition = r#"mail.subject.contains("refund") || is_invoice(mail)"#;
    says(printed, condition, condition);
}

/// Rules that are one line each, of which the last but one decides.
fn rules(count: usize, first: &str, decides: &str) -> String {
    let mut source = format!("fn route(mail, ctx) {{\n{first}\n");
    for number in 1..count {
        source +=
            &format!("if mail.subject.contains(\"w{number}\") {{ return team(\"t{number}\"); }}\n");
    }
    source + decides + "\ninbox()\n}"
}

#[test]
fn what_decides_after_many_questions_is_kept() {
    let decides = "if mail.subject.contains(\"Invoice\") { return team(\"last\"); }";
    for count in [150, 400] {
        let source = rules(count, "let fallback = inbox();", decides);
        let routed = routed(&source);
        assert_eq!(routed.trace.len(), TRACE_STEPS_MAX);
        let last = routed.trace.last().expect("steps");
        let line = u32::try_from(count).expect("few") + 2;
        assert_eq!((last.what.as_str(), last.line), ("team(\"last\")", line));
        let lines = routed.trace.iter().map(|step| (step.line, step.column));
        assert!(lines.is_sorted(), "in the order in which they were taken");
        let files = [("routing.rhai".to_owned(), source)];
        let reason = of(&routed, &files).expect("one");
        assert_eq!(reason.line, line);
        let because = reason.because();
        assert_eq!(
            because.as_deref(),
            Some("mail.subject contains \"Invoice\"")
        );
    }
}

#[test]
fn prints_and_earlier_answers_leave_room_for_what_decides() {
    let first = "for n in 0..300 { team(`t${n}`).tag(\"vip\"); print(n); }";
    let routed = routed(&rules(1, first, "return team(\"last\");"));
    assert_eq!(routed.trace.len(), TRACE_STEPS_MAX);
    let last = routed.trace.last().expect("steps");
    assert_eq!((last.what.as_str(), last.line), ("team(\"last\")", 3));
}

#[test]
fn the_guard_of_an_arm_is_no_condition_of_the_next() {
    let source = "fn route(mail, ctx) {\nswitch mail.kind {\n\
                  \"list\" if mail.from.contains(\"wang\") => ignore(\"list\"),\n\
                  _ => { if mail.late { return spam(); }\nteam(\"support\") }\n} }";
    assert_eq!(line(source), Some((5, None)));
}

#[test]
fn answers_prepared_beforehand_are_told_apart() {
    let prepared = "fn route(mail, ctx) {\nlet vip = team(\"vip\");\nlet other = team(\"other\");\n\
                    if mail.subject.contains(\"7\") { return vip; }\nother\n}";
    assert_eq!(line(prepared), Some((2, None)));
    let map = "fn route(mail, ctx) {\nlet all = #{\na: team(\"vip\"),\nb: team(\"other\"),\n\
               c: inbox() };\nall.a\n}";
    assert_eq!(line(map), Some((3, None)));
    let alike = "fn route(mail, ctx) {\nlet soon = team(\"a\").tag(\"x\");\nlet late = team(\"a\");\n\
                 if mail.subject.contains(\"7\") { return soon; }\nlate\n}";
    assert_eq!(line(alike), None);
}

#[test]
fn an_answer_that_was_not_given_is_not_the_one() {
    let unused = "fn route(mail, ctx) {\nlet given = inbox();\n\
                  if mail.subject.contains(\"7\") { let unused = team(\"billing\"); }\ngiven\n}";
    assert_eq!(line(unused), Some((2, None)));
    let put_aside = "fn route(mail, ctx) {\nlet a = spam();\nlet b = ignore(\"x\");\na\n}";
    assert_eq!(line(put_aside), Some((2, None)));
    let failed = "fn route(mail, ctx) {\nlet a = inbox();\nthrow \"no\";\n}";
    assert_eq!(line(failed), None);
    let ended = "fn route(mail, ctx) {\nlet a = inbox();\nlet b = 1;\n}";
    assert_eq!(line(ended), None);
    let long = "x".repeat(100);
    let shortened = format!(
        "fn route(mail, ctx) {{\nlet a = team(\"{long}\");\nlet b = team(\"{long}y\");\na\n}}"
    );
    assert_eq!(line(&shortened), None);
    let one = format!("fn route(mail, ctx) {{\nlet a = inbox();\nteam(\" {long}\")\n}}");
    assert_eq!(line(&one), Some((3, None)));
    let many = "fn route(mail, ctx) {\nlet first = team(\"a\");\nfor n in 0..300 { print(n); inbox(); }\n\
                team(\"a\");\nfirst\n}";
    assert_eq!(line(many), None);
}

#[test]
fn words_added_to_answers_leave_room_for_one_that_begins() {
    let source = "fn route(mail, ctx) {\nlet tagged = inbox();\n\
                  for n in 0..400 { tagged.tag(\"vip\"); }\n\
                  if mail.subject.contains(\"Invoice\") { let t = team(\"billing\");\n\
                  for n in 0..400 { t.tag(\"vip\"); } return t; }\ninbox()\n}";
    assert_eq!(line(source).map(|(line, _)| line), Some(4));
}

#[test]
fn what_was_answered_before_does_not_count_for_later() {
    let helper = "fn route(mail, ctx) {\nplace(mail, false, true);\nplace(mail, true, false)\n}\n\
                  fn place(mail, known, skip) {\n\
                  if known || mail.subject.contains(\"Invoice\") {\n\
                  if skip { return (); }\n} else { return inbox(); }\n\
                  if known || mail.subject.contains(\"7\") { team(\"x\") } else { inbox() }\n}";
    assert_eq!(
        line(helper),
        Some((9, Some("known || mail.subject.contains(\"7\")".to_owned())))
    );
    let each = "fn route(mail, ctx) {\nfor word in [\"Invoice\", \"nothing\"] {\n\
                if word == \"nothing\" || mail.subject.contains(word) {\n\
                if word == \"Invoice\" { continue; }\nreturn team(\"x\"); } }\ninbox()\n}";
    let (_, because) = line(each).expect("a line");
    assert_eq!(
        because.as_deref(),
        Some("word == \"nothing\" || mail.subject.contains(word)")
    );
    let twice = "fn route(mail, ctx) {\nplace(mail, \"Invoice\");\nplace(mail, \"7\")\n}\n\
                 fn place(mail, word) {\nif mail.subject.contains(word) { team(\"x\") } \
                 else { inbox() }\n}";
    assert_eq!(
        line(twice),
        Some((6, Some("mail.subject.contains(word)".to_owned())))
    );
}
