//! What the gateway does, one service per subject.

pub mod clock;
pub mod connect;
pub mod conversations;
pub mod feed;
pub mod mailboxes;
pub mod people;
pub mod random;
pub mod replies;
