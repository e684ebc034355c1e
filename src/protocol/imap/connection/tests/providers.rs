//! Shapes that real servers send and the grammar refuses.

use super::{check, check_with, plain_text};
use crate::protocol::imap::TlsPolicy;

#[test]
fn qq_leaves_blanks_and_one_digit_days() {
    check(
        r##"
        S: * OK [CAPABILITY IMAP4 IMAP4rev1 ID AUTH=PLAIN AUTH=LOGIN AUTH=XOAUTH2 NAMESPACE] QQMail XMIMAP4Server ready
        = greeting QQMail XMIMAP4Server ready
        = capabilities AUTH=LOGIN AUTH=PLAIN AUTH=XOAUTH2 ID IMAP4 IMAP4REV1 NAMESPACE
        > fetch 19436 whole
        C: P1 UID FETCH 19436 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
        S: * 1 FETCH (UID 19436 )
        S: * 2 FETCH (UID 19437 FLAGS (\Seen) INTERNALDATE "4-Jan-2026 10:03:04 +0800" RFC822.SIZE 3 BODY[] {3}
        S- abc
        S: )
        S: P1 OK FETCH Completed
        = fetched 19436
        = body of 19437 size 3
        = body "abc"
        = fetched 19437 flags=[Seen] date=2026-01-04T02:03:04Z size=3 complete 3
        = 1 ok FETCH Completed
        > search all
        C: P2 UID SEARCH ALL
        S: * SEARCH 1 2 
        S: P2 OK SEARCH Completed
        = found 1,2
        = 2 ok SEARCH Completed
        > status INBOX
        C: P3 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)
        S: * STATUS "INBOX" (MESSAGES 5 UIDNEXT 19438 UIDVALIDITY 1391425567 )
        S: P3 OK STATUS completed
        = StatusOf { folder: FolderName("INBOX"), status: FolderStatus { messages: Some(5), uid_next: Some(Uid(19438)), uid_validity: Some(UidValidity(1391425567)), unseen: None, highest_modseq: None } }
        = 3 ok STATUS completed
        "##,
    );
}

#[test]
fn qq_refuses_in_gbk_or_without_a_word() {
    let dialogue = |answer: &str, told: &str| {
        check(&format!(
            r##"
            S: * OK hi
            = greeting hi
            > login tim tan
            C: P1 LOGIN tim tan
            S: {answer}
            = 1 {told}
            "##
        ));
    };
    dialogue(r"P1 NO \xB5\xC7\xC2\xBC\xCA\xA7\xB0\xDC", "no 登录失败");
    dialogue("P1 NO 登录失败 {12}", "no 登录失败 {12}");
    dialogue("P1 NO", "no ");
    dialogue("P1 BAD ", "bad ");
    dialogue("P1 NO [AUTHENTICATIONFAILED", "no [AUTHENTICATIONFAILED");
}

#[test]
fn netease_opens_no_folder_before_id() {
    check(
        r##"
        S: * OK Coremail System IMap Server Ready(163com[10774b260cc7a37d26d71b52404dcf5c])
        = greeting Coremail System IMap Server Ready(163com[10774b260cc7a37d26d71b52404dcf5c])
        > select INBOX
        C: P1 SELECT INBOX
        S: P1 NO SELECT Unsafe Login. Please contact kefu@188.com for help
        = 1 no SELECT Unsafe Login. Please contact kefu@188.com for help
        > id name postern
        C: P2 ID ("name" "postern")
        S: * ID ("name" "Coremail Imap" "vendor" "Mailtech" "TransID" "abc")
        S: P2 OK ID completed
        = ServerId([("name", "Coremail Imap"), ("vendor", "Mailtech"), ("TransID", "abc")])
        = 2 ok ID completed
        > list
        C: P3 LIST "" *
        S: * LIST () "/" "&XfJT0ZAB-"
        S: * LIST () "/" "\xD2\xD1\xB7\xA2\xCB\xCD"
        S: * LIST () "/" "客户"
        S: * XLIST (\Drafts) "/" "&g0l6P3ux-"
        S: P3 OK LIST Completed
        = listed 已发送 Some('/')  
        = listed 已发送 Some('/')  
        = listed 客户 Some('/')  
        = listed 草稿箱 Some('/') \Drafts Drafts
        = 3 ok LIST Completed
        -- A folder is opened under the name it was listed with.
        > select 客户
        C: P4 SELECT {6}
        C: 
        S: + Ready
        C: 客户
        S: P4 NO no
        = 4 no no
        "##,
    );
}

