//! The dialogue: states, what waits, and what the client sees of its folder.

use std::collections::VecDeque;
use std::mem;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};

use crate::domain::folder::{FolderName, Uid};
use crate::domain::secret::Secret;
use crate::protocol::Machine;

use super::framing::{Framer, Step};
use super::request::{Answer, Listed, Request};
use super::section::Item;

mod answer;
mod command;
mod translate;

/// What the host decides.
#[derive(Clone, Debug)]
pub struct Options {
    /// Shown in the greeting and by ID.
    pub name: String,
    /// Whether IDLE (RFC 2177) is offered.
    pub idle: bool,
    /// Silence after which the session ends (RFC 3501 section 5.4: at least 30 minutes).
    pub silence_max: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: "Practice provider".to_owned(),
            idle: true,
            silence_max: Duration::from_secs(30 * 60),
        }
    }
}

/// What the machine tells its host.
#[derive(Debug)]
pub enum Event {
    /// Answer by [`Server::answer`].
    Ask(Request),
    /// The last event.
    Closed(CloseReason),
}

/// Why a session is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseReason {
    /// LOGOUT.
    Logout,
    /// The client has closed its side.
    PeerGone,
    /// Silence.
    Timeout,
    /// More than the bounds allow.
    Flood,
    /// The host said BYE.
    Host,
}

/// The machine.
#[derive(Debug)]
pub struct Server {
    options: Options,
    state: State,
    authenticated: bool,
    view: Option<View>,
    framer: Framer,
    input: BytesMut,
    out: BytesMut,
    events: VecDeque<Event>,
    deadline: Option<Instant>,
}

#[derive(Debug)]
enum State {
    Commands,
    /// AUTHENTICATE waits for its one line.
    Authenticating {
        tag: String,
    },
    Idling {
        tag: String,
    },
    Asking(Asked),
    Closed,
}

/// A command that waits for its host.
#[derive(Debug)]
struct Asked {
    tag: String,
    then: Then,
}

/// What to do with the answer.
#[derive(Debug)]
enum Then {
    Login,
    List {
        pattern: String,
    },
    Select {
        read_only: bool,
    },
    Status {
        folder: FolderName,
        items: Vec<&'static str>,
    },
    Search {
        by_uid: bool,
    },
    Fetch(Fetching),
    Store {
        silent: bool,
        by_uid: bool,
    },
    Append,
    Expunge,
    Close,
}

#[derive(Debug)]
struct Fetching {
    rest: VecDeque<Uid>,
    items: Vec<Item>,
    by_uid: bool,
    mark_seen: bool,
}

/// The selected folder as this client has been told it.
#[derive(Debug)]
struct View {
    uids: Vec<Uid>,
    read_only: bool,
    news: VecDeque<News>,
}

/// What the client has not been told yet.
#[derive(Debug)]
enum News {
    Arrived(Uid),
    Vanished(Uid),
}

impl Server {
    /// Most bytes kept while the host thinks.
    const AHEAD_MAX: usize = 256 * 1024;
    /// No further mail is asked for while this much waits to be written, in bytes.
    const UNSENT_MAX: usize = 256 * 1024;

    /// Begins with the greeting.
    #[must_use]
    pub fn new(options: Options, now: Instant) -> Self {
        let mut server = Self {
            state: State::Commands,
            authenticated: false,
            view: None,
            framer: Framer::default(),
            input: BytesMut::new(),
            out: BytesMut::new(),
            events: VecDeque::new(),
            deadline: Some(now + options.silence_max),
            options,
        };
        let capabilities = server.capabilities();
        let name = server.options.name.clone();
        server.line(&format!("* OK [CAPABILITY {capabilities}] {name}"));
        server
    }

    /// A mail has come into the selected folder. Told at once inside IDLE.
    pub fn arrived(&mut self, uid: Uid) {
        self.news(News::Arrived(uid));
    }

    /// The same, but not told before the next command ends: for playing a server
    /// whose IDLE announces nothing.
    pub fn arrived_quietly(&mut self, uid: Uid) {
        if let Some(view) = &mut self.view {
            view.news.push_back(News::Arrived(uid));
        }
    }

    /// A mail has left the selected folder.
    pub fn vanished(&mut self, uid: Uid) {
        self.news(News::Vanished(uid));
    }

    /// Ends the session with `* BYE`.
    pub fn bye(&mut self, text: &str) {
        self.close(Some(text), CloseReason::Host);
    }

