//! How many addresses and ports were tried, and how many of them did not answer: quickly, and over hours.

use std::net::IpAddr;

use super::super::distinct::{Distinct, hash};
use super::target::is_private;

/// A minute, in nanoseconds.
const MINUTE: u64 = 60_000_000_000;
/// Time that a fast window and a slow one look back: between once and twice this.
const FAST_NS: u64 = 5 * MINUTE;
const SLOW_NS: u64 = 120 * MINUTE;
/// Hosts of which ports are counted.
const HOSTS: usize = 4;
/// The same scan is told again after this.
const AGAIN_NS: u64 = 60 * MINUTE;

/// What was tried.
#[derive(Debug, Default)]
pub(super) struct Fan {
    fast: Window,
    slow: Window,
    /// Ports of one host that did not answer.
    ports: Vec<(IpAddr, Distinct)>,
    /// What ever answered: it is not searched for.
    answered: Distinct,
    told_ns: Option<u64>,
    /// First and last address that did not answer.
    ends: Option<(IpAddr, IpAddr)>,
}

#[derive(Debug, Default)]
struct Window {
    since_ns: u64,
    now: Counts,
    before: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    hosts: Distinct,
    targets: Distinct,
    missed: Distinct,
    /// Of these, those that answered later.
    recovered: Distinct,
    /// Those to which only datagrams went, of which nobody tells whether they were answered.
    sent: Distinct,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Not yet.
    Tried,
    /// A datagram went out: nobody will tell.
    Sent,
    /// Something answered.
    Answered,
    /// Refused, unreachable, or given up.
    Missed,
}

/// Who tries: what is usual depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// Somebody's hands.
    Hand,
    /// The container's own programs: monitoring and clusters of servers talk to many, most of which answer.
    Own,
}

/// A scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scan {
    /// Different addresses.
    pub(super) hosts: usize,
    /// Different pairs of address and port.
    pub(super) targets: usize,
    /// Of these, those that never answered.
    pub(super) missed: usize,
    /// Of these, those that only got datagrams.
    pub(super) sent: usize,
    /// Ports of one address that did not answer, and that address, if it is about ports.
    pub(super) ports: Option<(usize, IpAddr)>,
    /// Over hours.
    pub(super) slow: bool,
    /// First and last address that did not answer.
    pub(super) ends: Option<(IpAddr, IpAddr)>,
}

impl Window {
    fn turn(&mut self, now_ns: u64, length_ns: u64) {
        let over = now_ns.saturating_sub(self.since_ns) / length_ns;
        if over > 0 {
            self.before = if over == 1 { std::mem::take(&mut self.now) } else { Counts::default() };
            self.now = Counts::default();
            self.since_ns = now_ns;
        }
    }

    /// True if anything is new.
    fn add(&mut self, host: u32, target: u32, outcome: Outcome) -> bool {
        let Self { now, before, .. } = self;
        let mut new = false;
        if !before.hosts.contains(host) {
            new |= now.hosts.insert(host);
        }
        if !before.targets.contains(target) {
            new |= now.targets.insert(target);
        }
        let missed = before.missed.contains(target) || now.missed.contains(target);
        match outcome {
            Outcome::Missed if !missed => new |= now.missed.insert(target),
            Outcome::Sent if !before.sent.contains(target) => new |= now.sent.insert(target),
            Outcome::Answered if missed && !before.recovered.contains(target) => {
                now.recovered.insert(target);
            }
            _ => {}
        }
        new
    }

    fn sum(&self, part: impl Fn(&Counts) -> &Distinct) -> usize {
        part(&self.now).count() + part(&self.before).count()
    }

    fn missed(&self) -> usize {
        self.sum(|counts| &counts.missed).saturating_sub(self.sum(|counts| &counts.recovered))
    }
}

impl Fan {
    /// Takes a connection in. A scan, if it is one now and was not told in the last hour.
    pub(super) fn see(
        &mut self,
        who: Who,
        (ip, port): (IpAddr, u16),
        outcome: Outcome,
        now_ns: u64,
    ) -> Option<Scan> {
        // In the internet many are talked to for good reasons, and the container's own programs miss some, too.
        if ip.is_loopback() || (!is_private(ip) && (who == Who::Own || outcome != Outcome::Missed)) {
            return None;
        }
        self.fast.turn(now_ns, FAST_NS);
        self.slow.turn(now_ns, SLOW_NS);
        let (host, target) = (hash(ip), hash((ip, port)));
        if outcome == Outcome::Answered {
            self.answered.insert(target);
        }
        let outcome = match outcome {
            Outcome::Missed if self.answered.contains(target) => Outcome::Tried,
            outcome => outcome,
        };
        let new = self.fast.add(host, target, outcome) | self.slow.add(host, target, outcome);
        if outcome == Outcome::Missed {
            self.miss(ip, target);
        }
        let untold = self.told_ns.is_none_or(|told| now_ns.saturating_sub(told) >= AGAIN_NS);
        let scan = if new && untold { self.scan(who) } else { None }?;
        self.told_ns = Some(now_ns);
        Some(scan)
    }

    fn miss(&mut self, ip: IpAddr, target: u32) {
        self.ends = Some((self.ends.map_or(ip, |(first, _)| first), ip));
        if let Some((_, ports)) = self.ports.iter_mut().find(|(host, _)| *host == ip) {
            ports.insert(target);
            return;
        }
        if self.ports.len() >= HOSTS
            && let Some(least) =
                (0..self.ports.len()).min_by_key(|at| self.ports.get(*at).map(|(_, ports)| ports.count()))
        {
            self.ports.remove(least);
        }
        let mut ports = Distinct::default();
        ports.insert(target);
        self.ports.push((ip, ports));
    }

