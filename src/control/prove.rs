//! Requests for the test mail and the canary.

use std::time::Duration;

use super::desk::{Desk, words};
use super::message::Answer;
use super::row::moment;
use crate::domain::proof::TestRun;
use crate::domain::user::Actor;

/// A command waits no longer for its test; the test itself gives up before.
const PATIENCE: Duration = Duration::from_secs(11 * 60);

impl Desk {
    pub(super) async fn test(
        &self,
        which: &str,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let address = &mailbox.settings.address;
        self.proving
            .start(&Actor::Console, mailbox.id)
            .await
            .map_err(words)?;
        let mut ticked = [false; 3];
        let follow = self.proving.follow(&mailbox, PATIENCE, |test| {
            for (told, step) in ticked.iter_mut().zip(steps(test)) {
                if let Some(step) = step.filter(|_| !*told) {
                    *told = true;
                    tell(step);
                }
            }
        });
        let test = follow.await.map_err(words)?;
        match test {
            Some(TestRun {
                failure: Some(why), ..
            }) => Err(format!("{address}: {why}")),
            Some(test) if test.is_over() => Ok(Answer::Done {
                words: format!("{address} receives and sends."),
            }),
            _ => Err(format!("{address}: the test is not over yet")),
        }
    }

    pub(super) async fn canary(
        &self,
        which: &str,
        every_seconds: Option<u64>,
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let every = every_seconds.map(Duration::from_secs);
        self.proving
            .set_canary(&Actor::Console, mailbox.id, every)
            .await
            .map_err(words)?;
        let address = &mailbox.settings.address;
        Ok(Answer::Done {
            words: match every_seconds {
                Some(seconds) => format!("{address} writes to itself every {seconds} s."),
                None => format!("{address} no longer writes to itself."),
            },
        })
    }
}

/// Sent, received, answer left: each once it has happened.
fn steps(test: &TestRun) -> [Option<Answer>; 3] {
    let step = |name: &str, words: String, took_ms: i128| Answer::Step {
        step: name.to_owned(),
        passed: true,
        words,
        took_ms: u64::try_from(took_ms).unwrap_or(0),
    };
    let since = |from: Option<jiff::Timestamp>, to: jiff::Timestamp| {
        from.map_or(0, |from| to.duration_since(from).as_millis())
    };
    [
        test.sent_at.map(|at| {
            let words = "the outgoing server took the test mail".to_owned();
            step("sent", words, since(Some(test.begun_at), at))
        }),
        test.received_at.map(|at| {
            let words = format!("it came back at {}", moment(at));
            step("received", words, since(test.sent_at, at))
        }),
        test.reply_left_at.map(|at| {
            let words = "its answer left".to_owned();
            step("reply left", words, since(test.received_at, at))
        }),
    ]
}
