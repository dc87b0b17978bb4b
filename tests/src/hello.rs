//! A client's TLS hello (RFC 8446, section 4.1.2) that asks for a server by its name, with a key share of any
//! length before it.

fn with_length<const BYTES: usize>(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    [&length[4 - BYTES..], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().as_slice(), &with_length::<2>(body)].concat()
}

/// The record that holds it: with a key share of so many bytes if that is not 0, and without an extension for the name if
/// that is empty.
#[must_use]
pub fn of(server: &str, share: usize) -> Vec<u8> {
    let name = [&[0], with_length::<2>(server.as_bytes()).as_slice()].concat();
    let mut extensions = Vec::new();
    if share > 0 {
        // Group 0x11ec: X25519 and ML-KEM-768.
        let entry = [&[0x11, 0xec], with_length::<2>(&vec![7; share]).as_slice()].concat();
        extensions.extend(extension(51, &with_length::<2>(&entry)));
    }
    if !server.is_empty() {
        extensions.extend(extension(0, &with_length::<2>(&name)));
    }
    extensions.extend(extension(43, &[2, 3, 4]));
    let body = [
        [3, 3].as_slice(),
        &[5; 32],
        &with_length::<1>(&[6; 32]),
        &with_length::<2>(&[0x13, 1, 0x13, 2]),
        &with_length::<1>(&[0]),
        &with_length::<2>(&extensions),
    ]
    .concat();
    let message = [&[1], with_length::<3>(&body).as_slice()].concat();
    [[22, 3, 1].as_slice(), &with_length::<2>(&message)].concat()
}

/// In hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
