//! One task per POP3 mailbox: look into the maildrop, take in what is new, delete what
//! may go, sign off; then wait, and look again.
//!
//! Invariant: nothing is deleted on the server that is not durable here and whose
//! deletion the mailbox does not ask for. A deletion counts when QUIT was answered; one
//! that is lost is repeated.

mod fetch;
mod plan;
mod task;

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::fetch::{Fetch, source};
use self::plan::Plan;
use self::task::{SyncError, Task};
use super::keeper::{Handles, wait_to_retry};
use super::maildrop::{OnServer, first_rows, header_of, look};
use crate::domain::mailbox::{Condition, Mailbox, Pop3Way};
use crate::domain::maildrop::{MailIdentity, MaildropRow};
use crate::net::pop3::{Pop3Error, Session};
use crate::protocol::pop3::Number;
use crate::store::{Delivery, Passed, Why};

/// Looks into the maildrop until `shutdown`. A call of `refresh` means: look now.
pub(super) fn run(
    mailbox: Mailbox,
    way: Pop3Way,
    handles: Arc<Handles>,
    refresh: Arc<Notify>,
    shutdown: CancellationToken,
) -> impl Future<Output = ()> + Send {
    let task = Task {
        mailbox,
        way,
        handles,
        suspicion: Mutex::default(),
    };
    keep(Box::new(task), refresh, shutdown)
}

/// Most of its time a mailbox waits for the next look, and holds no room for it.
async fn keep(task: Box<Task>, refresh: Arc<Notify>, shutdown: CancellationToken) {
    let clock = &task.handles.clock;
    if let Some(held) = task.handles.board.receiving_held(task.mailbox.key) {
        let waited = wait_to_retry(clock, &held, &refresh, &shutdown).await;
        if waited.is_none() {
            return;
        }
    }
    loop {
        let looked = tokio::select! {
            () = shutdown.cancelled() => return,
            looked = Box::pin(look_once(&task)) => looked,
        };
        let goes_on = match looked {
            Ok(pause) => wait(pause, &refresh, &shutdown).await,
            Err(error) => {
                let condition = Box::pin(task.record_failure(&error)).await;
                wait_to_retry(clock, &condition, &refresh, &shutdown).await
            }
        };
        if goes_on.is_none() {
            return;
        }
    }
}

/// Waits until the next look is due, a person asks for one, or the end (`None`).
async fn wait(pause: Duration, refresh: &Notify, shutdown: &CancellationToken) -> Option<()> {
    tokio::select! {
        () = shutdown.cancelled() => None,
        () = refresh.notified() => Some(()),
        () = tokio::time::sleep(pause) => Some(()),
    }
}

/// One session; answers how long to wait before the next.
async fn look_once(task: &Task) -> Result<Duration, SyncError> {
    let Handles { board, clock, .. } = task.handles.as_ref();
    let key = task.mailbox.key;
    let mut session = task.open().await?;
    if board.health(key).receiving != Condition::Active {
        board.opened(key, clock.now());
    }
    let pause = task.pause(session.capabilities());
    let mails = look(&mut session).await?;
    task.handles.record_life(&task.mailbox).await;
    let plan = make_plan(task, &mut session, &mails).await?;
    let mut deletable: HashMap<MailIdentity, (Number, MaildropRow)> = plan.deletable;
    let keep = task.way.keep;
    let mut fresh = HashSet::new();
    if !plan.wanted.is_empty() {
        let mut fetch = Fetch::new(task, &mut session);
        let fetched = fetch.run(plan.wanted).await;
        let stored = fetch.take_stored();
        board.catching_up(key, None);
        if !stored.is_empty() {
            board.mail_came(key, clock.now());
        }
        fetched?;
        let now = clock.now();
        let may_go = stored
            .into_iter()
            .filter(|(_, _, row)| row.may_be_deleted(keep, now));
        for (id, number, row) in may_go {
            deletable.insert(id, (number, row));
            fresh.insert(id);
        }
    }
    let unknown = forget_others(&mut session, &mut deletable, &fresh).await?;
    if !unknown.is_empty() {
        task.handles
            .store
            .set_maildrop(key, Vec::new(), unknown)
            .await?;
    }
    delete(task, session, deletable).await?;
    Ok(pause)
}

