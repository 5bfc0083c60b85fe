//! What a router makes of what it hears.

use super::*;
use crate::ownership::command::VrId;
use core::net::Ipv4Addr;

fn at(ms: u64) -> Instant {
    Instant::from_ns(ms * 1_000_000)
}

const fn host(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
}

/// Of priority 200, at one second, since 0 ms.
fn router() -> Router {
    let params = Params {
        version: Version::V3,
        priority: 200,
        source: host(2),
        interval: Duration::from_secs(1),
        adverts: 3,
        preempt: true,
        preempt_delay: Duration::ZERO,
    };
    Router::new(params, at(0))
}

fn advert(priority: u8, interval_cs: u32, ms: u64) -> Heard {
    Heard {
        vr: VrId(0),
        source: host(1),
        priority,
        interval_cs,
        version: 3,
        checksum_form: 0,
        at: at(ms),
        revoked: false,
        addresses_differ: false,
        mac: [0; 6],
    }
}

#[test]
fn who_is_preempted_may_have_left_others_with_its_interval() {
    let mut router = router();
    assert_eq!(router.shortest_interval(), Duration::from_secs(1));
    assert_eq!(router.heed(&advert(100, 1, 500)), Heeded::Discarded);
    // It counts on with its own, and knows what others count with.
    assert_eq!(router.learned_interval(), Duration::from_secs(1));
    assert_eq!(router.shortest_interval(), Duration::from_millis(10));
}

#[test]
fn what_was_not_listened_to_does_not_count_as_silence() {
    let mut router = router();
    let waits = router.claim_at(Duration::ZERO).since(at(0));
    router.listens_from(at(5000));
    assert_eq!(router.claim_at(Duration::ZERO), at(5000) + waits);
    // An older moment changes nothing, nor does it hold up who only waits a skew.
    router.listens_from(at(4000));
    assert_eq!(router.claim_at(Duration::ZERO), at(5000) + waits);
    router.heed(&advert(220, 100, 6000));
    router.heed(&advert(0, 100, 6100));
    let skew = router.claim_at(Duration::ZERO);
    router.listens_from(at(9000));
    assert_eq!(router.claim_at(Duration::ZERO), skew);
}

#[test]
fn a_weaker_router_never_makes_it_claim_sooner_than_the_active_would() {
    // (what, its priority, at ms, waits for it)
    for (what, priority, ms, follows) in [
        ("on its way since before the claim", 210, 501, false),
        (
            "still there when the Active is long silent",
            210,
            4200,
            true,
        ),
        ("the stronger one", 230, 501, true),
    ] {
        let mut router = router();
        let active = Heard {
            source: host(9),
            ..advert(220, 100, 500)
        };
        assert_eq!(router.heed(&active), Heeded::Adopted { changed: true });
        let waits = router.claim_at(Duration::ZERO);
        let heeded = router.heed(&advert(priority, 1, ms));
        assert_eq!(
            heeded == Heeded::Adopted { changed: true },
            follows,
            "{what}"
        );
        if !follows {
            assert_eq!(router.claim_at(Duration::ZERO), waits, "{what}");
        }
    }
}

/// Two address owners are a mistake; the greater address is to win whoever starts last.
#[test]
fn an_owner_follows_nobody_it_beats() {
    for (other, heeded) in [
        (host(1), Heeded::Discarded),
        (host(9), Heeded::Adopted { changed: true }),
    ] {
        let mut params = *router().params();
        params.priority = PRIORITY_OWNER;
        let mut router = Router::new(params, at(0));
        router.start(at(0));
        let heard = Heard {
            source: other,
            ..advert(PRIORITY_OWNER, 100, 1)
        };
        assert_eq!(router.heed(&heard), heeded, "{other}");
        let claims = router.claim_at(Duration::ZERO) == at(0);
        assert_eq!(claims, heeded == Heeded::Discarded, "{other}");
    }
}