    fn scan(&self, who: Who) -> Option<Scan> {
        let ports = self.ports.iter().map(|(ip, ports)| (ports.count(), *ip)).max_by_key(|(count, _)| *count);
        let look = |window: &Window, slow| Scan {
            hosts: window.sum(|counts| &counts.hosts),
            targets: window.sum(|counts| &counts.targets),
            missed: window.missed(),
            sent: window.sum(|counts| &counts.sent),
            ports: ports.filter(|(count, _)| *count >= 8),
            slow,
            ends: self.ends,
        };
        let fast = look(&self.fast, false);
        if fast.is_fast(who) {
            return Some(fast);
        }
        let slow = look(&self.slow, true);
        slow.is_slow(who).then_some(slow)
    }
}

impl Scan {
    fn is_fast(&self, who: Who) -> bool {
        let Self { hosts, targets, missed, .. } = *self;
        let ports = self.ports.map_or(0, |(count, _)| count);
        match who {
            Who::Hand => {
                (missed >= 10 && missed * 2 >= targets) || ports >= 12 || hosts >= 24 || targets >= 48
            }
            Who::Own => ports >= 30 || self.sent >= 100 || (missed >= 40 && missed * 10 >= targets * 6),
        }
    }

    fn is_slow(&self, who: Who) -> bool {
        let Self { targets, missed, .. } = *self;
        match who {
            Who::Hand => missed >= 16 && missed * 2 >= targets,
            Who::Own => missed >= 150 && missed * 10 >= targets * 6,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn ip(last: u32) -> IpAddr {
        IpAddr::V4(Ipv4Addr::from_bits(0x0a01_0000 + last))
    }

    fn play(
        who: Who,
        ends: impl Iterator<Item = (IpAddr, u16)>,
        outcome: Outcome,
        step_ns: u64,
    ) -> Option<Scan> {
        let mut fan = Fan::default();
        let mut now_ns = 0;
        ends.fold(None, |scan, end| {
            now_ns += step_ns;
            scan.or(fan.see(who, end, outcome, now_ns))
        })
    }

    #[test]
    fn scans_of_hosts_of_ports_and_slow_ones() {
        let hosts = || (0..60).map(|last| (ip(last), 6379));
        let ports = || (1..60).map(|port| (ip(1), port));
        let found = play(Who::Hand, hosts(), Outcome::Missed, SECOND).unwrap();
        assert!(found.missed == 10 && found.ports.is_none() && !found.slow, "{found:?}");
        let found = play(Who::Hand, ports(), Outcome::Missed, SECOND).unwrap();
        assert_eq!(found.ports, Some((10, ip(1))));
        let found = play(Who::Hand, hosts(), Outcome::Missed, 180 * SECOND).unwrap();
        assert!(found.slow && found.missed == 16, "{found:?}");
        assert!(play(Who::Own, ports(), Outcome::Missed, SECOND).is_some());
        assert!(play(Who::Own, hosts(), Outcome::Missed, SECOND).is_some());
        assert!(play(Who::Hand, hosts(), Outcome::Answered, SECOND).is_some(), "many that answer, by hand");
    }

    #[test]
    fn those_who_talk_to_many_are_no_scanners() {
        let scraped = (0..20_000).map(|turn| (ip(turn % 200), 9100));
        assert_eq!(play(Who::Own, scraped, Outcome::Answered, SECOND / 10), None);
        let public = (0..200).map(|last| (IpAddr::V4(Ipv4Addr::from_bits(0xc633_6400 + last)), 443));
        assert_eq!(play(Who::Own, public, Outcome::Missed, SECOND), None);
        let waiting = (0..10_000).map(|_| (ip(1), 5432));
        assert_eq!(play(Who::Hand, waiting, Outcome::Missed, SECOND), None, "one that is not there yet");
    }

    #[test]
    fn datagrams_to_very_many() {
        let hosts = |count| (0..count).map(|last| (ip(last), 161));
        assert_eq!(
            play(Who::Own, hosts(90), Outcome::Sent, SECOND),
            None,
            "a cluster of servers that gossip"
        );
        assert!(play(Who::Own, hosts(200), Outcome::Sent, SECOND).is_some());
        assert!(play(Who::Hand, hosts(30), Outcome::Sent, SECOND).is_some());
    }

    #[test]
    fn what_answered_once_is_not_searched_for() {
        let mut fan = Fan::default();
        for (outcome, from) in
            [(Outcome::Answered, 0), (Outcome::Missed, SECOND), (Outcome::Answered, 2 * SECOND)]
        {
            for last in 0..200 {
                assert_eq!(fan.see(Who::Own, (ip(last), 9100), outcome, from), None);
            }
        }
        let mut fan = Fan::default();
        for turn in 0..600 {
            // Pods that are not ready at first.
            let end = (ip(turn), 8080);
            let at_ns = u64::from(turn) * 60 * SECOND;
            assert_eq!(fan.see(Who::Own, end, Outcome::Missed, at_ns), None);
            assert_eq!(fan.see(Who::Own, end, Outcome::Answered, at_ns + SECOND), None);
        }
    }

    #[test]
    fn is_told_once_an_hour() {
        let mut fan = Fan::default();
        let mut told = 0;
        for turn in 0..4_000 {
            let now_ns = u64::from(turn) * SECOND;
            told += u32::from(fan.see(Who::Hand, (ip(turn), 22), Outcome::Missed, now_ns).is_some());
        }
        assert_eq!(told, 2);
    }
}
