//! The rule under any sequence of conditions and moments.

use jiff::civil::date;
use proptest::prelude::*;

use super::*;
use crate::domain::condition::{Attempts, Failure, Patience};
use crate::domain::expiry::Ending;

fn at(minute: i64) -> Timestamp {
    // The middle of a day, so that an hour more or less is the same day.
    let noon = SignedDuration::from_hours(12);
    Timestamp::UNIX_EPOCH + noon + SignedDuration::from_mins(minute)
}

fn refused() -> Situation {
    Situation::Refused {
        reason: "535".into(),
    }
}

fn failing() -> Situation {
    Situation::Failing {
        reason: "timed out".into(),
    }
}

/// Judges one after the other; what was due at each step, by its first letter.
fn told_at(steps: &[(i64, Situation)]) -> String {
    let (mut told, rules) = (Told::default(), AlertRules::default());
    let mut said = String::new();
    for (minute, situation) in steps {
        let seen = Seen {
            now: at(*minute),
            expiry: None,
            situation: situation.clone(),
        };
        let judged = judge(&told, &seen, &rules);
        said.extend(judged.due.iter().map(letter));
        said.push('.');
        told = judged.told;
    }
    said
}

fn letter(due: &Due) -> char {
    match due {
        Due::Ends { .. } => 'X',
        Due::Reauthenticate { .. } => 'A',
        Due::Error { .. } => 'E',
        Due::Recovered { .. } => 'R',
        Due::Script { .. } | Due::ScriptFails { .. } => 'S',
    }
}

#[test]
fn an_error_is_told_when_it_lasts_and_its_end_when_that_lasts() {
    use Situation::{Off, Unsettled, Well};
    let cases: [(&[(i64, Situation)], &str); 8] = [
        (
            &[
                (0, failing()),
                (14, failing()),
                (15, failing()),
                (90, failing()),
            ],
            "..E..",
        ),
        (
            &[
                (0, failing()),
                (15, failing()),
                (16, Well),
                (30, Well),
                (31, Well),
                (60, Well),
            ],
            ".E...R..",
        ),
        // Short trouble is nobody's news.
        (
            &[(0, failing()), (5, Well), (20, Well), (21, failing())],
            "....",
        ),
        // It flaps: one incident, told once.
        (
            &[
                (0, failing()),
                (10, Well),
                (16, failing()),
                (20, Well),
                (22, failing()),
                (40, Unsettled),
                (41, Well),
                (56, Well),
            ],
            "..E.....R.",
        ),
        (&[(0, refused()), (1, refused()), (900, refused())], "A..."),
        (
            &[(0, refused()), (1, Unsettled), (2, Well), (3, refused())],
            "A..R.A.",
        ),
        (
            &[
                (0, failing()),
                (15, failing()),
                (16, refused()),
                (17, failing()),
                (18, Well),
            ],
            ".E.A..R.",
        ),
        // A person has switched it off: nothing goes on any more.
        (
            &[(0, failing()), (15, failing()), (16, Off), (17, Well)],
            ".E...",
        ),
    ];
    for (steps, expected) in cases {
        assert_eq!(told_at(steps), expected, "{steps:?}");
    }
}

#[test]
fn a_code_is_warned_of_once_per_stage_and_the_nearest_stage_says_it_all() {
    let rules = AlertRules::default();
    let made = date(1970, 1, 1);
    let expiry = Expiry::after(Ending::Code, made, 180);
    let judged_on = |told: &Told, day: i64, expiry| {
        let seen = Seen {
            now: at(day * 24 * 60),
            expiry: Some(expiry),
            situation: Situation::Well,
        };
        judge(told, &seen, &rules)
    };
    let mut told = Told::default();
    let mut days = Vec::new();
    for day in 0..200 {
        let judged = judged_on(&told, day, expiry);
        days.extend(judged.due.iter().map(|due| match due {
            Due::Ends { days_left, .. } => *days_left,
            other => panic!("{other:?}"),
        }));
        assert!(judged.look_at.is_some_and(|look| look > at(day * 24 * 60)));
        told = judged.told;
    }
    assert_eq!(days, [14, 7, 1]);
    // Nobody was there for a while: one warning, not three.
    let late = judged_on(&Told::default(), 185, expiry);
    assert!(matches!(late.due[..], [Due::Ends { days_left: -5, .. }]));
    assert!(judged_on(&late.told, 186, expiry).due.is_empty());
    // Another code is another story.
    let next = Expiry::after(Ending::Code, date(1970, 1, 10), 180);
    assert_eq!(judged_on(&told, 182, next).due.len(), 1);
}

#[test]
fn forwarded_mail_proves_nothing_by_connections() {
    let mut health = MailboxHealth::default();
    assert_eq!(Situation::of(&health, true), Situation::Well);
    assert_eq!(Situation::of(&health, false), Situation::Unsettled);
    health.receiving = Condition::Active;
    assert_eq!(Situation::of(&health, false), Situation::Well);
    // It has worked, and failed before the restart.
    health.last_submission = Some(Timestamp::UNIX_EPOCH);
    assert_eq!(Situation::of(&health, false), Situation::Unsettled);
    health.sending = Condition::ReauthenticationNeeded {
        reason: "535".into(),
    };
    assert_eq!(Situation::of(&health, false), refused());
}

