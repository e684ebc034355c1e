//! What is to be said to a person, before anybody has chosen a language: the key of a
//! sentence and what stands in its gaps.
//!
//! Invariant: what somebody else said (a server, a system, a person) stands in a gap as
//! it came. Deliberately absent: the sentences themselves; `text` has them, and what a
//! saying looks like in a language.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, SocketAddr};

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bilingual {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

/// Something to say. `Display` gives its English.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Saying {
    /// Words that are the same in every language: names, addresses, what others said.
    Words(String),
    /// Words that came in both languages.
    Both(Bilingual),
    /// A sentence of the catalogue; made by `saying!`.
    Sentence {
        /// Which.
        key: Cow<'static, str>,
        /// What stands in its gaps, by their names.
        values: Vec<(Cow<'static, str>, Self)>,
    },
}

/// Whoever has something to say; errors above all.
pub trait Said {
    /// What it is.
    fn saying(&self) -> Saying;
}

/// `saying!("net.refused", host, port = 25)`: a sentence of the catalogue, with its gaps.
macro_rules! saying {
    ($key:literal $(, $name:ident $(= $value:expr)?)* $(,)?) => {
        $crate::domain::saying::Saying::Sentence {
            key: ::std::borrow::Cow::Borrowed($key),
            values: vec![$((
                ::std::borrow::Cow::Borrowed(stringify!($name)),
                $crate::domain::saying::saying!(@value $name $($value)?),
            )),*],
        }
    };
    (@value $name:ident) => {
        $crate::domain::saying::Saying::from($name)
    };
    (@value $name:ident $value:expr) => {
        $crate::domain::saying::Saying::from($value)
    };
}
pub(crate) use saying;

impl Saying {
    /// The words of something that has no sentence here: an error of the system or of a
    /// library.
    pub fn words(words: impl ToString) -> Self {
        Self::Words(words.to_string())
    }

    /// Words as they appear in a program's text: with quotes, and nothing invisible.
    #[must_use]
    pub fn quoted(words: &str) -> Self {
        Self::Words(format!("{words:?}"))
    }

    /// What stands in a gap of that sentence.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Sentence { values, .. } => {
                let found = values.iter().find(|(known, _)| known == name);
                found.map(|(_, value)| value)
            }
            Self::Words(_) | Self::Both(_) => None,
        }
    }
}

impl Said for Saying {
    fn saying(&self) -> Saying {
        self.clone()
    }
}

impl<T: Said> From<&T> for Saying {
    fn from(said: &T) -> Self {
        said.saying()
    }
}

impl From<&str> for Saying {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

impl From<String> for Saying {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

impl From<Bilingual> for Saying {
    fn from(words: Bilingual) -> Self {
        Self::Both(words)
    }
}

/// Names and numbers read the same everywhere.
macro_rules! the_same_everywhere {
    ($($name:ty),*) => {$(
        impl From<$name> for Saying {
            fn from(value: $name) -> Self {
                Self::Words(value.to_string())
            }
        }
        impl Said for $name {
            fn saying(&self) -> Saying {
                Saying::Words(self.to_string())
            }
        }
    )*};
}

the_same_everywhere!(u16, u32, u64, u128, usize, i64);
the_same_everywhere!(jiff::civil::Date, IpAddr, SocketAddr);

/// To the second: nobody reads more.
impl From<jiff::Timestamp> for Saying {
    fn from(value: jiff::Timestamp) -> Self {
        Self::Words(value.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}

impl Said for jiff::Timestamp {
    fn saying(&self) -> Saying {
        Saying::from(*self)
    }
}

impl Said for &str {
    fn saying(&self) -> Saying {
        Saying::from(*self)
    }
}

/// What a connection mostly dies of, and the system's own words for the rest.
impl Said for io::Error {
    fn saying(&self) -> Saying {
        let system = Saying::words(self);
        match self.kind() {
            io::ErrorKind::ConnectionReset => saying!("system.reset", system),
            io::ErrorKind::BrokenPipe => saying!("system.pipe", system),
            io::ErrorKind::TimedOut => saying!("system.timed_out", system),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                saying!("system.no_route", system)
            }
            io::ErrorKind::StorageFull => saying!("system.full", system),
            _ => system,
        }
    }
}

impl Said for String {
    fn saying(&self) -> Saying {
        Saying::Words(self.clone())
    }
}
