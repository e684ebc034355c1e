//! What the gateway asks besides `route`: each answer, and what a wrong one comes to.

use std::sync::Arc;

use jiff::SignedDuration;

use super::*;
use crate::domain::decision::{Gate, Outcome, Routing, Verdict};
use crate::domain::state::MailboxState;

fn asked<T>(file: &str, source: &str, ask: impl FnOnce(&Snapshot) -> T) -> T {
    let snapshot = load(&[(file, source)]).expect("right scripts");
    ask(&snapshot)
}

fn gated(body: &str) -> Gated {
    let source = format!("fn ai_reply(mail, ctx) {{ {body} }}");
    asked("ai_gate.rhai", &source, |snapshot| {
        snapshot.ai_reply(mail(Arc::default()), context(), || false)
    })
}

#[test]
fn the_gate_is_off_unless_a_script_opens_it() {
    let off = |why: &str| Gate::Off {
        why: why.to_owned(),
    };
    let check = |body: &str, gate: Gate| {
        let found = gated(body);
        assert_eq!(
            (found.gate, found.outcome),
            (gate, Outcome::Decided),
            "{body}"
        );
    };
    check("off(\"no text\")", off("no text"));
    check(
        "draft(\"refunds\").because(mail.language)",
        Gate::Draft {
            guidance: "refunds".to_owned(),
            because: "zh".to_owned(),
        },
    );
    check(
        "let a = send(); a.because(\"known\"); a",
        Gate::Send {
            guidance: String::new(),
            because: "known".to_owned(),
        },
    );
    check(
        "draft(\"\")",
        Gate::Draft {
            guidance: String::new(),
            because: String::new(),
        },
    );
    let nothing = gated("");
    assert_eq!(nothing.gate, off("`ai_reply` answered nothing"));
    assert_eq!(nothing.warnings.len(), 1);
    let absent = load(&[]).expect("no scripts");
    let absent = absent.ai_reply(mail(Arc::default()), context(), || false);
    assert_eq!(
        (absent.gate, absent.outcome),
        (off("no ai_gate.rhai"), Outcome::NoScript)
    );
}

#[test]
fn a_gate_that_fails_is_off() {
    let check = |body: &str, words: &str| {
        let found = gated(body);
        assert_eq!(found.outcome, Outcome::Failed(words.to_owned()));
        assert_eq!(
            found.gate,
            Gate::Off {
                why: words.to_owned()
            }
        );
    };
    check(
        "let other = team(\"billing\"); other",
        "ai_gate.rhai: `ai_reply` must answer with off(...), draft(...) or send(...), not with an answer for `route` or `on_timer`",
    );
    check(
        "let other = true; other",
        "ai_gate.rhai: `ai_reply` must answer with off(...), draft(...) or send(...), not with a value of type bool",
    );
    check("throw \"no\"", "ai_gate.rhai:1:26: no");
    check(
        "off(\"a\").because(\"b\")",
        "ai_gate.rhai:1:35: `off` says why itself: `off(\"...\")`",
    );
}

fn vetted(source: &str) -> Vetted {
    let reply = ReplyView {
        from: Some(named(Some("Shop"), "shop@example.com")),
        to: vec![named(None, "Wang.Wei@example.cn")],
        subject: "Re: 7".to_owned(),
        text: "Your password is 7".to_owned(),
        attachments: vec![FileView {
            name: "a.exe".to_owned(),
            content_type: "application/x-dosexec".to_owned(),
            size: 7,
        }],
        ..ReplyView::default()
    };
    asked("before_send.rhai", source, |snapshot| {
        snapshot.before_send(reply, context(), || false)
    })
}

