//! How the ends of the stream are written: `unix:///ABSOLUTE/PATH`, and for clients `https://HOST:PORT` as well.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;

/// Where the agent listens unless told otherwise.
pub const DEFAULT_ADDRESS: &str = "unix:///run/picket/picket.sock";

/// Longest path of a socket in bytes (`sockaddr_un.sun_path` without its NUL, unix(7)).
const PATH_BYTES_MAX: usize = 107;

/// Address of the stream: an absolute path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address(PathBuf);

/// An address that is not one.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// Another scheme, or none.
    #[error("`{0}` is no address of a socket: write unix:///ABSOLUTE/PATH, for example {DEFAULT_ADDRESS}")]
    Scheme(String),
    /// Not absolute, or a folder.
    #[error("`{0}` names no absolute path of a file: write three slashes, as in {DEFAULT_ADDRESS}")]
    Path(String),
    /// More than the kernel takes.
    #[error("the path in `{0}` is too long for a socket: at most {PATH_BYTES_MAX} bytes")]
    TooLong(String),
}

impl Address {
    /// Path of the socket.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let path = text.strip_prefix("unix://").ok_or_else(|| AddressError::Scheme(text.to_owned()))?;
        if !path.starts_with('/') || path.ends_with('/') || path.ends_with("/..") || path.contains('\0') {
            return Err(AddressError::Path(text.to_owned()));
        }
        if path.len() > PATH_BYTES_MAX {
            return Err(AddressError::TooLong(text.to_owned()));
        }
        Ok(Self(PathBuf::from(path)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix://{}", self.0.display())
    }
}

/// Where a client finds an agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this node.
    Socket(Address),
    /// By TCP, with TLS: name or IP address of the host, and port.
    Tls(String, u16),
}

/// A place that is none.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlaceError {
    /// Of the socket.
    #[error(transparent)]
    Socket(#[from] AddressError),
    /// TCP is never served without TLS.
    #[error("`{0}`: by TCP an agent is reached with TLS only: write https://HOST:PORT")]
    Plain(String),
    /// No host, no port, or more than these.
    #[error("`{0}` names no host and port: write https://HOST:PORT, for example https://10.0.0.1:7443")]
    Host(String),
}

impl From<Address> for Place {
    fn from(address: Address) -> Self {
        Self::Socket(address)
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        if text.starts_with("http://") || text.starts_with("tcp://") {
            return Err(PlaceError::Plain(text.to_owned()));
        }
        let Some(rest) = text.strip_prefix("https://") else {
            return Ok(Self::Socket(text.parse()?));
        };
        let wrong = || PlaceError::Host(text.to_owned());
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = rest.rsplit_once(':').ok_or_else(wrong)?;
        let port: u16 = port.parse().map_err(|_| wrong())?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let good = match bare {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
            }
        };
        if good && port != 0 { Ok(Self::Tls(host.to_owned(), port)) } else { Err(wrong()) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Tls(host, port) => write!(f, "https://{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_absolute_socket_paths_are_addresses() {
        let address: Address = DEFAULT_ADDRESS.parse().unwrap();
        assert_eq!(address.path(), Path::new("/run/picket/picket.sock"));
        assert_eq!(address.to_string(), DEFAULT_ADDRESS);
        for bad in
            ["", "/run/x", "tcp://1.2.3.4:5", "unix:/x", "unix://x/y", "unix://", "unix:///", "unix:///x/.."]
        {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
        for (good, shown) in [
            ("unix:///s", "unix:///s"),
            ("https://10.0.0.1:7443", "https://10.0.0.1:7443"),
            ("https://picket.picket.svc:1/", "https://picket.picket.svc:1"),
            ("https://[::1]:7443", "https://[::1]:7443"),
        ] {
            assert_eq!(good.parse::<Place>().unwrap().to_string(), shown);
        }
        for bad in
            ["https://x", "https://:1", "https://x:0", "https://x:99999", "https://a/b:1", "https://u@x:1"]
        {
            assert_eq!(bad.parse::<Place>(), Err(PlaceError::Host(bad.to_owned())));
        }
        for bad in ["http://x:1", "tcp://x:1"] {
            assert_eq!(bad.parse::<Place>(), Err(PlaceError::Plain(bad.to_owned())));
        }
        let long = format!("unix:///{}", "x".repeat(PATH_BYTES_MAX));
        assert!(matches!(long.parse::<Address>(), Err(AddressError::TooLong(_))));
        let fits = format!("unix:///{}", "x".repeat(PATH_BYTES_MAX - 1));
        assert!(fits.parse::<Address>().is_ok());
    }
}
