//! JSON bodies of the API, converted by hand from and to the words of `domain/`.
//! Field names and enum words here are part of the API.

pub(super) mod change;
pub(super) mod conversation;
pub(super) mod decision;
pub(super) mod diary;
pub(super) mod doctor;
pub(super) mod extraction;
pub(super) mod ledger;
pub(super) mod mailbox;
pub(super) mod message;
pub(super) mod outgoing;
pub(super) mod preset;
pub(super) mod probe;
pub(super) mod proof;
pub(super) mod reply_request;
mod replying;
pub(super) mod scripts;
mod threading;

use serde::Serialize;

use crate::domain::address::NamedAddress;

/// A name and an address.
#[derive(Debug, Serialize)]
pub(super) struct PersonBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    address: String,
}

impl PersonBody {
    fn new(named: &NamedAddress) -> Self {
        Self {
            name: named.name().map(str::to_owned),
            address: named.address.to_string(),
        }
    }

    fn list(named: &[NamedAddress]) -> Vec<Self> {
        named.iter().map(Self::new).collect()
    }
}

/// Something by id and name.
#[derive(Debug, Serialize)]
pub(super) struct NamedBody {
    id: String,
    name: String,
}
