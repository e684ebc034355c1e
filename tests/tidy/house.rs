//! The plan of the house as data: storeys, doors, and where foreign names live.

/// A room and the storey it stands on; the same drawing as in `src/README.md`.
pub const STOREYS: [(&str, u8); 19] = [
    ("domain", 0),
    ("fault", 0),
    ("protocol", 1),
    ("mime", 1),
    ("wire", 1),
    ("text", 1),
    ("store", 2),
    ("net", 2),
    ("script", 2),
    ("plugin", 2),
    ("search", 2),
    ("service", 3),
    ("http", 4),
    ("smtp_server", 4),
    ("control", 4),
    ("practice", 4),
    ("config", 5),
    ("app", 6),
    ("cli", 7),
];

/// `lib.rs` and `main.rs` stand on the roof.
pub const ROOF: u8 = 8;

/// Doors reach these only through `service`.
pub const DOORS: u8 = 4;
pub const BEHIND_SERVICE: [&str; 2] = ["store", "search"];

/// Crates and the only places that may name them, as module paths.
pub const FOREIGN: &[(&[&str], &[&str])] = &[
    (&["imap_codec", "imap_types"], &["protocol::imap"]),
    (&["smtp_proto"], &["protocol::smtp"]),
    (&["chrono"], &["protocol::imap"]),
    (&["mail_parser", "chardetng", "html2text"], &["mime"]),
    // Server texts, and the letters of the demo, also come in other charsets than UTF-8.
    (
        &["encoding_rs"],
        &["mime", "protocol", "net", "practice", "plugin"],
    ),
    (&["mail_builder"], &["mime"]),
    (&["ammonia"], &["mime", "http"]),
    (
        &["redb", "postcard", "zstd", "chacha20poly1305"],
        &["store"],
    ),
    (&["lettre"], &["net::submission", "mime::compose"]),
    (&["mail_auth"], &["net::authentication"]),
    (&["tokio_rustls", "rustls", "rustls_native_certs"], &["net"]),
    (
        &["webpki_roots", "x509_parser", "socket2", "ring"],
        &["net"],
    ),
    (&["hickory_resolver"], &["net::dns"]),
    (&["roxmltree"], &["protocol::autoconfig"]),
    (&["flate2"], &["net", "protocol::imap"]),
    (&["rhai"], &["script"]),
    (&["tantivy"], &["search"]),
    (
        &["axum", "tower", "tower_http", "askama", "pulldown_cmark"],
        &["http"],
    ),
    (&["hyper", "hyper_util", "http_body_util"], &["http", "net"]),
    (&["notify"], &["app::reload", "app::watching"]),
    (&["include_dir", "schemars"], &["plugin"]),
    (&["tracing_subscriber"], &["app", "cli"]),
    (&["clap"], &["cli"]),
    (&["anyhow"], &["app", "cli", ""]),
];

/// Rooms that know nothing of a runtime.
pub const NO_RUNTIME: [&str; 8] = [
    "domain", "protocol", "mime", "wire", "text", "script", "plugin", "search",
];
pub const RUNTIME: [&str; 4] = ["tokio", "tokio_util", "tokio_stream", "futures_util"];

/// Nothing here can be serialized: each door converts by hand.
pub const NOT_SERIALIZABLE: [&str; 4] = ["domain", "protocol", "mime", "text"];
pub const SERIALIZERS: [&str; 3] = ["serde", "serde_json", "toml"];

/// Randomness is an argument below storey 2, like time.
pub const ENTROPY: [&str; 1] = ["getrandom"];

/// Calls that read a clock: of the wall, and one that only goes forward.
pub const WALL_CLOCKS: [[&str; 2]; 5] = [
    ["SystemTime", "now"],
    ["Timestamp", "now"],
    ["Zoned", "now"],
    ["Utc", "now"],
    ["Local", "now"],
];
pub const MONOTONIC: [&str; 2] = ["Instant", "now"];

/// Lines of a file without its unit tests.
pub const LINES_MAX: usize = 500;

/// The storey of a module; `None` when the room is in no plan.
pub fn storey(module: &[String]) -> Option<u8> {
    let Some(room) = module.first() else {
        return Some(ROOF);
    };
    let found = STOREYS.iter().find(|(name, _)| name == room);
    found.map(|(_, storey)| *storey)
}
