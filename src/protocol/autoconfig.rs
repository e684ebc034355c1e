//! Autoconfig files: what a domain says about its mail servers, in the form that
//! Thunderbird made usual.
//!
//! Invariant: a document type is refused, so there are no entities to grow, and nodes
//! are counted while they are read.
//! Absent: fetching the file.

use roxmltree::{Document, Node, ParsingOptions};

use crate::domain::mailbox::{Security, Server};

/// Bytes of a file.
pub const BYTES_MAX: usize = 128 * 1024;
/// Elements, attributes and texts of a file.
const NODES_MAX: u32 = 5_000;
/// Bytes of a host name (RFC 1035 section 2.3.4).
const HOST_BYTES_MAX: usize = 253;

/// A server of the file, and how one names oneself there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncedServer {
    /// The server.
    pub server: Server,
    /// The user name is what stands before the `@`.
    pub user_is_local_part: bool,
}

/// The first usable server of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announced {
    /// Reading by IMAP.
    pub imap: Option<AnnouncedServer>,
    /// Reading by POP3.
    pub pop3: Option<AnnouncedServer>,
    /// Sending.
    pub smtp: Option<AnnouncedServer>,
}

/// Why a file says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AutoconfigError {
    /// Larger than any real one.
    #[error("the file is larger than {BYTES_MAX} bytes")]
    TooLarge,
    /// Not text.
    #[error("the file is not UTF-8")]
    NotText,
    /// No XML, or XML that is refused.
    #[error("the file is not XML that is accepted here: {0}")]
    Malformed(String),
    /// XML about something else.
    #[error("the file names no mail server")]
    Nothing,
}

/// Reads a file.
///
/// # Errors
/// When it names no usable server.
pub fn parse(bytes: &[u8]) -> Result<Announced, AutoconfigError> {
    if bytes.len() > BYTES_MAX {
        return Err(AutoconfigError::TooLarge);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| AutoconfigError::NotText)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: NODES_MAX,
        ..ParsingOptions::default()
    };
    let document = Document::parse_with_options(text, options)
        .map_err(|error| AutoconfigError::Malformed(error.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "clientConfig" {
        return Err(AutoconfigError::Nothing);
    }
    let provider = children(root, "emailProvider").next();
    let provider = provider.ok_or(AutoconfigError::Nothing)?;
    let best = |element: &str, kind: &str| {
        let servers = children(provider, element);
        let servers = servers.filter(|server| server.attribute("type") == Some(kind));
        servers.filter_map(announced).next()
    };
    let found = Announced {
        imap: best("incomingServer", "imap"),
        pop3: best("incomingServer", "pop3"),
        smtp: best("outgoingServer", "smtp"),
    };
    if found == Announced::default() {
        return Err(AutoconfigError::Nothing);
    }
    Ok(found)
}

fn children<'a>(node: Node<'a, 'a>, name: &str) -> impl Iterator<Item = Node<'a, 'a>> {
    node.children()
        .filter(move |child| child.tag_name().name() == name)
}

fn text_of<'a>(node: Node<'a, 'a>, name: &str) -> Option<&'a str> {
    let text = children(node, name).next()?.text()?.trim();
    (!text.is_empty()).then_some(text)
}