/// What there is to do, with what is known of the maildrop brought up to date.
async fn make_plan(
    task: &Task,
    session: &mut Session,
    mails: &[OnServer],
) -> Result<Plan, SyncError> {
    let Handles { store, clock, .. } = task.handles.as_ref();
    let (key, now) = (task.mailbox.key, clock.now());
    let mut known = store.maildrop(key)?;
    if !known.begun {
        let rows = first_rows(mails, task.mailbox.settings.history, now);
        store.set_maildrop(key, rows, Vec::new()).await?;
        known = store.maildrop(key)?;
    }
    let begun_anew = known.compare;
    let mut plan = Plan::new(task, known, mails, now);
    plan.look_at_headers(session, mails).await?;
    pass_poison(task, &mut plan).await?;
    let changes = std::mem::take(&mut plan.changes);
    let forgotten = std::mem::take(&mut plan.forgotten);
    if begun_anew || !changes.is_empty() || !forgotten.is_empty() {
        // Before anything is fetched: what was decided now holds when this breaks off.
        store.set_maildrop(key, changes, forgotten).await?;
    }
    Ok(plan)
}

/// Puts the mail aside at which session after session has ended, so that those behind
/// it are collected.
async fn pass_poison(task: &Task, plan: &mut Plan) -> Result<(), SyncError> {
    let Some(poison) = task.suspicion().take_poison() else {
        return Ok(());
    };
    let at = task.handles.clock.now();
    let Some((wanted, row)) = plan.put_aside(poison, at) else {
        return Ok(());
    };
    tracing::error!(
        mailbox = %task.mailbox.settings.address,
        "every session ends when a certain mail is fetched; it is put aside and tried again tomorrow"
    );
    let passed = Passed {
        source: source(&wanted),
        why: Why::NotGiven,
        at,
    };
    let delivery = Delivery {
        mailbox: task.mailbox.key,
        is_junk: false,
        is_sent: false,
        also_for: Vec::new(),
        arrivals: Vec::new(),
        cursor: None,
        maildrop: vec![(poison, row)],
        passed: vec![passed],
    };
    task.handles.store.deliver(delivery).await?;
    Ok(())
}

/// Takes mails away that are not those which were stored: what was not fetched in this
/// session is deleted only when its header says that it is the one. Those that are not,
/// or cannot be looked at, are the answer; they are new at the next look.
async fn forget_others(
    session: &mut Session,
    deletable: &mut HashMap<MailIdentity, (Number, MaildropRow)>,
    fresh: &HashSet<MailIdentity>,
) -> Result<Vec<MailIdentity>, SyncError> {
    let mut unknown = Vec::new();
    for (id, (number, row)) in deletable.iter() {
        if fresh.contains(id) {
            continue;
        }
        let header = header_of(session, *number).await?;
        if header.is_none_or(|header| Some(header.hash) != row.header) {
            unknown.push(*id);
        }
    }
    for id in &unknown {
        deletable.remove(id);
    }
    Ok(unknown)
}

/// Deletes and signs off.
async fn delete(
    task: &Task,
    mut session: Session,
    mails: HashMap<MailIdentity, (Number, MaildropRow)>,
) -> Result<(), SyncError> {
    if mails.is_empty() {
        session.leave().await;
        return Ok(());
    }
    let mut gone = Vec::with_capacity(mails.len());
    for (id, (number, row)) in mails {
        match session.delete(number).await {
            Ok(()) => gone.push((id, row)),
            Err(Pop3Error::Refused { refusal, .. }) => {
                tracing::warn!(mailbox = %task.mailbox.settings.address, %refusal, "the server does not delete a mail; it is tried again at the next look");
            }
            Err(error) => return Err(error.into()),
        }
    }
    session.quit().await?;
    let now = task.handles.clock.now();
    for (_, row) in &mut gone {
        row.gone_since = Some(now);
    }
    let store = &task.handles.store;
    store
        .set_maildrop(task.mailbox.key, gone, Vec::new())
        .await?;
    Ok(())
}