    /// Whether the client idles.
    #[must_use]
    pub fn is_idling(&self) -> bool {
        matches!(self.state, State::Idling { .. })
    }

    fn news(&mut self, news: News) {
        if let Some(view) = &mut self.view {
            view.news.push_back(news);
            if self.is_idling() {
                self.tell_news();
            }
        }
    }

    /// RFC 3501 sections 7.3.1 and 7.4.1.
    fn tell_news(&mut self) {
        let Some(view) = &mut self.view else { return };
        let mut lines = Vec::new();
        for news in mem::take(&mut view.news) {
            match news {
                News::Arrived(uid) => {
                    if view.uids.last().is_none_or(|last| *last < uid) {
                        view.uids.push(uid);
                        lines.push(format!("* {} EXISTS", view.uids.len()));
                    }
                }
                News::Vanished(uid) => {
                    if let Ok(at) = view.uids.binary_search(&uid) {
                        view.uids.remove(at);
                        lines.push(format!("* {} EXPUNGE", at + 1));
                    }
                }
            }
        }
        for line in lines {
            self.line(&line);
        }
    }

    fn capabilities(&self) -> String {
        let idle = if self.options.idle { " IDLE" } else { "" };
        let common = "IMAP4rev1 LITERAL+ SASL-IR AUTH=PLAIN ID NAMESPACE UIDPLUS UNSELECT";
        format!("{common} SPECIAL-USE{idle}")
    }

    fn line(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    /// Ends a command; what has happened meanwhile is told first.
    fn done(&mut self, tag: &str, text: &str) {
        self.tell_news();
        self.done_without_news(tag, text);
    }

    /// RFC 3501 section 7.4.1: no EXPUNGE while sequence numbers are in use.
    fn done_without_news(&mut self, tag: &str, text: &str) {
        self.line(&format!("{tag} {text}"));
    }

    fn ask(&mut self, tag: String, then: Then, request: Request) {
        self.state = State::Asking(Asked { tag, then });
        self.events.push_back(Event::Ask(request));
    }

    fn pump(&mut self) {
        loop {
            match &self.state {
                State::Asking(_) => {
                    if self.input.len() > Self::AHEAD_MAX {
                        self.close(Some("Too much was sent ahead"), CloseReason::Flood);
                    }
                    return;
                }
                State::Closed => return,
                State::Commands | State::Authenticating { .. } | State::Idling { .. } => {}
            }
            match self.framer.next(&mut self.input) {
                Step::More => return,
                Step::Continue => self.line("+ go ahead"),
                Step::Frame(frame) => match mem::replace(&mut self.state, State::Commands) {
                    State::Authenticating { tag } => self.authenticate(tag, &frame.command),
                    State::Idling { tag } => self.end_idle(&tag, &frame.command),
                    State::Commands => self.run(frame),
                    waiting @ (State::Asking(_) | State::Closed) => self.state = waiting,
                },
                Step::Refused(frame) => {
                    let tag = frame.tag();
                    self.done(&tag, "NO [TOOBIG] That literal is too long");
                }
                Step::Flood => {
                    self.close(Some("That is too long"), CloseReason::Flood);
                    return;
                }
            }
        }
    }

    fn close(&mut self, bye: Option<&str>, reason: CloseReason) {
        if matches!(self.state, State::Closed) {
            return;
        }
        if let Some(text) = bye {
            self.line(&format!("* BYE {text}"));
        }
        self.state = State::Closed;
        self.deadline = None;
        self.input.clear();
        self.events.push_back(Event::Closed(reason));
    }
}

impl Machine for Server {
    type Event = Event;

    fn handle_input(&mut self, bytes: Bytes, now: Instant) {
        if matches!(self.state, State::Closed) {
            return;
        }
        self.deadline = Some(now + self.options.silence_max);
        self.input.extend_from_slice(&bytes);
        self.pump();
    }

    fn handle_eof(&mut self, _now: Instant) {
        self.close(None, CloseReason::PeerGone);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.close(Some("Silent for too long"), CloseReason::Timeout);
        }
    }

    fn poll_transmit(&mut self, out: &mut BytesMut) -> bool {
        let some = !self.out.is_empty();
        out.unsplit(self.out.split());
        some
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    fn poll_event(&mut self) -> Option<Event> {
        if self.out.len() > Self::UNSENT_MAX {
            return None;
        }
        self.events.pop_front()
    }
}
