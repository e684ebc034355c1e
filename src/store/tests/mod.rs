//! The store as its callers see it, on folders of its own.

#[cfg(test)]
mod delivery;
#[cfg(test)]
mod fate;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod full_disk;
#[cfg(test)]
mod lifecycle;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod notices;
#[cfg(test)]
mod outbox;
#[cfg(test)]
mod people;
#[cfg(test)]
mod raw;
#[cfg(test)]
mod reauthentication_links;
#[cfg(test)]
mod regrouping;
#[cfg(test)]
mod triage;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod waking;
#[cfg(test)]
mod writer;
