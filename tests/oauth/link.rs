//! A link that leads to the provider instead of asking for a code.

use super::{DESK, House, mail};
use crate::peers::browser::Browser;
use crate::peers::dovecot::USER;

#[test]
fn a_link_signs_a_mailbox_in_and_only_the_browser_that_holds_it_comes_back() {
    let house = House::open();
    house.connect_by_code();
    house.provider.end_grants();
    house.road.cut();
    house.until("reauthentication_needed");
    house.dovecot.deliver(USER, &mail("a"));
    let made = house
        .gateway
        .run(&["mailbox", "reauthenticate-link", USER])
        .good();
    let link = made.out.trim().strip_prefix(DESK).unwrap().to_owned();
    let mut phone = Browser::stranger(&house.gateway);
    let page = phone.get(&link);
    assert!(!page.body.contains("name=\"password\""), "{page:?}");
    let away = phone.send(&format!("{link}/sign-in"), &[]);
    assert_eq!(away.status, 200, "{away:?}");
    assert!(away.head.contains("HttpOnly") && away.head.contains("Secure"));
    let back = house.visit(&away);
    // Somebody else brings the return: the login page, and nothing is used up.
    let stranger = Browser::stranger(&house.gateway).get(&back);
    assert_eq!(stranger.leads(), "/login");
    let signed_in = Browser::sign_in(&house.gateway).get(&back);
    assert_eq!(signed_in.status, 422, "{signed_in:?}");
    phone.keep_cookie(&away);
    let done = phone.get(&back);
    assert_eq!(done.status, 200, "{done:?}");
    assert!(done.body.contains("It works again"), "{done:?}");
    house.until("active");
    house.arrives("a");
    assert_eq!(phone.get(&link).status, 404);
    // Used once: the same return is not taken again.
    assert_ne!(phone.get(&back).status, 200);
    // Beginning takes turns, too: a link is no way to fill the house with sign-ins.
    let made = house
        .gateway
        .run(&["mailbox", "reauthenticate-link", USER])
        .good();
    let link = made.out.trim().strip_prefix(DESK).unwrap();
    let begin = |_| phone.send(&format!("{link}/sign-in"), &[]).status;
    let begun: Vec<u16> = (0..6).map(begin).collect();
    assert_eq!(begun, [200, 200, 200, 200, 200, 429]);
}
