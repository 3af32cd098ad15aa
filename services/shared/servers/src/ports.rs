//! Ports on loopback: free ones, remembered ones, demanded ones.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use crate::ServersError;

/// A port on 127.0.0.1 that nobody listens on now: the preferred one if it is still free, else any.
pub fn free(preferred: Option<u16>) -> Result<u16, ServersError> {
    if let Some(port) = preferred
        && is_free(port)
    {
        return Ok(port);
    }
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| ServersError::io(Path::new("127.0.0.1"), error))
}

/// Which port a server should get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// This one if it is free, else any.
    Preferably(Option<u16>),
    /// This one or none: clients already know it.
    Only(u16),
}

impl Wish {
    pub(crate) fn port(self) -> Result<u16, ServersError> {
        match self {
            Self::Preferably(port) => free(port),
            Self::Only(port) => demand(port),
        }
    }

    /// What is left to wish for when somebody else took the port in the last moment.
    pub(crate) fn after_losing(self) -> Option<Self> {
        match self {
            Self::Preferably(_) => Some(Self::Preferably(None)),
            Self::Only(_) => None,
        }
    }
}

/// Refuses with a sentence when somebody already listens on a port that a person asked for.
pub fn demand(port: u16) -> Result<u16, ServersError> {
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => Err(ServersError::PortTaken { port }),
        Err(error) => Err(ServersError::io(Path::new("127.0.0.1"), error)),
        Ok(_) => Ok(port),
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a failed test should panic
    use super::*;

    #[test]
    fn a_free_port_is_used_again_and_a_taken_one_is_not() {
        let port = free(None).unwrap();
        assert_eq!(free(Some(port)).unwrap(), port);
        let _listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_ne!(free(Some(port)).unwrap(), port);
        assert!(matches!(demand(port), Err(ServersError::PortTaken { .. })));
    }
}
