//! Untagged data: as the codec takes it, else repaired, else by hand, else put aside.

use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_types::response::{Data, Response};

use super::running::Task;
use super::{BodyRead, Connection};
use crate::protocol::imap::event::{Body, Event, Fetched, Malformed};
use crate::protocol::imap::fetch::BodyValue;
use crate::protocol::imap::{data, fetch, fetch_scan, normalize};

impl Connection {
    /// Untagged data: as the codec takes it, else repaired, else by hand, else put aside.
    pub(super) fn handle_data(&mut self, line: &[u8]) {
        if self.decode(line) {
            return;
        }
        let repaired = normalize::repair(line);
        if repaired != line && self.decode(&repaired) {
            return;
        }
        if fetch_scan::is_fetch(line) {
            let fetched = fetch_scan::scan(line);
            let body = self.scanned_body(line);
            self.fetched(fetched, body);
        } else if let Some(found) = data::scan_search(&repaired) {
            self.emit(found);
        } else {
            self.malformed(Malformed::Syntax, line);
        }
    }

    /// `false` when the codec refuses the line, or a value in it cannot be.
    fn decode(&mut self, line: &[u8]) -> bool {
        let codec = ResponseCodec::default();
        match codec.decode(line) {
            Ok(([], Response::Data(Data::Fetch { items, .. }))) => {
                let (fetched, body) = fetch::convert(items.as_ref());
                self.fetched(fetched, body);
                true
            }
            Ok(([], Response::Data(data))) => {
                let events = data::events(data, &mut self.names);
                let understood = events.is_some();
                for event in events.into_iter().flatten() {
                    self.handle_data_event(event);
                }
                understood
            }
            _ => false,
        }
    }

    /// EXISTS belongs to the SELECT that runs, if one does.
    fn handle_data_event(&mut self, event: Event) {
        if let (Event::Exists(count), Some(running)) = (&event, self.running.front_mut())
            && let Task::Select(folder) = &mut running.task
        {
            folder.exists = *count;
        } else {
            self.emit(event);
        }
    }

    /// The body item of a FETCH that only the scan could read. A body that was handed
    /// out is there, whatever the walk over a broken line found.
    fn scanned_body(&self, line: &[u8]) -> BodyValue {
        let mut bodies = fetch_scan::Items::of(line).filter(fetch_scan::Item::is_body);
        let item = bodies.next();
        match item {
            _ if bodies.next().is_some() => BodyValue::Several,
            _ if self.body.is_some() => BodyValue::Streamed {
                offset: item.and_then(|item| item.offset()),
            },
            Some(item) if item.value.eq_ignore_ascii_case(b"NIL") => BodyValue::Nil,
            _ => BodyValue::Absent,
        }
    }

    fn fetched(&mut self, mut fetched: Fetched, value: BodyValue) {
        fetched.body = match (value, self.body) {
            (BodyValue::Several, _) | (_, Some(BodyRead::Several)) => Body::Several,
            (BodyValue::Absent, _) | (BodyValue::Streamed { .. }, None) => Body::Absent,
            (BodyValue::Nil, _) => Body::Nil,
            (BodyValue::Streamed { .. }, Some(BodyRead::Discarded { size })) => {
                Body::TooLarge { size }
            }
            (BodyValue::Streamed { offset }, Some(BodyRead::Streamed { size })) => {
                Body::Complete { size, offset }
            }
            (BodyValue::Quoted { offset, text }, _) => {
                let (uid, size) = (fetched.uid, text.len() as u64);
                self.emit(Event::BodyBegan { uid, size });
                if !text.is_empty() {
                    self.emit(Event::BodyChunk(text.into()));
                }
                Body::Complete { size, offset }
            }
        };
        self.emit(Event::Fetched(fetched));
    }
}
