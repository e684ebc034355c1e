//! The door as a whole, without a socket: requests go into the router as bytes
//! of HTTP would.

mod changes;
mod desk;
mod doors;
mod feed;
mod pages;
