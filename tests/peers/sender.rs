//! A mail server that sends: an SMTP dialogue by hand, and a queue that keeps every
//! mail until it is answered with 250 (RFC 5321 section 4.5.4.1).
//!
//! It shares no code with the gateway.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use super::STEP_MAX;

/// The first port of those below what the system hands out by itself, and how many.
const PORTS: (u16, u16) = (20_000, 10_000);

/// A port for a gateway that is to keep it over restarts. Nothing else of this process gets
/// it, and no outgoing connection either.
pub fn free_port() -> u16 {
    static HANDED_OUT: AtomicU16 = AtomicU16::new(0);
    let (first, count) = PORTS;
    // Two processes begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(count)).unwrap();
    for _ in 0..count {
        let number = HANDED_OUT.fetch_add(1, Ordering::Relaxed);
        let port = first + begin.wrapping_add(number) % count;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free");
}

/// What can be read and written.
pub trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

/// One connection.
pub struct Dialogue<S> {
    stream: BufReader<S>,
}

impl Dialogue<TcpStream> {
    /// Connects and reads the greeting, whatever it says.
    pub fn open(port: u16) -> io::Result<(Self, String)> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        Self::on(stream)
    }

    /// The same from another address of the loopback network.
    pub fn open_from(from: IpAddr, port: u16) -> io::Result<(Self, String)> {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        socket.bind(&SocketAddr::new(from, 0).into())?;
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
        Self::on(TcpStream::from(socket))
    }

    fn on(stream: TcpStream) -> io::Result<(Self, String)> {
        stream.set_read_timeout(Some(STEP_MAX))?;
        stream.set_nodelay(true)?;
        let stream = BufReader::with_capacity(512, stream);
        let mut dialogue = Self { stream };
        let greeting = dialogue.reply()?;
        Ok((dialogue, greeting))
    }

    /// The TCP stream; nothing may be buffered.
    pub fn into_stream(self) -> TcpStream {
        assert!(self.stream.buffer().is_empty(), "replies would be lost");
        self.stream.into_inner()
    }
}

impl Dialogue<UnixStream> {
    /// Connects to a Unix socket and reads the greeting.
    pub fn open_unix(path: &Path) -> io::Result<(Self, String)> {
        let stream = UnixStream::connect(path)?;
        stream.set_read_timeout(Some(STEP_MAX))?;
        let stream = BufReader::new(stream);
        let mut dialogue = Self { stream };
        let greeting = dialogue.reply()?;
        Ok((dialogue, greeting))
    }
}

impl<S: Read + Write> Dialogue<S> {
    /// Goes on over a stream that has been greeted already.
    pub fn over(stream: S) -> Self {
        let stream = BufReader::new(stream);
        Self { stream }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    /// All lines of the next reply.
    pub fn reply(&mut self) -> io::Result<String> {
        let mut all = String::new();
        loop {
            let start = all.len();
            if self.stream.read_line(&mut all)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if all.as_bytes().get(start + 3) != Some(&b'-') {
                return Ok(all.trim_end().to_owned());
            }
        }
    }

    /// A command and its reply.
    pub fn command(&mut self, line: &str) -> io::Result<String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    /// The connection must end now, after at most what is returned.
    pub fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset says the same as an end.
        let _ = self.stream.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// One mail to one recipient; the reply that decided, with its stage.
    pub fn mail(&mut self, from: &str, to: &str, mail: &[u8]) -> io::Result<String> {
        for command in [
            format!("MAIL FROM:<{from}>"),
            format!("RCPT TO:<{to}>"),
            "DATA".to_owned(),
        ] {
            let reply = self.command(&command)?;
            if !reply.starts_with('2') && !reply.starts_with("354") {
                self.command("RSET")?;
                return Ok(reply);
            }
        }
        self.send(&stuffed(mail))?;
        self.reply()
    }
}

/// Dots stuffed, and the end.
pub fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 16);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// A queue as a forwarder keeps it.
pub struct Queue {
    pub port: u16,
    pub from: String,
    pub to: String,
    /// Not answered with 250 yet.
    pub waiting: Vec<Vec<u8>>,
    /// Answered for good with no.
    pub bounced: Vec<String>,
    /// The replies that kept a mail in the queue, and what broke.
    pub deferred: Vec<String>,
}

impl Queue {
    pub fn new(port: u16, to: &str) -> Self {
        Self {
            port,
            from: "forwarder@provider.example".to_owned(),
            to: to.to_owned(),
            waiting: Vec::new(),
            bounced: Vec::new(),
            deferred: Vec::new(),
        }
    }

    /// Tries every mail once, on one connection.
    pub fn run(&mut self) {
        let mut dialogue = None;
        let mut kept = Vec::new();
        for mail in std::mem::take(&mut self.waiting) {
            match self.try_one(&mut dialogue, &mail) {
                Ok(reply) if reply.starts_with('2') => {}
                Ok(reply) if reply.starts_with('5') => self.bounced.push(reply),
                Ok(reply) => {
                    if reply.starts_with("421") {
                        dialogue = None;
                    }
                    self.deferred.push(reply);
                    kept.push(mail);
                }
                Err(error) => {
                    dialogue = None;
                    self.deferred.push(error.to_string());
                    kept.push(mail);
                }
            }
        }
        self.waiting = kept;
    }

    /// Runs until nothing waits; a moment between two runs, as queues do.
    pub fn drain(&mut self) {
        for _ in 0..200 {
            self.run();
            if self.waiting.is_empty() {
                return;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        panic!("{} mails wait: {:?}", self.waiting.len(), self.deferred);
    }

    fn try_one(
        &self,
        dialogue: &mut Option<Dialogue<TcpStream>>,
        mail: &[u8],
    ) -> io::Result<String> {
        let open = match dialogue {
            Some(open) => open,
            None => {
                let (mut opened, greeting) = Dialogue::open(self.port)?;
                if !greeting.starts_with("220") {
                    return Ok(greeting);
                }
                opened.command("EHLO provider.example")?;
                dialogue.insert(opened)
            }
        };
        open.mail(&self.from, &self.to, mail)
    }
}
