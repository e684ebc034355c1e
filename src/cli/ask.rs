//! Requests: to the running gateway, or carried out here when none runs.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;

use super::say::say;
use crate::app::gateway::Gateway;
use crate::config::Config;
use crate::control::SOCKET_NAME;
use crate::control::client;
use crate::control::message::{Answer, MailboxRow, Request};

pub(super) fn ask(config: Config, request: Request, json: bool) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let socket = config.store.folder.join(SOCKET_NAME);
        let running = client::Gateway::find(&socket)
            .await
            .with_context(|| format!("cannot reach the gateway at {}", socket.display()))?;
        let answer = match running {
            Some(gateway) => gateway
                .ask(&request, |step| print(&step, json))
                .await
                .context("the gateway did not answer")?,
            None => {
                // Nothing is to run beside this command: every task it would start ends at once.
                let stopped = CancellationToken::new();
                stopped.cancel();
                let gateway = Gateway::open(config, stopped)?;
                gateway.recall()?;
                gateway
                    .desk()
                    .carry_out(request, |step| print(&step, json))
                    .await
            }
        };
        print(&answer, json);
        Ok(if matches!(answer, Answer::Failed { .. }) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    })
}

fn print(answer: &Answer, json: bool) {
    if json {
        match serde_json::to_string(answer) {
            Ok(line) => say(line),
            Err(error) => eprintln!("postern: {error}"),
        }
        return;
    }
    match answer {
        Answer::Step {
            step,
            passed,
            words,
            took_ms,
        } => {
            // The words of a failed step are those of the failure that follows.
            if *passed {
                say(format_args!("ok   {step:<16} {words} ({took_ms} ms)"));
            } else {
                say(format_args!("FAIL {step:<16} ({took_ms} ms)"));
            }
        }
        Answer::Item { words, .. } | Answer::Done { words } => say(words),
        Answer::Made { words, secret } => {
            eprintln!("{words}");
            say(&secret.0);
        }
        Answer::Mailboxes { rows, warnings } => {
            print_mailboxes(rows);
            for words in warnings {
                eprintln!("warning: {words}");
            }
        }
        Answer::Mailbox { row, settings } => {
            print_mailbox(row);
            for (name, value) in settings {
                say(format_args!("  {name}  {value}"));
            }
        }
        Answer::Failed { words } => eprintln!("postern: {words}"),
    }
}

fn print_mailboxes(rows: &[MailboxRow]) {
    if rows.is_empty() {
        say("No mailbox is connected yet; `postern mailbox add ADDRESS` connects one.");
    }
    rows.iter().for_each(print_mailbox);
}

fn print_mailbox(row: &MailboxRow) {
    say(format_args!("{}  {}", row.address, row.name));
    say(format_args!("  slug       {}", row.slug));
    say(format_args!("  id         {}", row.id));
    say(format_args!("  receiving  {}", row.receiving));
    say(format_args!("  sending    {}", row.sending));
    let times = [
        ("last sign of life", &row.last_sign_of_life),
        ("last mail", &row.last_mail_at),
        ("last submission", &row.last_submission),
        ("code made on", &row.code_created_on),
    ];
    for (name, at) in times {
        if let Some(at) = at {
            say(format_args!("  {name}  {at}"));
        }
    }
    if let (Some(day), Some(days)) = (&row.expires_on, row.days_left) {
        let words = match days {
            ..0 => "it should have ended; make a new one".to_owned(),
            0 => "today".to_owned(),
            _ => format!("{days} days left"),
        };
        say(format_args!("  login ends  {day} ({words})"));
    }
    match &row.proven_at {
        Some(at) => say(format_args!("  tested     {at}")),
        None => say("  tested     never; `postern mailbox test` sends a mail and answers it"),
    }
    if let Some(words) = &row.canary_failure {
        say(format_args!("  canary     failing: {words}"));
    } else if let Some(median) = row.canary_median_ms {
        say(format_args!("  canary     comes back in {median} ms"));
    }
    if let Some(left) = row.catching_up {
        let mails = if left == 1 { "mail" } else { "mails" };
        say(format_args!("  collecting  {left} {mails} left"));
    }
    if row.too_large > 0 {
        let count = row.too_large;
        say(format_args!("  left on the server  {count} too large"));
    }
    if row.incomplete > 0 {
        let count = row.incomplete;
        say(format_args!(
            "  tried again  {count} the server did not give whole"
        ));
    }
}
