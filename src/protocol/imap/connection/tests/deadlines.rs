//! Every wait has an end.

use super::{Run, check};
use crate::protocol::Machine as _;
use crate::protocol::imap::Options;

#[test]
fn a_server_that_says_nothing() {
    check(
        r##"
        > wait 31
        = closed TimedOut(Greeting)
        "##,
    );
    check(
        r##"
        S- * OK h
        > wait 31
        = closed TimedOut(Greeting)
        "##,
    );
}

#[test]
fn a_command_without_an_answer() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > wait 100000
        > noop
        C: P1 NOOP
        > wait 119
        S: P1 OK done
        = 1 ok done
        > noop
        C: P2 NOOP
        > wait 60
        S: * 3 EXISTS
        > wait 61
        = Exists(3)
        = closed TimedOut(Answer)
        "##,
    );
}

#[test]
fn a_body_that_drips() {
    let mut run = Run::new(Options::default(), usize::MAX);
    run.feed(b"* OK hi\r\n* 1 FETCH (UID 5 BODY[] {1000000}\r\n".to_vec());
    // Enough in each minute: the connection lives.
    for _ in 0..10 {
        run.feed(vec![b'x'; 5000]);
        run.wait(60);
        assert!(!run.machine.is_closed());
    }
    // One byte a second is no progress.
    for _ in 0..61 {
        run.feed(vec![b'x']);
        run.wait(1);
    }
    let events = run.events();
    assert_eq!(
        events.last().map(String::as_str),
        Some("closed TimedOut(Stream)")
    );
}

#[test]
fn an_idle_is_renewed_in_time() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > idle
        C: P1 IDLE
        S: + idling
        = Idling
        > wait 509
        C: 
        > wait 1
        C: DONE
        S: P1 OK done
        = 1 ok done
        > idle
        C: P2 IDLE
        S: + idling
        = Idling
        > wait 510
        C: DONE
        -- The connection was dead: DONE is not answered.
        > wait 120
        = closed TimedOut(Answer)
        "##,
    );
    check(
        r##"
        S: * OK hi
        = greeting hi
        > idle
        C: P1 IDLE
        > wait 120
        = closed TimedOut(Answer)
        "##,
    );
}

#[test]
fn a_server_that_says_goodbye_and_stays() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > noop
        C: P1 NOOP
        S: * BYE see you
        > wait 5
        = closed Bye { code: None, text: "see you", greeting: false }
        "##,
    );
}

#[test]
fn spurious_time_outs_do_no_harm() {
    let mut run = Run::new(Options::default(), usize::MAX);
    run.machine.handle_timeout(run.now);
    run.feed(b"* OK hi\r\n".to_vec());
    run.machine.handle_timeout(run.now);
    assert_eq!(run.machine.poll_timeout(), None);
    assert_eq!(run.events(), ["greeting hi"]);
}
