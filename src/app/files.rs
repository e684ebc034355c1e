//! How many files the process may hold open. Each connection is one, and the limit that
//! most systems begin with (1,024) is less than a thousand mailboxes need.

/// Raises the limit to the most that the system allows this process; it needs no right.
#[cfg(unix)]
pub fn allow_many() {
    use rustix::process::{Resource, getrlimit, setrlimit};

    let mut limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let before = limit.current;
    limit.current = limit.maximum;
    match setrlimit(Resource::Nofile, limit) {
        Ok(()) => tracing::debug!(?before, now = ?limit.maximum, "more files may be open"),
        Err(error) => {
            tracing::warn!(%error, ?before, "the limit on open files could not be raised; it bounds the number of mailboxes (ulimit -n)");
        }
    }
}

/// Elsewhere there is no such limit.
#[cfg(not(unix))]
pub fn allow_many() {}
