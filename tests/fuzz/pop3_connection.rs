// What the fuzz target runs, and a property test of the library with it (both include
// this file). The first byte says how the stream is cut, the rest is the stream.

use std::time::Instant;

use bytes::Bytes;
use postern::protocol::Machine as _;
use postern::protocol::pop3::{Connection, Event, Options};

/// Small enough that a fuzzer reaches every limit.
fn options() -> Options {
    Options {
        line_max: 120,
        rows_max: 4,
        body_max: 200,
        ..Options::default()
    }
}

/// However the stream is cut, the machine must tell the same, and keep its promises.
pub(crate) fn pop3_connection(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else {
        return;
    };
    let whole = told(stream, usize::MAX);
    let pieces = told(stream, usize::from(*cut % 16) + 1);
    assert_eq!(whole, pieces, "the cut changed what was told");
}

/// Everything the machine tells about `stream` fed in pieces of `size` bytes.
fn told(stream: &[u8], size: usize) -> Vec<Event> {
    let now = Instant::now();
    let mut machine = Connection::new(options(), now);
    machine.handle_input(Bytes::from_static(b"+OK hi\r\n"), now);
    machine.capa(now);
    machine.list(now);
    machine.uidl(now);
    machine.retr(1, now);
    machine.top(2, 0, now);
    machine.dele(1, now);
    machine.quit(now);
    let mut events = Vec::new();
    for piece in stream.chunks(size.min(stream.len().max(1))) {
        machine.handle_input(Bytes::copy_from_slice(piece), now);
        take_events(&mut machine, &mut events);
    }
    machine.handle_eof(now);
    take_events(&mut machine, &mut events);
    check(&events);
    events
}

/// Takes what there is; chunks of one mail become one, up to the limit that ended it.
fn take_events(machine: &mut Connection, events: &mut Vec<Event>) {
    while let Some(event) = machine.poll_event() {
        match (events.last_mut(), event) {
            (Some(Event::BodyChunk(before)), Event::BodyChunk(chunk)) => {
                *before = [&before[..], &chunk].concat().into();
            }
            (_, event) => events.push(event),
        }
    }
}

fn check(events: &[Event]) {
    let closed = events.iter().filter(|event| matches!(event, Event::Closed(_)));
    assert_eq!(closed.count(), 1, "the end is told exactly once");
    assert!(
        matches!(events.last(), Some(Event::Closed(_))),
        "nothing follows the end"
    );
    for pair in events.windows(2) {
        match pair {
            [Event::BodyBegan(_), Event::BodyChunk(chunk)] => {
                assert!(chunk.len() as u64 <= options().body_max, "a mail within its limit");
            }
            [before, Event::BodyChunk(_)] => panic!("a chunk without a mail after {before:?}"),
            _ => {}
        }
    }
}
