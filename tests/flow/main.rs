//! Sends packets of connections that nobody has, as a script on its standard input says.
//!
//! ```text
//! xvrrp-flow <<END
//! tcp 10.0.0.7:1000 10.77.0.50:80 syn
//! udp [2001:db8::7]:53 [2001:db8::50]:53
//! wait 10
//! END
//! ```
//!
//! A packet a line, in order; `wait` in milliseconds. Routes are the kernel's. For load
//! balancers, which look at headers and not at whether anybody answers. Needs root.

use std::{
    io::{self, BufRead as _},
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    thread,
    time::Duration,
};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

/// Every header of this program has this TTL.
const TTL: u8 = 64;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// A line of the script.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Send(Packet),
    Wait(Duration),
}

#[derive(Debug, PartialEq, Eq)]
struct Packet {
    source: SocketAddr,
    destination: SocketAddr,
    /// TCP's; none for UDP.
    flags: Option<u8>,
}

fn main() -> ExitCode {
    let result = io::stdin().lock().lines().try_for_each(|line| {
        let line = line?;
        match Step::read(&line).map_err(|why| io::Error::other(format!("{line:?}: {why}")))? {
            Some(Step::Send(packet)) => packet
                .send()
                .map_err(|why| io::Error::other(format!("{line:?}: {why}"))),
            Some(Step::Wait(span)) => {
                thread::sleep(span);
                Ok(())
            }
            None => Ok(()),
        }
    });
    if let Err(error) = result {
        eprintln!("xvrrp-flow: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

impl Step {
    fn read(line: &str) -> Result<Option<Self>, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let address = |word: &str| word.parse().map_err(|_| format!("{word}: ADDRESS:PORT"));
        Ok(Some(match words[..] {
            [] => return Ok(None),
            ["wait", span] => {
                let span = span.parse().map_err(|_| format!("{span}: milliseconds"))?;
                Self::Wait(Duration::from_millis(span))
            }
            ["udp", source, destination] => Self::Send(Packet {
                source: address(source)?,
                destination: address(destination)?,
                flags: None,
            }),
            ["tcp", source, destination, flags] => Self::Send(Packet {
                source: address(source)?,
                destination: address(destination)?,
                flags: Some(tcp_flags(flags)?),
            }),
            _ => {
                return Err("tcp SOURCE DESTINATION FLAGS, udp SOURCE DESTINATION, wait MS".into());
            }
        }))
    }
}

/// RFC 9293 §3.1.
fn tcp_flags(words: &str) -> Result<u8, String> {
    words.split(',').try_fold(0, |flags, word| {
        Ok(flags
            | match word {
                "fin" => 0x01,
                "syn" => 0x02,
                "rst" => 0x04,
                "ack" => 0x10,
                _ => return Err(format!("{word}: syn, ack, fin, rst")),
            })
    })
}

impl Packet {
    fn send(&self) -> io::Result<()> {
        // IPPROTO_RAW: the header is in the packet (raw(7)), of IPv6 by an option.
        let protocol = Some(Protocol::from(libc::IPPROTO_RAW));
        let socket = Socket::new(Domain::for_address(self.destination), Type::RAW, protocol)?;
        if self.destination.is_ipv6() {
            socket.set_header_included_v6(true)?;
        }
        let mut to = self.destination;
        to.set_port(0);
        socket.send_to(&self.octets(), &SockAddr::from(to))?;
        Ok(())
    }

    fn octets(&self) -> Vec<u8> {
        let payload = self.transport();
        let protocol = if self.flags.is_some() { TCP } else { UDP };
        let length = u16::try_from(payload.len()).expect("short");
        let mut header = match (self.source.ip(), self.destination.ip()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                // The kernel fills in length, identification and checksum.
                let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, TTL, protocol, 0, 0];
                header.extend(source.octets());
                header.extend(destination.octets());
                header
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let mut header = vec![0x60, 0, 0, 0];
                header.extend(length.to_be_bytes());
                header.extend([protocol, TTL]);
                header.extend(source.octets());
                header.extend(destination.octets());
                header
            }
            _ => panic!("{self:?}: two families"),
        };
        header.extend(payload);
        header
    }

    fn transport(&self) -> Vec<u8> {
        let mut octets = Vec::new();
        octets.extend(self.source.port().to_be_bytes());
        octets.extend(self.destination.port().to_be_bytes());
        let (protocol, checksum_at) = if let Some(flags) = self.flags {
            octets.extend([0; 8]);
            octets.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
            (TCP, 16)
        } else {
            octets.extend([0, 8, 0, 0]);
            (UDP, 6)
        };
        let sum = self.checksum(protocol, &octets);
        octets[checksum_at..checksum_at + 2].copy_from_slice(&sum.to_be_bytes());
        octets
    }

    /// Over a pseudo-header (RFC 9293 §3.1, RFC 8200 §8.1) and what follows.
    fn checksum(&self, protocol: u8, message: &[u8]) -> u16 {
        let mut all = Vec::new();
        for address in [self.source.ip(), self.destination.ip()] {
            match address {
                IpAddr::V4(address) => all.extend(address.octets()),
                IpAddr::V6(address) => all.extend(address.octets()),
            }
        }
        let length = u32::try_from(message.len()).expect("short");
        all.extend(length.to_be_bytes());
        all.extend([0, 0, 0, protocol]);
        all.extend(message);
        let sum: u32 = all
            .chunks(2)
            .map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
            .sum();
        let folded = (sum & 0xffff) + (sum >> 16);
        let folded = (folded & 0xffff) + (folded >> 16);
        let sum = !u16::try_from(folded).expect("folded");
        // RFC 768: none is all zeroes.
        if sum == 0 && protocol == UDP {
            0xffff
        } else {
            sum
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Packet, Step, UDP};

    #[test]
    fn reads_its_script() {
        let sent = |line| match Step::read(line) {
            Ok(Some(Step::Send(packet))) => packet,
            other => panic!("{other:?}"),
        };
        let packet = sent("tcp 10.0.0.7:1000 10.77.0.50:80 syn,ack");
        assert_eq!(packet.flags, Some(0x12));
        assert_eq!(sent("udp [::7]:53 [::50]:53").flags, None);
        assert_eq!(Step::read("  "), Ok(None));
        for wrong in [
            "tcp 10.0.0.7:1 10.0.0.8:1",
            "tcp a b syn",
            "wait x",
            "tcp 10.0.0.7:1 10.0.0.8:1 psh",
        ] {
            assert!(Step::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_sum_of_all_is_zero() {
        for (source, destination) in [
            ("10.0.0.7:1000", "10.77.0.50:80"),
            ("[2001:db8::7]:1000", "[2001:db8::50]:80"),
        ] {
            let packet = Packet {
                source: source.parse().expect("an address"),
                destination: destination.parse().expect("an address"),
                flags: None,
            };
            assert_eq!(packet.checksum(UDP, &packet.transport()), 0xffff);
        }
    }
}
