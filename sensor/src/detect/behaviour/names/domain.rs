//! What a name says by its form: whose domain it is, whether it carries data, what of the cluster it means.

use std::net::IpAddr;

/// Characters from which a part of a name is longer than people choose them.
const LONG: usize = 20;
/// Different characters that such a part has if it is encoded.
const DIFFERENT: usize = 10;

/// The domain that somebody registered, as far as its form tells, and what is before it.
pub(super) fn split(name: &str) -> Option<(&str, &str)> {
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    let (last, second) = (dots.next()?, dots.next()?);
    // A short last but one (`co.uk`) belongs to all.
    let short = last - second <= 4 && name.len() - last <= 3;
    let cut = if short { dots.next()? } else { second };
    Some((name.get(..cut)?, name.get(cut + 1..)?))
}

/// Characters of data that the parts of a name before its domain could carry: 0 if they do not look encoded.
pub(super) fn carried(parts: &str) -> usize {
    let encoded = parts.split('.').any(|part| {
        let mut seen = 0_u128;
        for letter in part.bytes().filter(u8::is_ascii) {
            seen |= 1 << letter;
        }
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let different = usize::try_from(seen.count_ones()).unwrap_or_default();
        // Words that are joined by hyphens are chosen by people; what is encoded has digits or no vowels to speak of.
        let vowels = part.bytes().filter(|letter| b"aeiou".contains(letter)).count();
        let words = part.bytes().filter(|letter| *letter == b'-').count() >= 2;
        part.len() >= LONG && different >= DIFFERENT && !words && (digits >= 3 || vowels * 5 < part.len())
    });
    if encoded { parts.bytes().filter(|letter| *letter != b'.').count() } else { 0 }
}

/// What of a cluster a name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A service in a namespace.
    Service,
    /// All services (`any.any.svc.cluster.local`).
    Everything,
    /// Something else of the cluster, such as a name of the internet with the cluster's ending behind it.
    Other,
    /// The name of a private address.
    Address,
    /// Nothing of it.
    Nothing,
}

/// What of a cluster a name means.
pub(super) fn meaning(name: &str) -> Meaning {
    if let Some(reversed) = name.strip_suffix(".in-addr.arpa") {
        let address = reversed.split('.').rev().collect::<Vec<_>>().join(".");
        return match address.parse::<IpAddr>() {
            Ok(ip) if super::is_private(ip) => Meaning::Address,
            _ => Meaning::Nothing,
        };
    }
    let Some(parts) = name.strip_suffix(".svc.cluster.local").or_else(|| name.strip_suffix(".svc")) else {
        return if name.ends_with(".cluster.local") { Meaning::Other } else { Meaning::Nothing };
    };
    match parts {
        "any.any" | "*.*" => Meaning::Everything,
        parts if parts.split('.').count() == 2 && !parts.starts_with('_') => Meaning::Service,
        _ => Meaning::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_those_that_are_registered() {
        assert_eq!(split("a.b.example.net"), Some(("a.b", "example.net")));
        assert_eq!(split("a.b.example.co.uk"), Some(("a.b", "example.co.uk")));
        assert_eq!((split("example.net"), split("net"), split("")), (None, None, None));
    }

    #[test]
    fn encoded_parts_are_not_chosen_by_people() {
        for parts in [
            "0123456789abcdef0123456789abcdef",
            "t.mzxw6ytboi4dsnrzgq2tcmrz",
            "x.nbswy3dpeb3w64tmmqqho33snrsc",
        ] {
            assert!(carried(parts) > 0, "{parts}");
        }
        for parts in [
            "www",
            "d111111abcdef8",
            "k8s-default-ingress-1a2b3c4d5e-1234567890",
            "internationalisation",
            "a1b2c3d4e5f6.cdn",
        ] {
            assert_eq!(carried(parts), 0, "{parts}");
        }
    }

    #[test]
    fn names_of_a_cluster() {
        for (name, what) in [
            ("db.shop.svc.cluster.local", Meaning::Service),
            ("db.shop.svc", Meaning::Service),
            ("example.com.shop.svc.cluster.local", Meaning::Other),
            ("_http._tcp.web.shop.svc.cluster.local", Meaning::Other),
            ("any.any.svc.cluster.local", Meaning::Everything),
            ("example.com.cluster.local", Meaning::Other),
            ("9.1.0.10.in-addr.arpa", Meaning::Address),
            ("9.100.51.198.in-addr.arpa", Meaning::Nothing),
            ("example.com", Meaning::Nothing),
        ] {
            assert_eq!(meaning(name), what, "{name}");
        }
    }
}
