//! The door as a whole, without a socket: requests go into the router as bytes
//! of HTTP would.

#[cfg(test)]
mod changes;
mod checks;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod doors;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod links;
mod outbox;
#[cfg(test)]
mod pages;
mod refused;
#[cfg(test)]
mod scripts;
mod wizard;
mod words;
