//! The doctor, as a terminal shows it: a line per finding, as they come.

use serde_json::json;

use super::desk::{Desk, words};
use super::message::Answer;
use crate::domain::key::PublicId;
use crate::domain::user::Actor;
use crate::service::doctor::{Check, Finding, Verdict};

impl Desk {
    pub(super) async fn examine(
        &self,
        which: Option<&str>,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Answer, String> {
        let chosen: Vec<(PublicId, String)> = match which {
            Some(which) => {
                let mailbox = self.find(which)?;
                vec![(mailbox.id, mailbox.settings.address.to_string())]
            }
            None => {
                let all = self.mailboxes.list(&Actor::Console).map_err(words)?;
                let named = |mailbox: &crate::domain::mailbox::Mailbox| {
                    (mailbox.id, mailbox.settings.address.to_string())
                };
                all.iter().map(|(mailbox, _)| named(mailbox)).collect()
            }
        };
        if chosen.is_empty() {
            let words = "No mailbox is connected yet; `postern mailbox add ADDRESS` connects one.";
            return Ok(Answer::Done {
                words: words.to_owned(),
            });
        }
        let mut ill = Vec::new();
        for (id, address) in chosen {
            let worst = self.examine_one(id, &address, tell).await?;
            if worst == Verdict::Wrong {
                ill.push(address);
            }
        }
        if ill.is_empty() {
            let words = "Nothing is wrong.".to_owned();
            return Ok(Answer::Done { words });
        }
        Err(format!(
            "something is wrong with {}; see above",
            ill.join(", ")
        ))
    }

    async fn examine_one(
        &self,
        id: PublicId,
        address: &str,
        tell: &mut impl FnMut(Answer),
    ) -> Result<Verdict, String> {
        let begun = self.doctor.begin(&Actor::Console, id);
        let (_, mut examination) = begun.map_err(words)?;
        tell(Answer::Item {
            words: address.to_owned(),
            item: json!({ "mailbox": address }),
        });
        let mut told = 0;
        loop {
            let now = examination.borrow_and_update().clone();
            for finding in &now.findings[told..] {
                tell(item(address, finding));
            }
            told = now.findings.len();
            if now.is_over {
                return Ok(now.verdict());
            }
            let changed = examination.changed().await;
            changed.map_err(|_| "the gateway was stopped meanwhile".to_owned())?;
        }
    }
}

fn item(address: &str, finding: &Finding) -> Answer {
    let (mark, verdict) = match finding.verdict {
        Verdict::Fine => ("ok  ", "fine"),
        Verdict::Note => ("note", "note"),
        Verdict::Wrong => ("FAIL", "wrong"),
    };
    let check = name(finding.check);
    let took = finding.took.as_millis();
    Answer::Item {
        words: format!("  {mark} {check:<20} {} ({took} ms)", finding.words),
        item: json!({
            "mailbox": address,
            "check": check,
            "verdict": verdict,
            "words": finding.words.to_string(),
            "took_ms": u64::try_from(took).unwrap_or(u64::MAX),
        }),
    }
}

fn name(check: Check) -> &'static str {
    match check {
        Check::IncomingReach => "incoming server",
        Check::IncomingTls => "its certificate",
        Check::Login => "login",
        Check::Id => "ID",
        Check::Folder => "folder",
        Check::Push => "push (IDLE)",
        Check::Junk => "junk",
        Check::Sent => "sent",
        Check::Listener => "forwarding",
        Check::OutgoingReach => "outgoing server",
        Check::OutgoingTls => "its certificate",
        Check::Submission => "login to send",
        Check::Alias => "address to send from",
        Check::RoundTrip => "round trip",
    }
}
