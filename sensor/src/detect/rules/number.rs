//! Values of rules that are no texts: numbers, ports, flags, addresses, networks, bytes.

use std::net::IpAddr;

use ipnet::IpNet;

/// Names of ports that rules may use.
const SERVICES: [(&str, i64); 36] = [
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("tftp", 69),
    ("gopher", 70),
    ("finger", 79),
    ("http", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap2", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("bgp", 179),
    ("irc", 194),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("submission", 587),
    ("ldaps", 636),
    ("imaps", 993),
    ("pop3s", 995),
    ("socks", 1080),
    ("openvpn", 1194),
    ("mysql", 3306),
    ("rdp", 3389),
    ("postgresql", 5432),
    ("redis", 6379),
    ("http-alt", 8080),
];

fn text(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value).ok()
}

/// A whole number, decimal or hexadecimal; also in forms such as `1.0` and `5e+3`.
pub(super) fn number(value: &[u8]) -> Option<i64> {
    let value = text(value)?;
    if let Some(digits) = value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
        return i64::from_str_radix(digits, 16).ok();
    }
    if let Ok(number) = value.parse() {
        return Some(number);
    }
    let (mantissa, exponent) = match value.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<u32>().ok()?),
        None => (value, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole: i64 = whole.parse().ok()?;
    let zero = fraction.bytes().all(|digit| digit == b'0');
    zero.then(|| whole.checked_mul(10_i64.checked_pow(exponent)?))?
}

/// A port by its number or the name of its service.
pub(super) fn port(value: &[u8]) -> Option<i64> {
    let service = || SERVICES.iter().find(|(name, _)| name.as_bytes() == value).map(|(_, port)| *port);
    number(value).filter(|number| (0..=65535).contains(number)).or_else(service)
}

/// `true` or `false`.
pub(super) fn flag(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

/// An address; one of IPv4 in the form of IPv6 counts as IPv4.
pub(super) fn address(value: &[u8]) -> Option<IpAddr> {
    text(value)?.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

/// A network, or an address as a network of one.
pub(super) fn network(value: &[u8]) -> Option<IpNet> {
    text(value)?.parse().ok().or_else(|| address(value).map(IpNet::from))
}

/// Bytes in hexadecimal.
pub(super) fn bytes(value: &[u8]) -> Option<Box<[u8]>> {
    let pairs = value.len().is_multiple_of(2) && !value.is_empty();
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (value, _) = pairs.then_some(value.as_chunks::<2>())?;
    value.iter().map(|[high, low]| Some(digit(high)? << 4 | digit(low)?)).collect()
}
