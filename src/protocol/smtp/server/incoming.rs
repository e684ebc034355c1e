//! A mail on its way in: its size, its pace, and what no mail may hold.

use std::time::{Duration, Instant};

use super::super::data::{DataReader, Progress};
use super::super::reply::Reply;
use super::{Event, Options, Question, Server, State};
use crate::protocol::progress;

/// A mail on its way in.
#[derive(Debug)]
pub(super) struct Incoming {
    reader: DataReader,
    size: u64,
    /// Why it will be refused at its end: from there on it is read, but not kept.
    fault: Option<Fault>,
    pace: progress::Progress,
    ends_at: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    TooLarge,
    /// RFC 5322 section 2.1 and RFC 2045 section 2.8: neither text nor 8bit data holds one.
    Nul,
}

impl Incoming {
    pub(super) fn begin(options: &Options, now: Instant) -> Self {
        Self {
            reader: DataReader::new(),
            size: 0,
            fault: None,
            pace: progress::Progress::start(now),
            ends_at: now + options.data_timeout,
        }
    }

    /// When it is too slow, unless enough has come by then.
    pub(super) fn deadline(&self) -> Instant {
        self.pace.deadline(Server::DATA_WINDOW).min(self.ends_at)
    }

    /// Whether so much has come since the last look that it may go on.
    pub(super) fn goes_on(&mut self, options: &Options, now: Instant) -> bool {
        let bytes_min = options.data_rate_min * Server::DATA_WINDOW.as_secs();
        now < self.ends_at && self.pace.renew(bytes_min, now)
    }
}

impl Fault {
    fn reply(self, options: &Options) -> Reply {
        match self {
            Self::TooLarge => {
                let words = format!("The mail is larger than {} bytes", options.size_max);
                Reply::new(552, "5.3.4", words)
            }
            Self::Nul => {
                let words = "The mail holds a NUL byte, which no mail may; encode it (base64)";
                Reply::new(554, "5.6.0", words)
            }
        }
    }
}

impl Server {
    /// A mail must bring its least within each span of this. Longer than any pause that
    /// TCP makes of a few lost packets.
    const DATA_WINDOW: Duration = Duration::from_secs(120);

    pub(super) fn read_data(&mut self, mut incoming: Incoming, now: Instant) -> bool {
        let limit = self.options.size_max;
        let before = self.input.len();
        let (events, size, fault) = (&mut self.events, &mut incoming.size, &mut incoming.fault);
        let progress = incoming.reader.read(&mut self.input, |chunk| {
            *size += chunk.len() as u64;
            if fault.is_some() {
                return;
            }
            if *size > limit {
                *fault = Some(Fault::TooLarge);
            } else if memchr::memchr(0, &chunk).is_some() {
                *fault = Some(Fault::Nul);
            } else {
                return events.push_back(Event::Chunk(chunk));
            }
            events.push_back(Event::Abandoned);
        });
        incoming.pace.add(before - self.input.len());
        match (progress, incoming.fault) {
            (Err(_), _) => {
                self.violation("Lines end in CRLF; a bare CR or LF is not accepted");
                false
            }
            (Ok(Progress::More), _) => {
                self.state = State::Data(incoming);
                false
            }
            (Ok(Progress::End), Some(fault)) => {
                let replies = self.end_transaction();
                let reply = fault.reply(&self.options);
                for _ in 1..replies {
                    self.say(&reply);
                }
                self.refuse(reply, now);
                true
            }
            (Ok(Progress::End), None) => {
                let size = incoming.size;
                self.ask(Question::EndOfData, Event::EndOfData { size });
                false
            }
        }
    }
}
