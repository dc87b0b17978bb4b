//! Socket addresses: `127.0.0.1:80`, `[::1]:80`, `[::ffff:127.0.0.1]:80`, `unix:/a/path`, `abstract:name`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::{Context, Result, bail};

/// `sun_path` of `struct sockaddr_un`.
const UNIX_PATH: usize = 108;

/// An address as the kernel takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) family: i32,
    pub(super) bytes: Vec<u8>,
}

impl Address {
    pub(super) fn parse(word: &str) -> Result<Self> {
        if let Some(path) = word.strip_prefix("unix:") {
            return Self::unix(&[path.as_bytes(), b"\0"].concat());
        }
        if let Some(name) = word.strip_prefix("abstract:") {
            return Self::unix(&[b"\0", name.as_bytes()].concat());
        }
        let address: SocketAddr = word.parse().with_context(|| format!("{word:?} is no address"))?;
        Ok(Self::inet(address))
    }

    /// `struct sockaddr_in` or `struct sockaddr_in6`. A mapped address stays IPv6.
    pub(super) fn inet(address: SocketAddr) -> Self {
        let port = address.port().to_be_bytes();
        let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
        let mut bytes = begin(family);
        bytes.extend(port);
        match address.ip() {
            IpAddr::V4(ip) => bytes.extend([ip.octets().as_slice(), &[0; 8]].concat()),
            IpAddr::V6(ip) => bytes.extend([[0; 4].as_slice(), &ip.octets(), &[0; 4]].concat()),
        }
        Self { family, bytes }
    }

    fn unix(path: &[u8]) -> Result<Self> {
        if path.len() > UNIX_PATH {
            bail!("the path of a UNIX socket has at most {UNIX_PATH} bytes");
        }
        let mut bytes = begin(libc::AF_UNIX);
        bytes.extend(path);
        Ok(Self { family: libc::AF_UNIX, bytes })
    }

    pub(super) fn at(&self) -> u64 {
        self.bytes.as_ptr() as u64
    }

    pub(super) fn length(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// The family, as every address begins.
pub(super) fn begin(family: i32) -> Vec<u8> {
    u16::try_from(family).unwrap_or_default().to_ne_bytes().to_vec()
}

/// The internet address in these bytes.
pub(super) fn inet(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let ip = if family == libc::AF_INET {
        let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
        IpAddr::V4(Ipv4Addr::from(octets))
    } else if family == libc::AF_INET6 {
        let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
        IpAddr::V6(Ipv6Addr::from(octets))
    } else {
        return None;
    };
    Some(SocketAddr::new(ip, port))
}
