//! What a router that is heard says otherwise than this one: which side has what.

use vrrp_common::maps::{
    CHECKSUM_GROUP, CHECKSUM_PLAIN, FAMILY_V4, Peer, VR_SKIP_ADDRESSES, VirtualRouter,
};

/// In words, a piece for each difference; nothing where both say the same. Priorities
/// are meant to differ, and what makes a packet be refused is in the log.
#[must_use]
pub fn differences(family: u8, ours: &VirtualRouter, theirs: &Peer) -> Vec<String> {
    let mut found = Vec::new();
    if theirs.interval_cs != ours.interval_cs {
        found.push(format!(
            "an advert every {} there, every {} here",
            seconds(theirs.interval_cs),
            seconds(ours.interval_cs)
        ));
    }
    if family == FAMILY_V4 && theirs.version == 3 && theirs.checksum_form != ours.sent_form {
        found.push(format!(
            "a checksum {} there, {} here",
            form(theirs.checksum_form),
            form(ours.sent_form)
        ));
    }
    if theirs.addresses_differ != 0 && ours.flags & VR_SKIP_ADDRESSES == 0 {
        found.push(if theirs.address_count == ours.address_count {
            format!(
                "{} there, but not the same as here",
                addresses(theirs.address_count)
            )
        } else {
            format!(
                "{} there, {} here",
                addresses(theirs.address_count),
                ours.address_count
            )
        });
    }
    found
}

fn seconds(centiseconds: u32) -> String {
    match (centiseconds / 100, centiseconds % 100) {
        (whole, 0) => format!("{whole} s"),
        (whole, part) => format!("{whole}.{part:02} s"),
    }
}

const fn form(form: u8) -> &'static str {
    match form {
        CHECKSUM_PLAIN => "of the message alone",
        CHECKSUM_GROUP => "with a pseudo-header that names the group",
        _ => "with a pseudo-header",
    }
}

fn addresses(count: u8) -> String {
    match count {
        1 => "1 address".to_owned(),
        n => format!("{n} addresses"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrrp_common::maps::{CHECKSUM_PSEUDO, FAMILY_V6};

    fn ours() -> VirtualRouter {
        VirtualRouter {
            interval_cs: 100,
            address_count: 2,
            version: 3,
            sent_form: CHECKSUM_PSEUDO,
            ..VirtualRouter::default()
        }
    }

    fn theirs(change: impl FnOnce(&mut Peer)) -> Peer {
        let mut peer = Peer {
            interval_cs: 100,
            address_count: 2,
            version: 3,
            checksum_form: CHECKSUM_PSEUDO,
            priority: 200,
            ..Peer::default()
        };
        change(&mut peer);
        peer
    }

    #[test]
    fn each_difference_names_both_sides() {
        let said = |change: fn(&mut Peer)| differences(FAMILY_V4, &ours(), &theirs(change));
        assert_eq!(said(|_| {}), [""; 0]);
        assert_eq!(
            said(|it| it.interval_cs = 25),
            ["an advert every 0.25 s there, every 1 s here"]
        );
        assert_eq!(
            said(|it| it.checksum_form = CHECKSUM_PLAIN),
            ["a checksum of the message alone there, with a pseudo-header here"]
        );
        assert_eq!(
            said(|it| (it.address_count, it.addresses_differ) = (1, 1)),
            ["1 address there, 2 here"]
        );
        assert_eq!(
            said(|it| it.addresses_differ = 1),
            ["2 addresses there, but not the same as here"]
        );
        let all = said(|it| {
            it.interval_cs = 200;
            it.checksum_form = CHECKSUM_GROUP;
            it.addresses_differ = 1;
        });
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn where_there_is_no_choice_there_is_no_difference() {
        let plain = theirs(|it| it.checksum_form = CHECKSUM_PLAIN);
        assert_eq!(differences(FAMILY_V6, &ours(), &plain), [""; 0]);
        let v2 = theirs(|it| (it.checksum_form, it.version) = (CHECKSUM_PLAIN, 2));
        assert_eq!(differences(FAMILY_V4, &ours(), &v2), [""; 0]);
        let skips = VirtualRouter {
            flags: VR_SKIP_ADDRESSES,
            ..ours()
        };
        let other = theirs(|it| it.addresses_differ = 1);
        assert_eq!(differences(FAMILY_V4, &skips, &other), [""; 0]);
    }
}
