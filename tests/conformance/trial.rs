//! What a row is made of.

use vrrp_common::{
    counter::Cause,
    event::{KIND_ADVERT, KIND_REJECTED, NEWS_PEER},
    maps::{
        CAST_MULTICAST, CAST_UNICAST, CHECKSUM_PLAIN, CHECKSUM_PSEUDO, FAMILY_V4, FAMILY_V6, Peer,
        PeerKey, VrKey,
    },
};
use vrrp_ebpf::testing::{
    cases::{IFINDEX, Scene, Told, Verdict},
    frames::{Advert, PEER_MAC, Summed},
    octets,
};

/// One numbered rule.
pub(crate) struct Rule {
    pub(crate) number: u8,
    /// "RFC N §M"; several, separated by commas.
    pub(crate) section: &'static str,
    /// In our words.
    pub(crate) says: &'static str,
    /// Frames that show the kernel's part of it.
    pub(crate) trials: Vec<Trial>,
    /// Tests that show the rest, `file::function`.
    pub(crate) elsewhere: &'static [&'static str],
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    In,
    Out,
}

/// One frame, and everything that must come of it.
pub(crate) struct Trial {
    pub(crate) what: &'static str,
    pub(crate) way: Way,
    pub(crate) scene: Scene,
    pub(crate) frame: Vec<u8>,
    /// How often it is shown.
    pub(crate) times: u64,
    pub(crate) verdict: Verdict,
    /// What it looks like afterwards, if not the same.
    pub(crate) becomes: Option<Vec<u8>>,
    /// Counted each time.
    pub(crate) counts: Vec<Cause>,
    pub(crate) told: Option<Told>,
    /// The gate that is shut by it, and the priority that did it.
    pub(crate) revoked: Option<(u32, u8)>,
    /// Who sends it, if it is an advert.
    pub(crate) sender: Option<PeerKey>,
    /// What the peer map says of its sender afterwards; times and counts aside.
    pub(crate) heard: Option<Peer>,
}

/// Who sends an advert, as the peer map has it.
fn sender(advert: &Advert) -> PeerKey {
    let is_group = match advert.to {
        core::net::IpAddr::V4(to) => to.octets()[0] >= 224,
        core::net::IpAddr::V6(to) => to.octets()[0] == 0xff,
    };
    PeerKey {
        vr: VrKey {
            ifindex: IFINDEX,
            vlan: advert
                .tags
                .first()
                .map_or(0, |(_, control)| control & 0xfff),
            vrid: advert.vrid,
            family: if advert.from.is_ipv4() {
                FAMILY_V4
            } else {
                FAMILY_V6
            },
            cast: if is_group {
                CAST_MULTICAST
            } else {
                CAST_UNICAST
            },
            ..VrKey::default()
        },
        source: octets(advert.from),
    }
}

/// What an advert says, by the RFCs' own words for its fields.
fn said(advert: &Advert) -> Peer {
    let [high, low] = advert.interval;
    let version = advert.version_type >> 4;
    Peer {
        // Version 2: a type of authentication and seconds. Version 3: four reserved
        // bits and twelve of centiseconds.
        interval_cs: if version == 2 {
            u32::from(low) * 100
        } else {
            u32::from(u16::from_be_bytes([high & 0x0f, low]))
        },
        priority: advert.priority,
        version,
        ttl: advert.ttl,
        checksum_form: if advert.summed == Summed::Plain {
            CHECKSUM_PLAIN
        } else {
            CHECKSUM_PSEUDO
        },
        mac: PEER_MAC,
        address_count: u8::try_from(advert.addresses.len()).expect("an octet counts them"),
        ..Peer::default()
    }
}

impl Trial {
    fn new(what: &'static str, way: Way, frame: Vec<u8>) -> Self {
        Self {
            what,
            way,
            scene: Scene::default(),
            frame,
            times: 1,
            verdict: Verdict::Pass,
            becomes: None,
            counts: Vec::new(),
            told: None,
            revoked: None,
            sender: None,
            heard: None,
        }
    }