fn situations() -> impl Strategy<Value = Situation> {
    prop_oneof![
        1 => Just(Situation::Off),
        2 => Just(refused()),
        4 => Just(failing()),
        3 => Just(Situation::Unsettled),
        4 => Just(Situation::Well),
    ]
}

/// Minutes that pass, what is seen then, how old the code is, and whether the gateway dies
/// before it has stored what follows.
fn steps() -> impl Strategy<Value = Vec<(i64, Situation, i64, bool)>> {
    let step = (0_i64..3_000, situations(), 0_i64..3, any::<bool>());
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn whatever_happens_nothing_is_told_twice_and_nothing_is_lost(steps in steps()) {
        let rules = AlertRules::default();
        let mut told = Told::default();
        let mut minute = 0;
        // What people know: of an incident, and of each code's stages.
        let (mut known, mut off_or_well) = (None::<char>, true);
        let mut stages: std::collections::HashMap<Date, i64> = std::collections::HashMap::new();
        for (passes, situation, made, dies) in steps {
            minute += passes;
            let since = date(1970, 1, 1).saturating_add(jiff::Span::new().days(made * 30));
            let seen = Seen {
                now: at(minute),
                expiry: Some(Expiry::after(Ending::Code, since, 60)),
                situation: situation.clone(),
            };
            let judged = judge(&told, &seen, &rules);
            if dies {
                // The next look after the restart says the same again.
                prop_assert_eq!(&judge(&told, &seen, &rules), &judged);
                continue;
            }
            prop_assert!(judge(&judged.told, &seen, &rules).due.is_empty());
            for due in &judged.due {
                match due {
                    Due::Ends { expiry, days_left } => {
                        let reached = |stage: &&u16| *days_left <= i64::from(**stage);
                        let stage = rules.days_before.iter().filter(reached).min();
                        let stage = i64::from(*stage.expect("none was reached"));
                        // Another code was looked at between: its stages may be told anew.
                        let before = stages.insert(expiry.ends_on, stage);
                        let switched = told.ending.is_some_and(|one| one.ends_on != expiry.ends_on);
                        prop_assert!(switched || before.is_none_or(|before| stage < before));
                    }
                    Due::Reauthenticate { .. } => {
                        prop_assert!(known != Some('A'));
                        known = Some('A');
                    }
                    Due::Error { since, .. } => {
                        prop_assert!(known.is_none());
                        prop_assert!(seen.now >= *since + rules.error_after);
                        known = Some('E');
                    }
                    Due::Recovered { .. } => {
                        prop_assert!(known.take().is_some());
                        prop_assert_eq!(&situation, &Situation::Well);
                    }
                    Due::Script { .. } | Due::ScriptFails { .. } => prop_assert!(false, "the rule speaks for no script"),
                }
            }
            off_or_well = match situation {
                Situation::Off => { known = None; true }
                Situation::Refused { .. } => { prop_assert_eq!(known, Some('A')); false }
                Situation::Well => off_or_well || judged.told.incident.is_none(),
                Situation::Failing { .. } | Situation::Unsettled => false,
            };
            if off_or_well && !matches!(situation, Situation::Off) {
                prop_assert!(known.is_none());
            }
            told = judged.told;
        }
    }

    #[test]
    fn trouble_on_the_way_never_asks_for_a_login(
        failures in prop::collection::vec((0_i64..40, any::<bool>()), 1..100)
    ) {
        let (rules, mut told) = (AlertRules::default(), Told::default());
        let mut attempts = Attempts::new(Patience::default());
        let (mut minute, mut unclear) = (0, 0);
        for (passes, perhaps) in failures {
            minute += passes;
            let words = "[UNAVAILABLE] try later".into();
            // Two refusals that can mean more than one thing are no proof; the third may be.
            let failure = if perhaps && unclear < 2 {
                unclear += 1;
                Failure::RefusedPerhaps(words)
            } else {
                Failure::Passing(words)
            };
            let health = MailboxHealth {
                receiving: attempts.fail(failure, at(minute), 0),
                ..MailboxHealth::default()
            };
            let situation = Situation::of(&health, false);
            let seen = Seen { now: at(minute), expiry: None, situation };
            let judged = judge(&told, &seen, &rules);
            let only_errors = judged.due.iter().all(|due| letter(due) == 'E');
            prop_assert!(only_errors, "{:?}", judged.due);
            told = judged.told;
        }
    }
}

#[test]
fn a_state_is_proven_as_far_as_the_gateway_itself_believes_it() {
    use MailboxState::{Active, Connecting, Error, Interrupted};
    let proven = |situation: &Situation| {
        let states = [Connecting, Interrupted, Error, Active];
        states.map(|state| situation.proves(state))
    };
    assert_eq!(proven(&Situation::Unsettled), [false, true, false, false]);
    // Forwarding that has brought no mail yet is well, and its state is still unknown.
    for settled in [Situation::Well, failing()] {
        assert_eq!(proven(&settled), [false, true, true, true]);
    }
}
