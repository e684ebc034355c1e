//! The way out: the server, the login, and every address that replies may leave from.

use super::Doctor;
use super::finding::{Check, Report};
use crate::domain::address::Address;
use crate::domain::attempt::Way;
use crate::domain::mailbox::{Mailbox, MailboxLogins};
use crate::domain::refusal::Dialogue;
use crate::domain::saying::{Said, saying};
use crate::net::submission::{self, SubmissionOptions};
use crate::service::ledger::words::megabytes;
use crate::service::way_out::way_out;

const REACH: (Check, Check) = (Check::OutgoingReach, Check::OutgoingTls);

impl Doctor {
    pub(super) async fn examine_outgoing(
        &self,
        mailbox: &Mailbox,
        logins: &MailboxLogins,
        report: &mut Report<'_>,
    ) {
        let settings = &mailbox.settings;
        let (server, login) = match way_out(settings, logins, self.with.system.as_ref()) {
            Ok(way) => way,
            Err(error) => return report.wrong(Check::Submission, &error),
        };
        if !self.reaches(&server, REACH, report).await {
            return;
        }
        let keyring = &self.with.keyring;
        let offer = match keyring.offer(mailbox, Way::Sending).await {
            Ok(offer) => offer,
            Err(error) => return report.wrong(Check::Submission, &error),
        };
        let mut options = SubmissionOptions::new(server.clone(), login);
        options.tap = self.tap(mailbox, "smtp");
        let mut senders: Vec<Address> = vec![settings.identity.address.clone()];
        for alias in &settings.aliases {
            if !senders.contains(&alias.address) {
                senders.push(alias.address.clone());
            }
        }
        let probed = submission::probe_senders(&self.with.dialer, &options, &senders).await;
        let (probed, refusals) = match probed {
            Ok(probed) => probed,
            Err(error) => {
                let sentence = error.saying();
                let words = match error.authentication_refusal() {
                    Some(reply) => {
                        let said = reply.to_string();
                        let login = Dialogue::SmtpLogin;
                        keyring.note_refusal(mailbox, login, &said, false).await;
                        self.login_refused(mailbox, Dialogue::SmtpLogin, &said, sentence)
                    }
                    None => sentence,
                };
                return report.wrong(Check::Submission, words);
            }
        };
        drop(offer);
        let host = server.host.as_str();
        let words = match probed.size_max {
            Some(bytes) => saying!("found.submission", host, size = megabytes(bytes)),
            None => saying!("trial.signed_in", host),
        };
        report.fine(Check::Submission, words);
        for (sender, refusal) in senders.iter().zip(refusals) {
            match refusal {
                None => report.fine(Check::Alias, saying!("found.may_send", sender)),
                Some(reply) => {
                    let sentence = saying!("found.may_not_send", sender, reply = &reply);
                    let said = reply.to_string();
                    let words = self.advised(mailbox, Dialogue::Smtp, &said, sentence);
                    report.wrong(Check::Alias, words);
                }
            }
        }
    }
}
