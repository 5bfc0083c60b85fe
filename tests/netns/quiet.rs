//! A steady stream of adverts wakes nobody.

use std::{
    os::fd::OwnedFd,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use xvrrp_tests::{
    capture::Stamp,
    daemon::Daemon::{Keepalived, Xvrrpd},
    net::INTERFACE,
    probe::send_frame,
    process::voluntary_switches,
    trial::{LOW, PATIENCE, Pair, Profile, Trial},
    wait::throughout,
};

const PROFILE: Profile = Profile::V3At100ms;
const SPAN: Duration = Duration::from_secs(2);
/// Copies of the owner's advert sent in a span, in addition to its own 20.
const COPIES: u32 = 2000;

/// A backup hears a hundred times as many adverts and sleeps as before.
#[test]
fn backup_sleeps_through_adverts() {
    let (calm, flooded) = wakeups([Keepalived, Xvrrpd]);
    assert!(
        flooded <= calm + u64::from(COPIES) / 20,
        "{flooded} wake-ups with {COPIES} more adverts, {calm} without"
    );
    // Its own timer may look at the map once per down interval, a little more
    // for housekeeping; not once per advert of the owner.
    let looks = SPAN.as_millis() / PROFILE.down(LOW).as_millis() + 1;
    let most = u64::try_from(looks).expect("few") * 2 + 10;
    assert!(
        calm <= most,
        "{calm} wake-ups in {SPAN:?} of steady adverts, not {most}"
    );
}

/// The measure measures: keepalived wakes for every one.
#[test]
fn keepalived_wakes_for_every_advert() {
    let (calm, flooded) = wakeups([Keepalived, Keepalived]);
    assert!(
        flooded >= calm + u64::from(COPIES) / 2,
        "{flooded} wake-ups with {COPIES} more adverts, {calm} without"
    );
}

/// Times the backup's threads were woken in a span without and with the copies.
fn wakeups(pair: Pair) -> (u64, u64) {
    let mut trial = Trial::of(pair, PROFILE);
    let advert = trial.tap.wait(PATIENCE, "an advert", Stamp::now(), |seen| {
        seen.advert_sent().map(|_| seen.bytes.clone())
    });
    let pid = trial.daemon(1).pid();
    let span = |trial: &Trial| {
        let since = Stamp::now();
        let before = voluntary_switches(pid);
        throughout(SPAN, "the backup stays one", || {
            match trial
                .tap
                .adverts(since)
                .iter()
                .find(|(_, node, _)| *node == 1)
            {
                Some((_, _, advert)) => Err(format!("{advert:?}")),
                None => Ok(()),
            }
        });
        (
            voluntary_switches(pid) - before,
            trial.tap.adverts(since).len(),
        )
    };
    let (calm, _) = span(&trial);
    let stop = AtomicBool::new(false);
    let (flooded, heard) = thread::scope(|scope| {
        scope.spawn(|| flood(&trial, &advert, &stop));
        let result = span(&trial);
        stop.store(true, Ordering::Relaxed);
        result
    });
    assert!(
        heard >= COPIES as usize / 2,
        "only {heard} adverts were on the wire"
    );
    (calm, flooded)
}

/// Sends the owner's advert again and again from the owner's own interface.
fn flood(trial: &Trial, advert: &[u8], stop: &AtomicBool) {
    let (sender, ifindex): (OwnedFd, u32) = trial.lab.router(0).ns.run(|| {
        let sender = socket(
            AddressFamily::Packet,
            SockType::Raw,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        (
            sender.expect("a raw socket"),
            nix::net::if_::if_nametoindex(INTERFACE).expect("eth0"),
        )
    });
    let start = Instant::now();
    for sent in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        send_frame(&sender, ifindex, advert).expect("a frame that was sent before");
        thread::sleep((start + SPAN / COPIES * sent).saturating_duration_since(Instant::now()));
    }
}