fn announced(node: Node<'_, '_>) -> Option<AnnouncedServer> {
    let host = text_of(node, "hostname")?.to_ascii_lowercase();
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    // A placeholder in a host name would be our own guess; the address says nothing more.
    if host.len() > HOST_BYTES_MAX || !host.chars().all(right) {
        return None;
    }
    let port: u16 = text_of(node, "port")?
        .parse()
        .ok()
        .filter(|port| *port > 0)?;
    let security = match text_of(node, "socketType")? {
        "SSL" => Security::Tls,
        "STARTTLS" => Security::StartTls,
        // Among the others is `plain`: that a password may travel readable is for a person
        // to say, never for a file.
        _ => return None,
    };
    Some(AnnouncedServer {
        server: Server {
            host,
            port,
            security,
        },
        user_is_local_part: text_of(node, "username") == Some("%EMAILLOCALPART%"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<clientConfig version="1.1">
  <emailProvider id="example.com">
    <domain>example.com</domain>
    <incomingServer type="pop3">
      <hostname>pop.example.com</hostname><port>995</port><socketType>SSL</socketType>
      <username>%EMAILADDRESS%</username>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>old.example.com</hostname><port>143</port><socketType>plain</socketType>
    </incomingServer>
    <incomingServer type="imap">
      <hostname>Mail.Example.com</hostname><port>993</port><socketType>SSL</socketType>
      <authentication>password-cleartext</authentication>
      <username>%EMAILLOCALPART%</username>
    </incomingServer>
    <outgoingServer type="smtp">
      <hostname>smtp.%EMAILDOMAIN%</hostname><port>465</port><socketType>SSL</socketType>
    </outgoingServer>
    <outgoingServer type="smtp">
      <hostname>mail.example.com</hostname><port>587</port><socketType>STARTTLS</socketType>
      <username>%EMAILADDRESS%</username>
    </outgoingServer>
  </emailProvider>
</clientConfig>"#;

    fn server(host: &str, port: u16, security: Security) -> Server {
        Server {
            host: host.to_owned(),
            port,
            security,
        }
    }

    #[test]
    fn the_best_server_of_each_kind_is_taken() {
        let found = parse(FILE.as_bytes()).expect("servers");
        let imap = found.imap.expect("one");
        assert_eq!(imap.server, server("mail.example.com", 993, Security::Tls));
        assert!(imap.user_is_local_part);
        let pop3 = found.pop3.expect("one");
        assert_eq!(pop3.server, server("pop.example.com", 995, Security::Tls));
        let smtp = found.smtp.expect("one");
        let expected = server("mail.example.com", 587, Security::StartTls);
        assert_eq!(smtp.server, expected);
        assert!(!smtp.user_is_local_part);
    }

    #[test]
    fn what_is_not_protected_is_no_server() {
        let plain = FILE
            .replace("STARTTLS", "plain")
            .replace(">SSL<", ">plain<");
        assert_eq!(parse(plain.as_bytes()), Err(AutoconfigError::Nothing));
        let one = FILE.replace("STARTTLS", "plain");
        let found = parse(one.as_bytes()).expect("servers");
        assert!(found.smtp.is_none() && found.imap.is_some(), "{found:?}");
    }

    #[test]
    fn bombs_and_other_texts_are_refused() {
        let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\
                    <clientConfig><emailProvider>&b;</emailProvider></clientConfig>";
        assert!(matches!(
            parse(bomb.as_bytes()),
            Err(AutoconfigError::Malformed(_))
        ));
        let outside = "<!DOCTYPE x [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><clientConfig>&a;</clientConfig>";
        assert!(matches!(
            parse(outside.as_bytes()),
            Err(AutoconfigError::Malformed(_))
        ));
        let deep = "<a>".repeat(BYTES_MAX / 3 - 1);
        assert!(matches!(
            parse(deep.as_bytes()),
            Err(AutoconfigError::Malformed(_))
        ));
        let wide = format!("<clientConfig>{}</clientConfig>", "<a/>".repeat(20_000));
        assert!(matches!(
            parse(wide.as_bytes()),
            Err(AutoconfigError::Malformed(_))
        ));
        let large = vec![b' '; BYTES_MAX + 1];
        assert_eq!(parse(&large), Err(AutoconfigError::TooLarge));
        assert_eq!(parse(b"\xff\xfe<"), Err(AutoconfigError::NotText));
        for other in [
            "<html><body>404</body></html>",
            "<clientConfig/>",
            "<clientConfig><emailProvider/></clientConfig>",
        ] {
            assert_eq!(
                parse(other.as_bytes()),
                Err(AutoconfigError::Nothing),
                "{other}"
            );
        }
        for none in ["", "not found", "<", "<a", "<a></b>"] {
            assert!(parse(none.as_bytes()).is_err(), "{none}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn no_change_to_a_file_makes_it_panic(at in 0..1_400_usize, byte in 0..128_u8) {
            let mut bytes = FILE.as_bytes().to_vec();
            let at = at.min(bytes.len() - 1);
            bytes[at] = byte;
            let _ = parse(&bytes);
        }
    }
}
