//! Protocol Buffers as fields in their order: what is not understood is kept, byte for byte.
//!
//! Generated types drop fields that are newer than they are. An edited graph must lose nothing, so a message is no more
//! here than its list of fields; bytes are borrowed from the file until they are changed.

use std::borrow::Cow;

use crate::engine::onnx_graph::OnnxError;

/// Fields of a message that no graph has; each takes some 20 times the memory of its least bytes.
const MOST_FIELDS: usize = 1 << 22;

/// One message.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Message<'a> {
    pub(super) fields: Vec<Field<'a>>,
}

/// One field of a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) number: u32,
    pub(super) value: Value<'a>,
}

/// What a field holds, by its form on the wire.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    /// Integers, enumerations, truth values.
    Varint(u64),
    /// Doubles.
    Fixed64([u8; 8]),
    /// Text, raw data, messages, packed lists.
    Bytes(Cow<'a, [u8]>),
    /// Floats.
    Fixed32([u8; 4]),
}

impl<'a> Message<'a> {
    /// Reads all fields.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, OnnxError> {
        let mut reader = Reader { bytes, at: 0 };
        let mut fields = Vec::new();
        while reader.at < bytes.len() {
            if fields.len() == MOST_FIELDS {
                let found = format!("more than {MOST_FIELDS} of them");
                return Err(OnnxError::Malformed { at: reader.at, expected: "the end of the fields", found });
            }
            fields.push(reader.field()?);
        }
        Ok(Self { fields })
    }

    /// The message of a field, detached from the field.
    pub(super) fn parse_cow(bytes: &Cow<'a, [u8]>) -> Result<Self, OnnxError> {
        match bytes {
            Cow::Borrowed(bytes) => Self::parse(bytes),
            Cow::Owned(bytes) => Ok(Message::parse(bytes)?.into_owned()),
        }
    }

    fn into_owned<'b>(self) -> Message<'b> {
        let own = |field: Field<'_>| Field {
            number: field.number,
            value: match field.value {
                Value::Varint(value) => Value::Varint(value),
                Value::Fixed64(value) => Value::Fixed64(value),
                Value::Fixed32(value) => Value::Fixed32(value),
                Value::Bytes(bytes) => Value::Bytes(Cow::Owned(bytes.into_owned())),
            },
        };
        Message { fields: self.fields.into_iter().map(own).collect() }
    }

    /// Every value of a field that may repeat.
    pub(super) fn all(&self, number: u32) -> impl Iterator<Item = &Value<'a>> {
        self.fields.iter().filter(move |field| field.number == number).map(|field| &field.value)
    }

    /// Every value of a field of bytes that may repeat.
    pub(super) fn all_bytes(&self, number: u32) -> impl Iterator<Item = &Cow<'a, [u8]>> {
        self.all(number).filter_map(|value| match value {
            Value::Bytes(bytes) => Some(bytes),
            _ => None,
        })
    }

    /// The last value of a field of bytes: where a field that may not repeat does, the last counts.
    pub(super) fn bytes(&self, number: u32) -> Option<&Cow<'a, [u8]>> {
        self.all_bytes(number).last()
    }

    /// The text of a field; empty where there is none, or where it is no text.
    pub(super) fn text(&self, number: u32) -> &str {
        self.bytes(number).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// Every text of a field.
    pub(super) fn texts(&self, number: u32) -> impl Iterator<Item = &str> {
        self.all_bytes(number).map(|bytes| std::str::from_utf8(bytes).unwrap_or_default())
    }

    /// An integer.
    pub(super) fn varint(&self, number: u32) -> Option<u64> {
        self.all(number).filter_map(|value| if let Value::Varint(value) = value { Some(*value) } else { None }).last()
    }

    /// Integers, packed into one field or one a field.
    pub(super) fn varints(&self, number: u32) -> Result<Vec<u64>, OnnxError> {
        let mut found = Vec::new();
        for value in self.all(number) {
            match value {
                Value::Varint(value) => found.push(*value),
                Value::Bytes(bytes) => {
                    let mut reader = Reader { bytes, at: 0 };
                    while reader.at < bytes.len() {
                        found.push(reader.varint()?);
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Adds a field at the end.
    pub(super) fn push(&mut self, number: u32, value: Value<'a>) {
        self.fields.push(Field { number, value });
    }

    /// Adds text at the end.
    pub(super) fn push_text(&mut self, number: u32, text: &str) {
        self.push(number, Value::Bytes(Cow::Owned(text.as_bytes().to_vec())));
    }

    /// Puts other texts in the place of a field's, in their order.
    pub(super) fn replace_texts(&mut self, number: u32, texts: &[String]) {
        let mut texts = texts.iter();
        for field in self.fields.iter_mut().filter(|field| field.number == number) {
            if let Some(text) = texts.next() {
                field.value = Value::Bytes(Cow::Owned(text.as_bytes().to_vec()));
            }
        }
    }

    /// The message on the wire.
    pub(super) fn encode(&self) -> Vec<u8> {
        let payload = |field: &Field<'_>| if let Value::Bytes(bytes) = &field.value { bytes.len() } else { 8 };
        let mut out = Vec::with_capacity(self.fields.iter().map(|field| payload(field) + 12).sum());
        for Field { number, value } in &self.fields {
            let tag = |wire: u64| u64::from(*number) << 3 | wire;
            match value {
                Value::Varint(value) => {
                    push_varint(&mut out, tag(0));
                    push_varint(&mut out, *value);
                }
                Value::Fixed64(value) => {
                    push_varint(&mut out, tag(1));
                    out.extend_from_slice(value);
                }
                Value::Bytes(bytes) => {
                    push_varint(&mut out, tag(2));
                    push_varint(&mut out, bytes.len() as u64);
                    out.extend_from_slice(bytes);
                }
                Value::Fixed32(value) => {
                    push_varint(&mut out, tag(5));
                    out.extend_from_slice(value);
                }
            }
        }
        out
    }
}

fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn field(&mut self) -> Result<Field<'a>, OnnxError> {
        let at = self.at;
        let tag = self.varint()?;
        let malformed = |found: String| OnnxError::Malformed { at, expected: "a field", found };
        let number = u32::try_from(tag >> 3).ok().filter(|number| *number > 0);
        let number = number.ok_or_else(|| malformed(format!("field number {}", tag >> 3)))?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(self.array()?),
            2 => {
                let length = self.varint()?;
                Value::Bytes(Cow::Borrowed(self.take(length)?))
            }
            5 => Value::Fixed32(self.array()?),
            wire => return Err(malformed(format!("wire type {wire}"))),
        };
        Ok(Field { number, value })
    }

    fn varint(&mut self) -> Result<u64, OnnxError> {
        let start = self.at;
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(OnnxError::Malformed {
            at: start,
            expected: "an integer of 10 bytes at most",
            found: "a longer one".into(),
        })
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], OnnxError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], OnnxError> {
        let left = self.bytes.len() - self.at;
        let at = self.at;
        let short = || OnnxError::Malformed { at, expected: "more bytes", found: format!("{left} of {length}") };
        let length = usize::try_from(length).ok().filter(|length| *length <= left).ok_or_else(short)?;
        self.at += length;
        Ok(&self.bytes[at..at + length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_field_comes_back_byte_for_byte() {
        let mut message = Message::default();
        message.push(1, Value::Varint(u64::MAX));
        message.push(2, Value::Fixed64([1, 2, 3, 4, 5, 6, 7, 8]));
        message.push_text(3, "text");
        message.push(4, Value::Fixed32([9, 8, 7, 6]));
        // As no known schema has it.
        message.push(90_000, Value::Varint(300));
        let bytes = message.encode();
        let read = Message::parse(&bytes).unwrap();
        assert_eq!(read, message);
        assert_eq!(read.encode(), bytes);
        assert_eq!((read.varint(1), read.text(3), read.varint(3)), (Some(u64::MAX), "text", None));
    }

    #[test]
    fn integers_may_be_packed_or_not() {
        let mut message = Message::default();
        message.push(1, Value::Varint(5));
        message.push(1, Value::Bytes(Cow::Borrowed(&[1, 0xac, 2])));
        assert_eq!(message.varints(1).unwrap(), [5, 1, 300]);
    }

    #[test]
    fn what_breaks_off_is_told_with_its_place() {
        for (bytes, at) in [(&[0x0a, 0x05, 1, 2][..], 2), (&[0x08][..], 1), (&[0x0b][..], 0), (&[0x00][..], 0)] {
            let error = Message::parse(bytes).unwrap_err();
            assert!(matches!(error, OnnxError::Malformed { at: found, .. } if found == at), "{bytes:?}: {error}");
        }
    }
}
