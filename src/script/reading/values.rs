//! Values of the gateway as values of scripts.

use rhai::{Dynamic, ImmutableString};

use crate::domain::address::NamedAddress;

pub(super) fn text(text: &str) -> Dynamic {
    ImmutableString::from(text).into()
}

pub(super) fn optional(value: Option<&str>) -> Dynamic {
    text(value.unwrap_or_default())
}

pub(super) fn number(value: u64) -> Dynamic {
    i64::try_from(value).unwrap_or(i64::MAX).into()
}

pub(super) fn address(from: Option<&NamedAddress>) -> Dynamic {
    // Folded: rules compare addresses, and nobody tells `Anna@` from `anna@`.
    from.map_or_else(|| text(""), |from| text(&from.address.folded()))
}

pub(super) fn addresses(all: &[NamedAddress]) -> Dynamic {
    Dynamic::from_array(all.iter().map(|one| address(Some(one))).collect())
}
