//! Writes protobuf by the rules of its encoding, and not with what reads it here.

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

fn key(tag: u32, kind: u64) -> Vec<u8> {
    varint(u64::from(tag) << 3 | kind)
}

pub(super) fn join<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    parts.into_iter().collect::<Vec<_>>().concat()
}

pub(super) fn int(tag: u32, number: u64) -> Vec<u8> {
    join([&*key(tag, 0), &varint(number)])
}

pub(super) fn fixed64(tag: u32, number: u64) -> Vec<u8> {
    join([&*key(tag, 1), &number.to_le_bytes()])
}

pub(super) fn double(tag: u32, number: f64) -> Vec<u8> {
    fixed64(tag, number.to_bits())
}

pub(super) fn fixed32(tag: u32, number: u32) -> Vec<u8> {
    join([&*key(tag, 5), &number.to_le_bytes()])
}

pub(super) fn bytes(tag: u32, bytes: &[u8]) -> Vec<u8> {
    join([&*key(tag, 2), &varint(bytes.len() as u64), bytes])
}

pub(super) fn text(tag: u32, text: &str) -> Vec<u8> {
    bytes(tag, text.as_bytes())
}

pub(super) fn message(tag: u32, fields: &[u8]) -> Vec<u8> {
    bytes(tag, fields)
}
