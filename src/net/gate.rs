//! The gate through which every connection is opened that we open by ourselves or for a
//! person: one place for all ceilings.
//!
//! Invariant: its lock is never held across a wait. Nothing runs here while nobody waits
//! for a rate.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use crate::domain::turns::{Ceilings, Haste, Ticket, Turns};

/// A connection that is still not open after this no longer counts among those being opened.
const PLACE_TIME_MAX: Duration = Duration::from_secs(1);

/// The gate. A cheap clone.
#[derive(Clone, Debug)]
pub(super) struct Gate {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    line: Mutex<Line>,
    /// The pace has to be looked at again.
    sooner: Notify,
}

#[derive(Debug)]
struct Line {
    turns: Turns,
    waiting: HashMap<Ticket, oneshot::Sender<()>>,
    /// Until when the task sleeps that lets in whoever waits for a rate; there is one
    /// while somebody does.
    paced_until: Option<Instant>,
}

/// A turn, while it is waited for and while a connection is being opened.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    gate: &'a Gate,
    host: &'a str,
    ticket: Ticket,
}

impl Gate {
    /// A gate that nobody waits at.
    pub(super) fn new(ceilings: Ceilings) -> Self {
        let line = Line {
            turns: Turns::new(ceilings),
            waiting: HashMap::new(),
            paced_until: None,
        };
        Self {
            shared: Arc::new(Shared {
                line: Mutex::new(line),
                sooner: Notify::new(),
            }),
        }
    }

    /// Waits for a turn to open a connection to a host. It counts as opening until the
    /// turn is dropped.
    pub(super) async fn turn<'a>(&'a self, host: &'a str, haste: Haste) -> Turn<'a> {
        let (sender, called) = oneshot::channel();
        let turn = {
            let mut line = self.shared.lock();
            let ticket = line.turns.ask(host, haste);
            line.waiting.insert(ticket, sender);
            Turn {
                gate: self,
                host,
                ticket,
            }
        };
        self.let_in();
        // The sender stays in the line until it is called.
        let _called: Result<(), _> = called.await;
        turn
    }

    /// Opens a connection in a turn that has come.
    pub(super) async fn open<T, F>(turn: Turn<'_>, open: impl FnOnce() -> F) -> T
    where
        F: Future<Output = T>,
    {
        // Made only now: thousands may wait in the line, a few open.
        let mut opening = Box::pin(open());
        // A server that says nothing must not keep its place from those that work.
        if let Ok(opened) = timeout(PLACE_TIME_MAX, &mut opening).await {
            return opened;
        }
        drop(turn);
        opening.await
    }

    /// Calls everybody whose turn it is, and has the next one called in time.
    fn let_in(&self) {
        let now = Instant::now();
        let mut line = self.shared.lock();
        line.call(now);
        let Some(next) = line.turns.next_at(now.into_std()).map(Instant::from_std) else {
            return;
        };
        match line.paced_until {
            Some(until) if until <= next => {}
            Some(_) => self.shared.sooner.notify_one(),
            None => {
                // Without a runtime everything ends, and nobody waits any more.
                if let Ok(runtime) = Handle::try_current() {
                    line.paced_until = Some(next);
                    runtime.spawn(pace(Arc::clone(&self.shared)));
                }
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Line> {
        // Nothing in there is left half-done by a panic elsewhere.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn call(&mut self, now: Instant) {
        while let Some(ticket) = self.turns.grant(now.into_std()) {
            if let Some(waiting) = self.waiting.remove(&ticket) {
                // Who has gone gives the turn back by itself.
                let _gone: Result<(), ()> = waiting.send(());
            }
        }
    }
}

/// Lets in whoever waits for a rate, until nobody does.
async fn pace(shared: Arc<Shared>) {
    loop {
        let next = {
            let now = Instant::now();
            let mut line = shared.lock();
            line.call(now);
            let next = line.turns.next_at(now.into_std()).map(Instant::from_std);
            line.paced_until = next;
            next
        };
        let Some(next) = next else { return };
        tokio::select! {
            () = sleep_until(next) => {}
            () = shared.sooner.notified() => {}
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        {
            let now = Instant::now().into_std();
            let mut line = self.gate.shared.lock();
            line.waiting.remove(&self.ticket);
            line.turns.end(self.host, self.ticket, now);
        }
        self.gate.let_in();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;
    use crate::domain::ceiling::Ceiling;

    fn gate(host: (u32, u32), all: (u32, u32)) -> Gate {
        let ceiling = |(per_second, at_once)| Ceiling {
            per_second,
            at_once,
        };
        Gate::new(Ceilings {
            host: ceiling(host),
            all: ceiling(all),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_crowd_is_let_in_at_the_rate_of_its_host_and_of_all() {
        let gate = gate((10, 100), (25, 100));
        let start = Instant::now();
        let hosts = ["a.example", "b.example", "c.example", "d.example"];
        let crowd = (0..200).map(|number| {
            let (gate, host) = (gate.clone(), hosts[number % 4]);
            async move {
                let turn = gate.turn(host, Haste::Usual).await;
                drop(turn);
                (host, start.elapsed())
            }
        });
        let went = join_all(crowd).await;
        let second = Duration::from_secs(1);
        for (_, from) in &went {
            let within = |at: &Duration| at >= from && *at < *from + second;
            let of = |wanted: &str| {
                went.iter()
                    .filter(|(host, at)| *host == wanted && within(at))
                    .count()
            };
            assert!(hosts.iter().all(|host| of(host) <= 10));
            assert!(hosts.iter().map(|host| of(host)).sum::<usize>() <= 25);
        }
        let last = went.iter().map(|(_, at)| *at).max();
        assert!(
            last.is_some_and(|last| last < Duration::from_secs(9)),
            "{last:?}"
        );
        assert!(gate.shared.lock().paced_until.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_takes_nobodys_turn() {
        let gate = gate((1_000, 1), (1_000, 10));
        let first = gate.turn("a.example", Haste::Usual).await;
        let impatient = timeout(Duration::from_secs(1), gate.turn("a.example", Haste::Usual)).await;
        assert!(impatient.is_err());
        // Somebody else is not held up meanwhile.
        drop(gate.turn("b.example", Haste::Usual).await);
        let waits = {
            let gate = gate.clone();
            tokio::spawn(async move { drop(gate.turn("a.example", Haste::Usual).await) })
        };
        tokio::task::yield_now().await;
        drop(first);
        waits.await.expect("let in");
    }
}
