//! How the socket of the stream is written: `unix:///ABSOLUTE/PATH`.

use std::fmt;
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
        let long = format!("unix:///{}", "x".repeat(PATH_BYTES_MAX));
        assert!(matches!(long.parse::<Address>(), Err(AddressError::TooLong(_))));
        let fits = format!("unix:///{}", "x".repeat(PATH_BYTES_MAX - 1));
        assert!(fits.parse::<Address>().is_ok());
    }
}
