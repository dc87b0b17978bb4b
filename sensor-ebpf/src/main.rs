//! Picket's kernel programs.
//!
//! `attach` holds the entry points, `handler` makes one record of kernel objects, `kobj` reads
//! kernel objects, `emit` sends records and keeps the ledger, `maps` names everything shared.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "words are 64 bits wide, and every length is bounded by `sensor_common::limits`"
)]

mod attach;
mod emit;
mod handler;
mod kobj;
mod maps;

/// Licence that the kernel is told: GPL-compatible, so that the tracing helpers may be called.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    // The verifier refuses a reachable endless loop, so a program that could panic never loads.
    loop {}
}
