//! The network between the gateway and a peer: it can cut, freeze, refuse and come back.
//!
//! It changes nothing of the bytes it carries, so TLS goes through it untouched; what
//! is said in the clear can decide when it fails.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;

/// Carried at once, in bytes; small, so that a cut after n bytes is close to n.
const PIECE: usize = 4096;

/// A road to one port of this machine; it closes with this value.
pub struct Proxy {
    pub port: u16,
    shared: Arc<Shared>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    target: u16,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Both ends of every connection there has been.
    open: Vec<TcpStream>,
    connections: usize,
    /// New connections are accepted and closed at once.
    refusing: bool,
    /// Bytes are held back in both directions; nobody is told.
    frozen: bool,
    /// After the client has said this, nothing comes from the peer.
    mute_at: Option<Vec<u8>>,
    muted: bool,
    /// How many bytes may still come from the peer before everything is cut.
    left: Option<usize>,
    closing: bool,
}

impl Proxy {
    pub fn to(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let theirs = Arc::clone(&shared);
        let listener = std::thread::spawn(move || accept(&listener, &theirs));
        Self {
            port,
            shared,
            listener: Some(listener),
        }
    }

    /// How many connections were made so far.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Ends all connections; new ones are possible.
    pub fn cut(&self) {
        self.shared.lock().cut();
        self.shared.changed.notify_all();
    }

    /// Cuts everything after this many more bytes from the peer; once.
    pub fn cut_after(&self, bytes: usize) {
        self.shared.lock().left = Some(bytes);
    }

    /// The peer is away until `restore`.
    pub fn refuse(&self) {
        let mut state = self.shared.lock();
        state.refusing = true;
        state.cut();
    }

    /// Nothing passes and nobody is told, until `restore`.
    pub fn freeze(&self) {
        self.shared.lock().frozen = true;
    }

    /// From the moment a client says these bytes (at once, and in the clear), nothing
    /// comes from the peer any more, until `restore`. The client still gets through.
    pub fn mute_at(&self, words: &[u8]) {
        self.shared.lock().mute_at = Some(words.to_vec());
    }

    /// All is well again.
    pub fn restore(&self) {
        let mut state = self.shared.lock();
        state.mute_at = None;
        state.muted = false;
        state.refusing = false;
        state.frozen = false;
        state.left = None;
        drop(state);
        self.shared.changed.notify_all();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.closing = true;
            state.frozen = false;
            state.muted = false;
            state.cut();
        }
        self.shared.changed.notify_all();
        // Wakes the thread that waits in `accept`.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        if let Some(listener) = self.listener.take() {
            let _ = listener.join();
        }
    }
}

impl State {
    fn cut(&mut self) {
        for stream in self.open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits while frozen or muted; how many of these bytes may pass.
    fn admit(&self, bytes: &[u8], from_peer: bool) -> usize {
        let mut state = self.lock();
        if let (false, Some(words)) = (from_peer, &state.mute_at) {
            let said = bytes.windows(words.len()).any(|window| window == words);
            state.muted |= said;
        }
        let mut state = self
            .changed
            .wait_while(state, |state| state.frozen || (from_peer && state.muted))
            .unwrap();
        let count = bytes.len();
        match &mut state.left {
            Some(left) if from_peer => {
                let pass = count.min(*left);
                *left -= pass;
                pass
            }
            _ => count,
        }
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        let Ok(client) = client else { continue };
        {
            let mut state = shared.lock();
            if state.closing {
                return;
            }
            if state.refusing {
                continue;
            }
            state.connections += 1;
        }
        let Ok(peer) = TcpStream::connect(("127.0.0.1", shared.target)) else {
            continue;
        };
        {
            let mut state = shared.lock();
            let ends = [&client, &peer].map(|stream| stream.try_clone().unwrap());
            state.open.extend(ends);
        }
        let ways = [
            (
                client.try_clone().unwrap(),
                peer.try_clone().unwrap(),
                false,
            ),
            (peer, client, true),
        ];
        for (from, to, from_peer) in ways {
            let shared = Arc::clone(shared);
            std::thread::spawn(move || carry(from, to, &shared, from_peer));
        }
    }
}

/// One direction of one connection, until an end closes or the road is cut.
fn carry(mut from: TcpStream, mut to: TcpStream, shared: &Shared, from_peer: bool) {
    let mut piece = [0; PIECE];
    while let Ok(count) = from.read(&mut piece) {
        if count == 0 {
            break;
        }
        let pass = shared.admit(&piece[..count], from_peer);
        if to.write_all(&piece[..pass]).is_err() {
            break;
        }
        if pass < count {
            let mut state = shared.lock();
            state.left = None;
            state.cut();
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