#[test]
fn a_reply_leaves_when_it_is_allowed_and_waits_when_it_is_held_or_the_script_fails() {
    let found = vetted(
        "fn before_send(reply, ctx) {
            if reply.from != \"shop@example.com\" || reply.from_name != \"Shop\" || reply.bcc != [] || reply.cc != []
                || reply.subject != \"Re: 7\" || reply.automatic || ctx.operator.name != \"\" { throw \"misread\" }
            if \"wang.wei@example.cn\" in reply.to && reply.attachments.some(|file| file.name.ends_with(\".exe\") && file.size == 7 && file.type != \"\") {
                return hold(\"a program is attached\");
            }
            allow()
        }",
    );
    assert_eq!(
        found.verdict,
        Verdict::Hold("a program is attached".to_owned())
    );
    assert_eq!(found.outcome, Outcome::Decided);
    assert_eq!(
        vetted("fn before_send(reply, ctx) { allow() }").verdict,
        Verdict::Allow
    );
    let check = |source: &str, words: &str| {
        let found = vetted(source);
        assert_eq!(found.verdict, Verdict::Hold(words.to_owned()));
        assert_eq!(found.outcome, Outcome::Failed(words.to_owned()));
    };
    check(
        "fn before_send(reply, ctx) { }",
        "before_send.rhai: `before_send` must answer with allow() or hold(...), not with nothing",
    );
    check(
        "fn before_send(reply, ctx) { let other = off(\"x\"); other }",
        "before_send.rhai: `before_send` must answer with allow() or hold(...), not with an answer for `ai_reply`",
    );
    let none = load(&[]).expect("no scripts");
    let none = none.before_send(ReplyView::default(), context(), || false);
    assert_eq!(
        (none.verdict, none.outcome),
        (Verdict::Allow, Outcome::NoScript)
    );
    let slip = load(&[(
        "before_send.rhai",
        "fn before_send(reply, ctx) { if reply.subjct == \"\" {} allow() }",
    )]);
    assert_eq!(
        slip.expect_err("a slip")[0].headline(),
        "before_send.rhai:1:39: reply has no property `subjct`"
    );
}

fn timed(body: &str) -> Routed {
    let source = format!("fn on_timer(ctx) {{ {body} }}");
    asked("timers.rhai", &source, |snapshot| {
        snapshot.on_timer(context(), || false)
    })
}

#[test]
fn timers_route_and_wake_again() {
    let found = timed(
        "team(\"second\").priority(\"urgent\").wake_in(\"1d 2h\").acknowledge(\"still-here\")",
    );
    assert_eq!(found.outcome, Outcome::Decided);
    assert_eq!(found.routing.team.as_deref(), Some("second"));
    assert_eq!(found.routing.wake_in, Some(SignedDuration::from_hours(26)));
    assert_eq!(found.routing.acknowledge.as_deref(), Some("still-here"));
    let nothing = timed("");
    assert_eq!(nothing.routing, Routing::default());
    assert_eq!(nothing.warnings.len(), 1);
    let check = |span: &str, words: &str| {
        let found = timed(&format!("let after = \"{span}\"; inbox().wake_in(after)"));
        assert_eq!(
            found.outcome,
            Outcome::Failed(format!("timers.rhai:1:{}: {words}", 44 + span.len())),
            "{span}"
        );
    };
    check(
        "soon",
        "\"soon\" is no span of time; write one such as `30m`, `4h` or `2d`",
    );
    check(
        "",
        "\"\" is no span of time; write one such as `30m`, `4h` or `2d`",
    );
    check(
        "1 month",
        "\"1 month\" is no span of time; write one such as `30m`, `4h` or `2d`",
    );
    for span in ["30s", "-4h", "91d"] {
        check(span, "wakes between one minute and 90 days from now");
    }
    for (span, minutes) in [
        ("1m", 1),
        ("90d", 90 * 24 * 60),
        ("4h", 240),
        ("2 days", 2880),
    ] {
        let found = timed(&format!("inbox().wake_in(\"{span}\")"))
            .routing
            .wake_in;
        assert_eq!(found, Some(SignedDuration::from_mins(minutes)), "{span}");
    }
}

fn alerted(body: &str) -> Alerted {
    let source = format!("fn on_mailbox_state(ctx) {{ {body} }}");
    asked("states.rhai", &source, |snapshot| {
        snapshot.on_mailbox_state(context(), || false)
    })
}