#[test]
fn exchange_miscounts_and_answers_to_nobody() {
    check_with(
        &plain_text(TlsPolicy::None),
        r##"
        S: * OK The Microsoft Exchange IMAP4 service is ready. [QQBNAA==]
        = greeting The Microsoft Exchange IMAP4 service is ready. [QQBNAA==]
        > login a@b.c x
        C: P1 LOGIN a@b.c x
        S: P1 OK LOGIN completed.
        = 1 ok LOGIN completed.
        > select INBOX
        C: P2 SELECT INBOX
        S: P2 BAD User is authenticated but not connected.
        = 2 bad User is authenticated but not connected.
        > fetch 1:3 facts
        C: P3 UID FETCH 1:3 (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ)
        S: * 1 FETCH (UID 1 RFC822.SIZE -12 FLAGS (\Seen))
        S: * 2 FETCH (UID 2 RFC822.SIZE 5000000000 FLAGS ())
        S: * 3 FETCH (UID 3 FLAGS () BODY[] "quoted \(bad escape")
        S: * BAD Command Error. 10
        S: P3 OK [COPYUID 7  ] FETCH completed.
        = fetched 1 flags=[Seen]
        = fetched 2 flags=[]
        = fetched 3 flags=[]
        = 3 ok [Other("COPYUID 7")] FETCH completed.
        "##,
    );
}

#[test]
fn gmail_adds_items_and_alerts() {
    check(
        r##"
        S: * OK Gimap ready for requests from 192.0.2.1 x1mb1
        = greeting Gimap ready for requests from 192.0.2.1 x1mb1
        > login a@gmail.com secretword
        C: P1 LOGIN a@gmail.com secretword
        S: * NO [WEBALERT https://accounts.google.com/signin/continue?sarp=1&scc=[1]&plt=x] Web login required.
        S: P1 NO [ALERT] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)
        = alert Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)
        = 1 no [Alert] Please log in via your web browser: https://support.google.com/mail/accounts/answer/78754 (Failure)
        > login a@gmail.com secretword
        C: P2 LOGIN a@gmail.com secretword
        S: * CAPABILITY IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 UIDPLUS COMPRESS=DEFLATE ENABLE MOVE CONDSTORE ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584
        S: P2 OK a@gmail.com authenticated (Success)
        = capabilities APPENDLIMIT=35651584 CHILDREN COMPRESS=DEFLATE CONDSTORE ENABLE ESEARCH ID IDLE IMAP4REV1 LIST-EXTENDED LIST-STATUS LITERAL- MOVE NAMESPACE QUOTA SPECIAL-USE UIDPLUS UNSELECT UTF8=ACCEPT X-GM-EXT-1 XLIST
        = 2 ok a@gmail.com authenticated (Success)
        > fetch 7 whole
        C: P3 UID FETCH 7 (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])
        S: * 7 FETCH (X-GM-THRID 1278455344230334865 X-GM-LABELS ("\\Important" "a) b") EMAILID (M6d99ac3275bb4e) SAVEDATE NIL UID 7 FLAGS ($NotPhishing) RFC822.SIZE 2 MODSEQ (99) BODY[] {2}
        S- \0b
        S: )
        S: P3 OK Success
        = body of 7 size 2
        = body "\\x00b"
        = fetched 7 flags=[Other("$NotPhishing")] size=2 modseq=99 complete 2
        = 3 ok Success
        > list
        C: P4 LIST "" *
        S: * LIST (\HasNoChildren \Sent) "/" "[Gmail]/Sent Mail"
        S: * LIST (\All \HasNoChildren) "/" "[Gmail]/All Mail" ("CHILDINFO" ("SUBSCRIBED"))
        S: P4 OK Success
        = listed [Gmail]/Sent Mail Some('/') \HasNoChildren,\Sent Sent
        = listed [Gmail]/All Mail Some('/') \All,\HasNoChildren All
        = 4 ok Success
        "##,
    );
}

#[test]
fn what_cannot_be_repaired_costs_itself_only() {
    check(
        r##"
        S: * OK hi
        = greeting hi
        > noop
        C: P1 NOOP
        S: * ESEARCH (TAG "P1") UID ALL 1:3
        S: * FOO bar
        S: * LIST () "/" ""
        S: * 1 FETCH ()
        S: * 2 FETCH (UID 9 FLAGS ([x] \xFF) INTERNALDATE "00-Jan-0000 00:00:00 +0000" ENVELOPE (broken BODY[] {2}
        S- ab
        S: ))
        S: * SEARCH 0 4 x
        S: 
        S: P1 OK done
        = malformed Syntax * ESEARCH (TAG "P1") UID ALL 1:3
        = malformed Syntax * FOO bar
        = malformed Syntax * LIST () "/" ""
        = fetched ?
        = body of 9 size 2
        = body "ab"
        = fetched 9 flags=[Other("[x]"), Other("�")] complete 2
        = found 4
        = malformed Syntax 
        = 1 ok done
        "##,
    );
}
