//! Domain names that rules compare with the addresses of a socket, and the addresses that they have.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::context;

/// Most names of a table.
pub const NAMES_MAX: usize = 4096;
/// Most addresses of a name.
pub const ADDRESSES_MAX: usize = 64;

/// Which name has which addresses; never changed, but replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    by_name: BTreeMap<Arc<str>, Vec<IpAddr>>,
    by_address: HashMap<IpAddr, Vec<Arc<str>>>,
    left_out: usize,
}

impl Names {
    /// From pairs. IPv4 addresses in the form of IPv6 are taken as what they are.
    #[must_use]
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, IpAddr)>) -> Self {
        let mut names = Self::default();
        for (name, address) in pairs {
            names.add(name, address.to_canonical());
        }
        names
    }

    fn add(&mut self, name: &str, address: IpAddr) {
        let full = self.by_name.len() >= NAMES_MAX;
        let (name, addresses) = match self.by_name.get_key_value(name) {
            Some((_, addresses)) if addresses.contains(&address) => return,
            Some((name, addresses)) if addresses.len() < ADDRESSES_MAX => {
                (Arc::clone(name), addresses.clone())
            }
            None if !full => (Arc::from(name), Vec::new()),
            Some(_) | None => {
                self.left_out += 1;
                return;
            }
        };
        self.by_address.entry(address).or_default().push(Arc::clone(&name));
        self.by_name.insert(name, [addresses, vec![address]].concat());
    }

    /// Names of an address.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> &[Arc<str>] {
        self.by_address.get(&address.to_canonical()).map_or(&[], Vec::as_slice)
    }

    /// Addresses of a name.
    #[must_use]
    pub fn addresses(&self, name: &str) -> &[IpAddr] {
        self.by_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// How many names it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// True if it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Pairs that found no room.
    #[must_use]
    pub const fn left_out(&self) -> usize {
        self.left_out
    }
}

impl context::Names for Names {
    fn any(&self, address: IpAddr, see: &mut dyn FnMut(&str) -> bool) -> bool {
        self.of(address).iter().any(|name| see(name))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn both_ways_and_mapped_addresses_are_ipv4() {
        let names = Names::new([
            ("a.example", address("192.0.2.1")),
            ("a.example", address("::ffff:192.0.2.1")),
            ("a.example", address("2001:db8::1")),
            ("b.example", address("192.0.2.1")),
        ]);
        assert_eq!(names.addresses("a.example"), [address("192.0.2.1"), address("2001:db8::1")]);
        for same in ["192.0.2.1", "::ffff:192.0.2.1"] {
            let of: Vec<_> = names.of(address(same)).iter().map(AsRef::as_ref).collect();
            assert_eq!(of, ["a.example", "b.example"], "{same}");
        }
        assert!(names.of(address("192.0.2.2")).is_empty() && names.addresses("c").is_empty());
        assert_eq!((names.len(), names.left_out()), (2, 0));
    }

    #[test]
    fn is_bounded() {
        let many =
            (0..u32::try_from(ADDRESSES_MAX).unwrap() + 3).map(|n| ("a", IpAddr::V4(Ipv4Addr::from(n))));
        let names = Names::new(many);
        assert_eq!((names.addresses("a").len(), names.left_out()), (ADDRESSES_MAX, 3));
        let texts: Vec<_> = (0..NAMES_MAX + 2).map(|n| n.to_string()).collect();
        let names = Names::new(texts.iter().map(|name| (name.as_str(), address("192.0.2.1"))));
        assert_eq!((names.len(), names.left_out()), (NAMES_MAX, 2));
    }
}
