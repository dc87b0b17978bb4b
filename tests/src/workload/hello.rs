//! A client's TLS hello (RFC 8446, section 4.1.2) that asks for a server by its name.

fn with_length<const BYTES: usize>(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or_default().to_be_bytes();
    [&length[4 - BYTES..], body].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [kind.to_be_bytes().as_slice(), &with_length::<2>(body)].concat()
}

/// The record that holds it; without an extension for the name if that is empty.
pub(super) fn of(server: &str) -> Vec<u8> {
    let name = [&[0], with_length::<2>(server.as_bytes()).as_slice()].concat();
    let named = if server.is_empty() { Vec::new() } else { extension(0, &with_length::<2>(&name)) };
    let extensions = [named, extension(43, &[2, 3, 4])].concat();
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
