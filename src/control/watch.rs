//! Requests about what happens between a mailbox and its servers.

use serde_json::json;

use super::desk::{Desk, words};
use super::message::Answer;
use super::row::{counted, moment};
use crate::domain::attempt::Attempt;
use crate::domain::user::Actor;
use crate::service::diary_reading::way_name;

impl Desk {
    pub(super) fn log(
        &self,
        which: &str,
        on: Option<bool>,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let address = &mailbox.settings.address;
        if let Some(on) = on.filter(|_| self.is_running) {
            self.diary
                .switch(&Actor::Console, mailbox.id, on)
                .map_err(words)?;
            let words = if on {
                format!("What is said to the servers of {address} is kept from now on.")
            } else {
                format!("What is said to the servers of {address} is no longer kept.")
            };
            return Ok(Answer::Done { words });
        }
        let dialogues = self
            .diary
            .dialogues(&Actor::Console, mailbox.id)
            .map_err(words)?;
        for line in &dialogues.lines {
            tell(Answer::Item {
                words: line.to_string(),
                item: json!({
                    "at": line.at.to_string(),
                    "connection": line.connection,
                    "protocol": line.protocol,
                    "text": line.text,
                }),
            });
        }
        if !self.is_running {
            return Err(format!(
                "the gateway is not running: what is said to the servers of {address} is kept in its \
                 memory only, while it runs"
            ));
        }
        let words = match (dialogues.on, dialogues.lines.len()) {
            (true, count) => {
                format!("{}; more are being kept.", counted(count, "line", "lines"))
            }
            (false, 0) => format!(
                "Nothing is kept of {address}; `postern mailbox log {address} --on` begins."
            ),
            (false, count) => {
                format!(
                    "{}; nothing more is being kept.",
                    counted(count, "line", "lines")
                )
            }
        };
        Ok(Answer::Done { words })
    }

    pub(super) fn attempts(
        &self,
        which: &str,
        limit: usize,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let mailbox = self.find(which)?;
        let rows = self
            .diary
            .attempts(&Actor::Console, mailbox.id, None, limit)
            .map_err(words)?;
        for (_, attempt) in &rows {
            tell(Answer::Item {
                words: shown(attempt),
                item: json!({
                    "at": attempt.at.to_string(),
                    "last_at": attempt.last_at.to_string(),
                    "times": attempt.times,
                    "direction": way_name(attempt.way),
                    "failure": attempt.failure,
                    "next_at": attempt.next_at.map(|at| at.to_string()),
                }),
            });
        }
        let count = counted(rows.len(), "row", "rows");
        Ok(Answer::Done {
            words: format!("{count}, the latest first; they are kept for 30 days."),
        })
    }
}

fn shown(attempt: &Attempt) -> String {
    let (at, way) = (moment(attempt.at), way_name(attempt.way));
    match (&attempt.failure, attempt.next_at) {
        (None, _) if attempt.times > 1 => {
            let (times, last) = (attempt.times, moment(attempt.last_at));
            format!("{at}  {way:<9}  ok, {times} times until {last}")
        }
        (None, _) => format!("{at}  {way:<9}  ok"),
        (Some(failure), Some(next)) => {
            format!("{at}  {way:<9}  {failure}; next at {}", moment(next))
        }
        (Some(failure), None) => format!("{at}  {way:<9}  {failure}; a person has to act"),
    }
}
