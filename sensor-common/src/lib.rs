//! The format of the records that Picket's kernel programs send to its agent, and nothing else.
//!
//! Both sides compile this crate, so a size, an offset or a number has one definition. Every
//! structure is `repr(C)` without padding; integers are in the byte order of the machine that
//! runs both sides. A record is a [`header::RecordHeader`], the fixed part of its class
//! ([`record`]), then variable fields ([`tail`]).
#![no_std]
#![forbid(unsafe_code)]

pub mod limits;

pub mod layout;
pub mod ledger;

pub mod call;
pub mod class;
pub mod header;
pub mod policy;
pub mod record;
pub mod tail;

/// Version of the record format: raised with every change of a size, an offset or a meaning.
pub const ABI_VERSION: u16 = 4;

#[cfg(test)]
mod golden;
