//! The commands, one after the other, as a well-behaved server answers them.

use super::{check, check_with, plain_text};
use crate::protocol::imap::TlsPolicy;

#[test]
fn a_session_from_greeting_to_logout() {
    check(
        r##"
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready
        = greeting ready
        = capabilities AUTH=PLAIN IMAP4REV1 SASL-IR
        > login tim tan
        C: P1 LOGIN tim tan
        S: * CAPABILITY IMAP4rev1 IDLE NAMESPACE
        S: P1 OK welcome
        = capabilities IDLE IMAP4REV1 NAMESPACE
        = 1 ok welcome
        > id name Postern
        C: P2 ID ("name" "Postern")
        S: * ID ("name" "Dovecot" "version" NIL)
        S: P2 OK done
        = ServerId([("name", "Dovecot"), ("version", "")])
        = 2 ok done
        > select INBOX
        C: P3 SELECT INBOX
        S: * FLAGS (\Answered \Seen)
        S: * OK [PERMANENTFLAGS (\Answered \Seen \*)] Flags permitted.
        S: * 3 EXISTS
        S: * 0 RECENT
        S: * OK [UNSEEN 2] first
        S: * OK [UIDVALIDITY 7] valid
        S: * OK [UIDNEXT 12] next
        S: * OK [HIGHESTMODSEQ 99] highest
        S: P3 OK [READ-WRITE] done
        = Selected { command: CommandId(3), folder: SelectedFolder { exists: 3, uid_validity: Some(UidValidity(7)), uid_next: Some(Uid(12)), highest_modseq: Some(ModSeq(99)), read_only: false, uid_not_sticky: false } }
        = 3 ok [ReadWrite] done
        > search all
        C: P4 UID SEARCH ALL
        S: * SEARCH 3 9 11
        S: P4 OK done
        = found 3,9,11
        = 4 ok done
        > logout
        C: P5 LOGOUT
        S: * BYE bye
        S: P5 OK done
        = 5 ok done
        = closed LoggedOut
        "##,
    );
}

#[test]
fn bodies_are_handed_out_before_their_facts() {
    check(
        r##"
        S: * OK hi
        > fetch 5:6 whole
        C: P1 UID FETCH 5:6 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
        S: * 1 FETCH (UID 5 FLAGS (\Seen $Label1) INTERNALDATE " 4-Jan-2026 10:03:04 +0800" RFC822.SIZE 9 BODY[] {9}
        S- a: b\r\n\r\n\0
        S: )
        S: * 2 FETCH (BODY[] {4}
        S- )\r\n)
        S:  UID 6 FLAGS ())
        S: P1 OK done
        = greeting hi
        = body of 5 size 9
        = body "a: b\\r\\n\\r\\n\\x00"
        = fetched 5 flags=[Seen, Other("$Label1")] date=2026-01-04T02:03:04Z size=9 complete 9
        = body of ? size 4
        = body ")\\r\\n)"
        = fetched 6 flags=[] complete 4
        = 1 ok done
        > fetch 5 part
        C: P2 UID FETCH 5 (UID BODY.PEEK[]<10.5>)
        S: * 1 FETCH (UID 5 BODY[]<10> {5}
        S- 12345
        S: )
        S: * 2 FETCH (UID 6 BODY[]<10> "")
        S: P2 OK done
        = body of 5 size 5
        = body "12345"
        = fetched 5 complete 5 from 10
        = body of 6 size 0
        = fetched 6 complete 0 from 10
        = 2 ok done
        > fetch 5:* subject
        C: P3 UID FETCH 5:* (UID BODY.PEEK[HEADER.FIELDS (Subject)])
        S: * 1 FETCH (UID 5 BODY[HEADER.FIELDS ("Subject")] "Subject: \"x\"")
        S: P3 OK done
        = body of 5 size 12
        = body "Subject: \\\"x\\\""
        = fetched 5 complete 12
        = 3 ok done
        > fetch 5 facts
        C: P4 UID FETCH 5 (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ)
        S: * 1 FETCH (UID 5 FLAGS (\Recent) RFC822.SIZE 12 MODSEQ (77))
        S: P4 OK done
        = fetched 5 flags=[Recent] size=12 modseq=77
        = 4 ok done
        "##,
    );
}

