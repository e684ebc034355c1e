// What the fuzz target runs, and a property test of the library with it (both include
// this file). The first byte says how the stream is cut, the rest is the stream.

use std::time::Instant;

use bytes::{Bytes, BytesMut};
use postern::protocol::Machine as _;
use postern::protocol::smtp::{Event, Options, Reply, Server};

/// Small enough that a fuzzer reaches every limit.
fn options(lmtp: bool) -> Options {
    Options {
        lmtp,
        size_max: 200,
        recipients_max: 3,
        commands_max: 50,
        ..Options::new("mx.example.org")
    }
}

/// However the stream is cut, the machine must tell and say the same, and keep its promises.
pub(crate) fn smtp_server(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else {
        return;
    };
    let lmtp = cut & 0x80 != 0;
    let small = usize::from(*cut % 16) + 1;
    let pieces = told(stream, small, lmtp);
    let single = told(stream, 1, lmtp);
    assert_eq!(pieces.0, single.0, "the cut changed what was told");
    assert_eq!(pieces.1, single.1, "the cut changed what was said");
}

/// Everything the machine tells and says about `stream` fed in pieces of `size` bytes.
/// A piece that goes on behind DATA would be an early mail, so a piece ends at a line.
fn told(stream: &[u8], size: usize, lmtp: bool) -> (Vec<String>, Vec<u8>) {
    let now = Instant::now();
    let mut machine = Server::new(options(lmtp), now);
    let (mut told, mut said) = (Vec::new(), BytesMut::new());
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        for piece in line.chunks(size) {
            machine.handle_input(Bytes::copy_from_slice(piece), now);
            take_events(&mut machine, &mut told, now);
            while machine.poll_transmit(&mut said) {}
        }
    }
    machine.handle_eof(now);
    take_events(&mut machine, &mut told, now);
    while machine.poll_transmit(&mut said) {}
    check(&told);
    (told, said.to_vec())
}

fn take_events(machine: &mut Server, told: &mut Vec<String>, now: Instant) {
    while let Some(event) = machine.poll_event() {
        match &event {
            Event::Chunk(bytes) => {
                let text = bytes.escape_ascii().to_string();
                match told.last_mut() {
                    Some(last) if last.starts_with("chunk ") => last.push_str(&text),
                    _ => told.push(format!("chunk {text}")),
                }
                continue;
            }
            // How much of a mail came before it grew too large depends on the cut.
            Event::Abandoned => {
                if told.last().is_some_and(|last| last.starts_with("chunk ")) {
                    told.pop();
                }
                told.push("abandoned".to_owned());
            }
            Event::Closed(_) => told.push("closed".to_owned()),
            event => told.push(format!("{event:?}")),
        }
        match event {
            // A recipient whose name is long is nobody's.
            Event::Recipient(address) if address.local().len() > 5 => {
                machine.answer(Reply::new(550, "5.1.1", "no"), now);
            }
            Event::Sender { .. } | Event::Recipient(_) => machine.answer(Reply::ok(), now),
            Event::EndOfData { .. } => machine.answer(Reply::stored(), now),
            Event::StartTls => machine.tls_started(now),
            _ => {}
        }
    }
}

fn check(told: &[String]) {
    let closed = told.iter().filter(|event| *event == "closed").count();
    assert_eq!(closed, 1, "the end is told exactly once");
    assert_eq!(told.last().map(String::as_str), Some("closed"));
    let mut recipients = 0_usize;
    for event in told {
        if event.starts_with("Sender") {
            recipients = 0;
        } else if event.starts_with("Recipient") {
            recipients += 1;
        } else if event.starts_with("Data") {
            assert!(recipients > 0, "a mail for nobody");
        }
    }
}