    /// Any frame that arrives and passes, uncounted.
    pub(crate) fn arrives(what: &'static str, frame: Vec<u8>) -> Self {
        Self::new(what, Way::In, frame)
    }

    /// Any frame that leaves, uncounted.
    pub(crate) fn leaves(what: &'static str, frame: Vec<u8>) -> Self {
        Self::new(what, Way::Out, frame)
    }

    /// An advert that is accepted from somebody not heard before, and recorded.
    pub(crate) fn heard(what: &'static str, advert: &Advert) -> Self {
        let mut trial = Self::arrives(what, advert.build()).counts(&[Cause::AdvertAccepted]);
        if advert.from.is_ipv4() && advert.version_type >> 4 == 3 {
            trial = trial.counts(&[if advert.summed == Summed::Plain {
                Cause::AdvertChecksumPlain
            } else {
                Cause::AdvertChecksumPseudo
            }]);
        }
        trial.sender = Some(sender(advert));
        trial.heard = Some(said(advert));
        trial.tells(KIND_ADVERT, NEWS_PEER, None)
    }

    /// An advert that is refused: counted once, told of, and no trace of it in the
    /// peer map.
    pub(crate) fn refused(what: &'static str, advert: &Advert, cause: Cause) -> Self {
        Self::refused_as(what, advert.build(), advert, cause)
    }

    /// The same, of a frame made from that advert.
    pub(crate) fn refused_as(
        what: &'static str,
        frame: Vec<u8>,
        advert: &Advert,
        cause: Cause,
    ) -> Self {
        let mut trial = Self::arrives(what, frame).drops(cause);
        trial.sender = Some(sender(advert));
        trial.tells(KIND_REJECTED, 0, Some(cause))
    }

    /// An advert for nobody here: counted, passed on, not recorded.
    pub(crate) fn not_ours(what: &'static str, advert: &Advert, cause: Cause) -> Self {
        let mut trial = Self::arrives(what, advert.build()).counts(&[cause]);
        trial.sender = Some(sender(advert));
        trial
    }

    pub(crate) fn in_scene(mut self, change: impl FnOnce(&mut Scene)) -> Self {
        change(&mut self.scene);
        self
    }

    /// The same frame, changed on its way.
    pub(crate) fn framed(mut self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        self.frame = change(self.frame);
        self
    }

    pub(crate) const fn times(mut self, times: u64) -> Self {
        self.times = times;
        self
    }

    pub(crate) fn counts(mut self, causes: &[Cause]) -> Self {
        self.counts.extend(causes);
        self
    }

    pub(crate) fn drops(mut self, cause: Cause) -> Self {
        self.verdict = Verdict::Drop;
        self.counts(&[cause])
    }

    pub(crate) fn becomes(mut self, frame: Vec<u8>) -> Self {
        self.becomes = Some(frame);
        self
    }

    pub(crate) fn answers(mut self, frame: Vec<u8>) -> Self {
        self.verdict = Verdict::Reply;
        self.becomes(frame)
    }

    pub(crate) fn tells(mut self, kind: u32, news: u32, cause: Option<Cause>) -> Self {
        self.told = Some(Told {
            kind,
            news,
            cause,
            epoch: 0,
        });
        self
    }

    /// The advert is also news of this kind.
    pub(crate) fn news(mut self, news: u32) -> Self {
        self.told.as_mut().expect("an advert").news |= news;
        self
    }

    /// It meets our claim, which is of epoch 7 in every scene.
    pub(crate) fn in_our_epoch(mut self) -> Self {
        self.told.as_mut().expect("told").epoch = 7;
        self
    }

    pub(crate) fn revokes(mut self, gate: u32, priority: u8) -> Self {
        self.revoked = Some((gate, priority));
        self.counts(&[Cause::GateRevoked])
    }

    /// What the peer map must say in this place.
    pub(crate) fn recorded(mut self, check: impl FnOnce(&mut Peer)) -> Self {
        check(self.heard.as_mut().expect("an accepted advert"));
        self
    }
}
