//! What the server that took a mail says of its sender (RFC 8601).
//!
//! Only the topmost fields count, up to another server's name: the server that took the mail
//! puts its own above whatever came with it. And only a failure is read. Where a server adds
//! no such field the topmost is a stranger's, and all a stranger gains by a failure is that
//! no machine answers.

use super::header::HeaderBlock;
use super::header::words::decode_text;

/// Fields that are looked at.
const FIELDS_MAX: usize = 20;
/// Longest field that is looked at, in bytes.
const LENGTH_MAX: usize = 8_000;

/// Whether DMARC failed.
#[must_use]
pub fn says_dmarc_failed(header: &HeaderBlock) -> bool {
    let mut topmost: Option<String> = None;
    for value in header.all("authentication-results").take(FIELDS_MAX) {
        let text = decode_text(&value[..value.len().min(LENGTH_MAX)], None).to_lowercase();
        let text = without_comments(&text);
        let mut parts = text.split(';').map(str::trim);
        let first = parts.clone().next().unwrap_or_default();
        // Exchange leaves the name of the server out.
        let (server, results) = match first.contains('=') {
            true => ("", parts),
            false => {
                parts.next();
                (first.split_whitespace().next().unwrap_or_default(), parts)
            }
        };
        if topmost.get_or_insert_with(|| server.to_owned()) != server {
            return false;
        }
        let mut results = results;
        let failed = |result: &str| {
            let (method, rest) = result.split_once('=').unwrap_or_default();
            let verdict = rest.split_whitespace().next().unwrap_or_default();
            method.trim() == "dmarc" && verdict == "fail"
        };
        if results.any(failed) {
            return true;
        }
    }
    false
}

/// RFC 5322 section 3.2.2: what stands in parentheses, nested or not, says nothing.
fn without_comments(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = |c: &char| {
        match c {
            '(' => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                return false;
            }
            _ => {}
        }
        depth == 0
    };
    text.chars().filter(outside).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(fields: &[&str]) -> bool {
        let raw: String = fields
            .iter()
            .map(|field| format!("Authentication-Results: {field}\r\n"))
            .collect();
        says_dmarc_failed(&HeaderBlock::new(raw.into_bytes()))
    }

    #[test]
    fn the_server_that_took_the_mail_is_heard_and_no_other() {
        for fields in [
            &[
                "mx.example.com; spf=pass smtp.mailfrom=a.example; dmarc=fail (p=NONE) header.from=b.example",
            ][..],
            &["mx.example.com; dkim=pass", "mx.example.com; dmarc = fail"],
            &["spf=fail (sender IP is 192.0.2.1); dmarc=fail action=none header.from=a.example"],
            &["mx.example.com 1; (dmarc=pass) dmarc=fail"],
        ] {
            assert!(failed(fields), "{fields:?}");
        }
        for fields in [
            &["mx.example.com; dmarc=pass", "evil.example; dmarc=fail"][..],
            &["mx.example.com; dkim=fail; spf=fail; dmarc=none"],
            &["mx.example.com; dkim=pass (dmarc=fail)"],
            &["mx.example.com; dmarc=failover"],
            &["mx.example.com; none"],
            &[],
        ] {
            assert!(!failed(fields), "{fields:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_field_stops_the_reader(field in "(\\PC|[();=]|dmarc=fail){0,60}") {
            failed(&[&field]);
        }
    }
}