#[test]
fn an_empty_body_is_complete_and_nil_is_not() {
    check(
        r##"
        S: * OK hi
        S: * 1 FETCH (UID 5 BODY[] {0}
        S: )
        S: * 2 FETCH (UID 6 BODY[] NIL)
        S: * 3 FETCH (UID 7 FLAGS ())
        = greeting hi
        = body of 5 size 0
        = fetched 5 complete 0
        = fetched 6 nil
        = fetched 7 flags=[]
        "##,
    );
}

#[test]
fn starttls_forgets_what_was_said_before() {
    check_with(
        &plain_text(TlsPolicy::Demanded),
        r##"
        S: * OK [CAPABILITY IMAP4rev1 STARTTLS LITERAL+] hi
        = greeting hi
        = capabilities IMAP4REV1 LITERAL+ STARTTLS
        > starttls
        > capability
        C: P1 STARTTLS
        S: P1 OK go
        = 1 ok go
        = ContinueTls
        > tls
        C: P2 CAPABILITY
        > login tim t"n
        S: * CAPABILITY IMAP4rev1
        S: P2 OK done
        = capabilities IMAP4REV1
        = 2 ok done
        C: P3 LOGIN tim "t\"n"
        S: P3 NO [AUTHENTICATIONFAILED] no
        = 3 no [AuthenticationFailed] no
        "##,
    );
}

#[test]
fn authenticate_with_and_without_an_initial_response() {
    check(
        r##"
        S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi
        > authenticate PLAIN tim tan
        C: P1 AUTHENTICATE PLAIN AHRpbQB0YW4=
        S: P1 OK in
        = greeting hi
        = capabilities AUTH=PLAIN IMAP4REV1 SASL-IR
        = 1 ok in
        "##,
    );
    check(
        r##"
        S: * OK hi
        > authenticate PLAIN tim tan
        > noop
        C: P1 AUTHENTICATE PLAIN
        S: +
        C: AHRpbQB0YW4=
        S: P1 OK in
        C: P2 NOOP
        S: P2 OK done
        = greeting hi
        = 1 ok in
        = 2 ok done
        "##,
    );
}

#[test]
fn a_refused_token_tells_why() {
    let dialogue = |name: &str, answer: &str| {
        format!(
            r##"
            S: * OK [CAPABILITY IMAP4rev1 SASL-IR] hi
            = greeting hi
            = capabilities IMAP4REV1 SASL-IR
            > authenticate {name} a@b.c old
            C: P1 AUTHENTICATE {name} {}
            S: + eyJzdGF0dXMiOiI0MDAifQ==
            C: {answer}
            S: P1 NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)
            = 1 no [AuthenticationFailed] Invalid credentials (Failure) challenge={{"status":"400"}}
            "##,
            match name {
                "XOAUTH2" => "dXNlcj1hQGIuYwFhdXRoPUJlYXJlciBvbGQBAQ==",
                _ => "bixhPWFAYi5jLAFhdXRoPUJlYXJlciBvbGQBAQ==",
            }
        )
    };
    check(&dialogue("XOAUTH2", ""));
    check(&dialogue("OAUTHBEARER", "AQ=="));
}