#[test]
fn every_alert_that_is_called_counts_once() {
    let check = |body: &str, texts: &[&str]| {
        let found = alerted(body);
        assert_eq!(found.texts, texts, "{body}");
        assert_eq!(found.outcome, Outcome::Decided, "{body}");
    };
    check("", &[]);
    check("alert(ctx.mailbox.name)", &["Support"]);
    check("alert(\"a\"); alert(\"b\");", &["a", "b"]);
    check("[alert(\"a\"), alert(\"b\")]", &["a", "b"]);
    let wrong = alerted("alert(\"a\"); [7]");
    assert_eq!(wrong.texts, ["a"]);
    assert_eq!(
        wrong.outcome,
        Outcome::Failed("states.rhai: `on_mailbox_state` must answer with alert(...), a list of those, or nothing, not with a value of type i64".to_owned())
    );
    let many = alerted("for i in 0..20 { alert(`${i}`); }");
    assert_eq!(many.texts.len(), 10);
    assert_eq!(
        many.outcome,
        Outcome::Failed("states.rhai:1:45: more than 10 alerts at once".to_owned())
    );
    let elsewhere = routed("fn route(mail, ctx) { alert(\"a\"); inbox() }");
    assert_eq!(
        elsewhere.outcome,
        Outcome::Failed(
            "routing.rhai:1:23: alerts are raised by `on_mailbox_state` in states.rhai".to_owned()
        )
    );
}

/// The first piece of script in the documentation that holds this.
fn documented(function: &str) -> &'static str {
    let documentation = include_str!("../../../scripts/README.md");
    let pieces = documentation.split("```").skip(1).step_by(2);
    let mut scripts = pieces.filter_map(|piece| piece.strip_prefix("rust\n"));
    scripts
        .find(|piece| piece.contains(function))
        .expect("it is there")
}

#[test]
fn the_documented_script_of_states_says_what_is_said_of_it() {
    let source = documented("fn on_mailbox_state");
    // A Friday; what surrounds it is as in every test here.
    let check = |now: &str, state, before, said: &str| {
        let mut context = context();
        context.now = now.parse().expect("a time");
        context.mailbox.state = Some(state);
        context.mailbox.state_before = Some(before);
        "535 no".clone_into(&mut context.mailbox.reason);
        let found = asked("states.rhai", source, |snapshot| {
            snapshot.on_mailbox_state(context, || false)
        });
        assert_eq!(found.outcome, Outcome::Decided);
        assert_eq!(found.texts.join("; "), said);
    };
    let (friday, sunday) = ("2026-11-27T12:00[UTC]", "2026-11-29T12:00[UTC]");
    let (out, well) = (MailboxState::ReauthenticationNeeded, MailboxState::Active);
    check(friday, out, well, "");
    check(
        sunday,
        out,
        well,
        "Support is locked out (535 no). The code lies in the safe.",
    );
    check(friday, well, out, "");
    check(
        friday,
        well,
        MailboxState::Error,
        "Support is back. Look through the orders of the last hours.",
    );
}

#[test]
fn the_documented_script_of_timers_hurries_only_for_who_waits_long() {
    let source = documented("ctx.conversation.waiting_since;");
    let check = |waiting, urgent: bool| {
        let mut context = context();
        if let Some(one) = &mut context.conversation {
            one.waiting_since = waiting;
        }
        let found = asked("timers.rhai", source, |snapshot| {
            snapshot.on_timer(context, || false)
        });
        assert_eq!(found.outcome, Outcome::Decided);
        assert_eq!(found.routing.priority.is_some(), urgent);
    };
    check(Later::Known(None), false);
    check(Later::Known(Some(at("2026-03-06T09:00:00Z"))), false);
    check(Later::Known(Some(at("2026-03-06T08:00:00Z"))), true);
}

#[test]
fn how_a_mailbox_is_doing_can_be_read_everywhere() {
    let source = "fn route(mail, ctx) { team(`${ctx.mailbox.state}|${ctx.mailbox.state_before}|${ctx.mailbox.reason}`) }";
    assert_eq!(routed(source).routing.team.as_deref(), Some("active||"));
}

#[test]
fn everything_that_scripts_see_is_described() {
    let all = reference::members();
    for member in &all {
        assert!(
            member.doc.ends_with('.') && !member.doc.contains('\n'),
            "{member:?}"
        );
        let owner = member.owner.map_or(Sort::Plain, Type::sort);
        if owner != Sort::Plain {
            let named = all
                .iter()
                .filter(|one| one.owner == member.owner && one.name == member.name);
            assert_eq!(named.count(), 1, "{member:?}");
        }
    }
    assert!(all.len() > 70, "{}", all.len());
}
