// What the fuzz target runs, and a property test of the library with it (both include
// this file). The first byte says how the stream is cut, the rest is the stream.

use std::time::Instant;

use bytes::Bytes;
use postern::domain::folder::{FolderName, Uid};
use postern::protocol::Machine as _;
use postern::protocol::imap::{
    CloseReason, Connection, Event, FetchItems, Options, SearchKey, SelectMode, UidSet,
};

/// Small enough that a fuzzer reaches every limit.
fn options() -> Options {
    Options {
        response_max: 300,
        discard_max: 3_000,
        literals_max: 4,
        inline_literal_max: 20,
        body_max: 200,
        drain_max: 1_000,
        ..Options::default()
    }
}

/// However the stream is cut, the machine must tell the same, and keep its promises.
pub(crate) fn imap_connection(data: &[u8]) {
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
    let uids = UidSet::starting_at(Uid::new(5).expect("not zero"));
    machine.handle_input(Bytes::from_static(b"* OK hi\r\n"), now);
    machine.select(&FolderName::inbox(), &SelectMode::ReadWrite, now);
    machine.uid_search(&[SearchKey::All], now);
    machine.uid_fetch(&uids, &FetchItems::whole(), now);
    machine.idle(now);
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

/// Takes what there is; chunks of one body become one.
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
            [Event::BodyBegan { size, .. }, Event::BodyChunk(chunk)] => {
                let cut = matches!(
                    events.last(),
                    Some(Event::Closed(
                        CloseReason::Cut { .. } | CloseReason::Bye { .. } | CloseReason::LoggedOut
                    ))
                );
                assert!(chunk.len() as u64 == *size || cut, "a body is whole or cut");
                assert!(chunk.len() as u64 <= *size, "a body is never more than announced");
            }
            [before, Event::BodyChunk(_)] => panic!("a chunk without a body after {before:?}"),
            _ => {}
        }
    }
}