#[test]
fn folders_are_listed_under_readable_names() {
    check(
        r##"
        S: * OK hi
        > list
        C: P1 LIST "" *
        S: * LIST (\HasNoChildren) "/" INBOX
        S: * LIST (\HasNoChildren \Sent) "/" "&XfJT0ZAB-"
        S: * LIST (\Noselect \HasChildren) NIL {7}
        S: a "b" c
        S: P1 OK done
        = greeting hi
        = listed INBOX Some('/') \HasNoChildren 
        = listed 已发送 Some('/') \HasNoChildren,\Sent Sent
        = listed a "b" c None \Noselect,\HasChildren  not selectable
        = 1 ok done
        > namespace
        C: P2 NAMESPACE
        S: * NAMESPACE (("INBOX." ".")) NIL (("#shared/" "/"))
        S: P2 OK done
        = Namespaces([Namespace { prefix: "INBOX.", delimiter: Some('.') }])
        = 2 ok done
        > status 已发送
        C: P3 STATUS &XfJT0ZAB- (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)
        S: * STATUS "&XfJT0ZAB-" (MESSAGES 4 UIDNEXT 9 UIDVALIDITY 3 UNSEEN 1)
        S: P3 OK done
        = StatusOf { folder: FolderName("已发送"), status: FolderStatus { messages: Some(4), uid_next: Some(Uid(9)), uid_validity: Some(UidValidity(3)), unseen: Some(1), highest_modseq: None } }
        = 3 ok done
        "##,
    );
}

#[test]
fn append_waits_for_an_invitation_only_where_it_must() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > append a:b\r\n\0
        > noop
        C: P1 APPEND &XfJT0ZAB- (\Seen) "04-Jan-2026 02:03:04 +0000" {6}
        C: 
        S: + go on
        C: a:b
        C: \0
        C: P2 NOOP
        S: P1 OK [APPENDUID 3 12] done
        S: P2 OK done
        = 1 ok [AppendUid { validity: UidValidity(3), uids: UidSet { ranges: [(12, 12)], open: false } }] done
        = 2 ok done
        "##,
    );
    for literal in ["LITERAL+", "LITERAL-"] {
        check(&format!(
            r##"
            S: * OK [CAPABILITY IMAP4rev1 {literal}] hi
            = greeting hi
            = capabilities IMAP4REV1 {literal}
            > append abc
            C: P1 APPEND &XfJT0ZAB- (\Seen) "04-Jan-2026 02:03:04 +0000" {{3+}}
            C: abc
            S: P1 NO [OVERQUOTA] full
            = 1 no [OverQuota] full
            "##
        ));
    }
    let long = "x".repeat(4097);
    check(&format!(
        r##"
        S: * OK [CAPABILITY LITERAL-] hi
        = greeting hi
        = capabilities LITERAL-
        > append {long}
        > noop
        C: P1 APPEND &XfJT0ZAB- (\Seen) "04-Jan-2026 02:03:04 +0000" {{4097}}
        C: 
        S: P1 NO [TRYCREATE] no such folder
        C: P2 NOOP
        S: P2 OK done
        = 1 no [TryCreate] no such folder
        = 2 ok done
        "##
    ));
}

#[test]
fn idle_tells_news_and_ends_when_asked() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > idle
        > noop
        C: P1 IDLE
        -- Some servers tell before they invite.
        S: * 4 EXISTS
        S: + idling
        = Exists(4)
        = Idling
        S: * 2 EXPUNGE
        S: * VANISHED 7:9,12
        S: * 1 FETCH (FLAGS (\Seen))
        = Expunged(2)
        = vanished 7:9,12 earlier=false
        = fetched ? flags=[Seen]
        > done
        > done
        C: DONE
        S: P1 OK done
        C: P2 NOOP
        S: P2 OK done
        = 1 ok done
        = 2 ok done
        > idle
        > done
        C: P3 IDLE
        C: 
        S: + idling
        C: DONE
        S: P3 OK done
        = Idling
        = 3 ok done
        "##,
    );
}

