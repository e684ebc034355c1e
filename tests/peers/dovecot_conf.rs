//! What the private Dovecot is configured with. It runs as root (mail belongs to
//! `nobody`, as Dovecot reads no mail as root) or as any ordinary user.

use std::fmt::Write as _;
use std::path::Path;

/// Where it listens; always on 127.0.0.1.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub imap: u16,
    pub imaps: u16,
    pub pop3: u16,
    pub pop3s: u16,
    pub submission: u16,
    pub submissions: u16,
    pub lmtp: u16,
}

impl Ports {
    pub fn all(&self) -> [u16; 7] {
        let Self {
            imap,
            imaps,
            pop3,
            pop3s,
            submission,
            submissions,
            lmtp,
        } = *self;
        [imap, imaps, pop3, pop3s, submission, submissions, lmtp]
    }
}

/// On whose behalf the processes run.
#[derive(Debug, Clone)]
pub struct Owner {
    pub uid: u32,
    pub gid: u32,
    /// `None` when we are root: then Debian's own service users are used.
    pub unprivileged: Option<(String, String)>,
}

/// The user `nobody` on Debian.
const NOBODY: u32 = 65_534;

impl Owner {
    /// Whoever runs the test.
    pub fn current() -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        if uid.is_root() {
            return Self {
                uid: NOBODY,
                gid: NOBODY,
                unprivileged: None,
            };
        }
        Self {
            uid: uid.as_raw(),
            gid: gid.as_raw(),
            unprivileged: Some((name_of("-un"), name_of("-gn"))),
        }
    }
}

fn name_of(flag: &str) -> String {
    let output = std::process::Command::new("id").arg(flag).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// The configuration file. `relay` is where the submission service hands mail on to.
pub fn text(dir: &Path, ports: &Ports, owner: &Owner, relay: Option<u16>) -> String {
    let dir = dir.display();
    let mut text = format!(
        "base_dir = {dir}/run\nstate_dir = {dir}/state\nlog_path = {dir}/dovecot.log\n\
         ssl_cert = <{dir}/server.pem\nssl_key = <{dir}/server.key\n\
         passdb {{\n  driver = passwd-file\n  args = scheme=PLAIN {dir}/users\n}}\n\
         userdb {{\n  driver = passwd-file\n  args = {dir}/users\n}}\n{FIXED}"
    );
    if let Some((user, group)) = &owner.unprivileged {
        write!(
            text,
            "default_internal_user = {user}\ndefault_internal_group = {group}\n\
             default_login_user = {user}\nservice lmtp {{\n  user = {user}\n}}\n"
        )
        .unwrap();
    }
    let login = [
        ("imap-login", [("imap", ports.imap), ("imaps", ports.imaps)]),
        ("pop3-login", [("pop3", ports.pop3), ("pop3s", ports.pop3s)]),
        (
            "submission-login",
            [
                ("submission", ports.submission),
                ("submissions", ports.submissions),
            ],
        ),
    ];
    for (service, [(plain, plain_port), (tls, tls_port)]) in login {
        write!(
            text,
            "service {service} {{\n  chroot =\n  inet_listener {plain} {{\n    port = {plain_port}\n  }}\n  \
             inet_listener {tls} {{\n    port = {tls_port}\n    ssl = yes\n  }}\n}}\n"
        )
        .unwrap();
    }
    let lmtp = ports.lmtp;
    writeln!(
        text,
        "service lmtp {{\n  inet_listener lmtp {{\n    port = {lmtp}\n  }}\n}}"
    )
    .unwrap();
    let relay = relay.unwrap_or(1);
    write!(
        text,
        "submission_relay_host = 127.0.0.1\nsubmission_relay_port = {relay}\n"
    )
    .unwrap();
    text
}

/// Access tokens are taken as well (XOAUTH2, OAUTHBEARER); `place` says whom to ask.
pub fn taking_tokens(place: &Path) -> String {
    let place = place.display();
    format!(
        "auth_mechanisms = plain login xoauth2 oauthbearer\npassdb {{\n  driver = oauth2\n  \
         mechanisms = xoauth2 oauthbearer\n  args = {place}\n}}\n"
    )
}

/// Each token is asked about, at each login (RFC 7662).
pub fn asking(port: u16) -> String {
    format!(
        "introspection_url = http://127.0.0.1:{port}/introspect\nintrospection_mode = post\n\
         username_attribute = username\nactive_attribute = active\nactive_value = true\n"
    )
}

/// `mail_fsync = never`: the tests' disk is not what is being tested.
/// `anvil-auth-penalty` off: a wrong password is answered at once, also the second.
/// `mail_save_crlf`: what a test reads back is what came over the wire.
const FIXED: &str = r"
listen = 127.0.0.1
protocols = imap pop3 lmtp submission
hostname = localhost
ssl = yes
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
first_valid_gid = 1
mail_location = maildir:~/Maildir
mail_fsync = never
mail_save_crlf = yes
mail_max_userip_connections = 100
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Sent {
    auto = create
    special_use = \Sent
  }
  mailbox Junk {
    auto = create
    special_use = \Junk
  }
}
";