#[test]
fn what_cannot_be_mistaken_is_pipelined() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > select INBOX
        > fetch 1 part
        > search since=2026-01-04
        > fetch 2 part
        > search among=5:9
        > store 3
        > examine Sent
        C: P1 SELECT INBOX
        C: 
        S: P1 OK [READ-ONLY] done
        = Selected { command: CommandId(1), folder: SelectedFolder { exists: 0, uid_validity: None, uid_next: None, highest_modseq: None, read_only: true, uid_not_sticky: false } }
        = 1 ok [ReadOnly] done
        C: P2 UID FETCH 1 (UID BODY.PEEK[]<10.5>)
        C: P3 UID SEARCH SINCE "04-Jan-2026"
        C: P4 UID FETCH 2 (UID BODY.PEEK[]<10.5>)
        C: 
        S: P3 OK done
        C: P5 UID SEARCH UID 5:9
        C: P6 UID STORE 3 +FLAGS.SILENT (\Seen)
        S: P2 OK done
        S: P4 OK done
        S: P6 OK done
        S: P5 OK done
        = 3 ok done
        = 2 ok done
        = 4 ok done
        = 6 ok done
        = 5 ok done
        C: P7 EXAMINE Sent
        S: P7 NO [NONEXISTENT] no
        = 7 no [NonExistent] no
        "##,
    );
}

#[test]
fn search_in_headers_names_its_charset_only_when_it_must() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > search Message-ID=<a@b>
        C: P1 UID SEARCH HEADER Message-ID <a@b>
        S: P1 OK done
        > search Subject=发票
        C: P2 UID SEARCH CHARSET UTF-8 HEADER Subject {6}
        C: 
        S: + go
        C: 发票
        S: P2 OK done
        = 1 ok done
        = 2 ok done
        "##,
    );
}

#[test]
fn modification_sequences_are_asked_for_and_understood() {
    check(
        r##"
        S: * OK [CAPABILITY CONDSTORE ENABLE QRESYNC] hi
        = greeting hi
        = capabilities CONDSTORE ENABLE QRESYNC
        > enable QRESYNC
        > select-resync
        C: P1 ENABLE QRESYNC
        S: * ENABLED QRESYNC
        S: P1 OK done
        = Enabled(["QRESYNC"])
        = 1 ok done
        C: P2 SELECT INBOX (QRESYNC (7 90 1:9))
        S: * 5 EXISTS
        S: * OK [HIGHESTMODSEQ 101] x
        S: * VANISHED (EARLIER) 3:4
        S: * 2 FETCH (UID 6 FLAGS () MODSEQ (101))
        S: P2 OK done
        = vanished 3:4 earlier=true
        = fetched 6 flags=[] modseq=101
        = Selected { command: CommandId(2), folder: SelectedFolder { exists: 5, uid_validity: None, uid_next: None, highest_modseq: Some(ModSeq(101)), read_only: false, uid_not_sticky: false } }
        = 2 ok done
        > select-modseq
        C: P3 SELECT INBOX (CONDSTORE)
        S: P3 OK [NOMODSEQ] done
        > unselect
        C: P4 UNSELECT
        S: P4 OK done
        > close
        C: P5 CLOSE
        S: P5 OK done
        = Selected { command: CommandId(3), folder: SelectedFolder { exists: 0, uid_validity: None, uid_next: None, highest_modseq: None, read_only: false, uid_not_sticky: false } }
        = 3 ok [NoModSeq] done
        = 4 ok done
        = 5 ok done
        "##,
    );
}

#[test]
fn compressed_bytes_that_came_with_the_answer_are_handed_back() {
    let mut run = super::Run::new(crate::protocol::imap::Options::default(), usize::MAX);
    run.call("compress");
    run.feed(b"* OK hi\r\nP1 OK go\r\n\x01\x02".to_vec());
    let expected = [
        "greeting hi",
        "1 ok go",
        r#"ContinueDeflate { already_read: b"\x01\x02" }"#,
    ];
    assert_eq!(run.events(), expected);
    run.call("deflate");
    run.call("noop");
    run.feed(b"P2 OK done\r\n".to_vec());
    assert_eq!(run.events(), ["2 ok done"]);
}
