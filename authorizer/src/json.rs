//! Strict JSON: RFC 8259 without duplicate members in any object; and the serialization of a
//! response.
//!
//! RFC 7515 section 4 lets a parser use the last of duplicate members. An attacker can exploit two
//! parsers that use different ones, so duplicates are an error here.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::map::Entry;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Number, Value};

use crate::error::Fault;

/// Parses one JSON object: no other top-level value, no trailing data, no byte order mark, at most
/// 128 levels deep.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, serde_json::Error> {
    match serde_json::from_slice(text)? {
        Strict(Value::Object(members)) => Ok(members),
        Strict(_) => Err(serde_json::Error::custom("not an object")),
    }
}

/// Serializes a part of a response.
pub(crate) fn serialize(part: &impl Serialize) -> Result<Box<RawValue>, Fault> {
    to_raw_value(part).map_err(|_| Fault::ResponseSerialization)
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            match object.entry(name) {
                Entry::Vacant(entry) => entry.insert(value),
                Entry::Occupied(entry) => {
                    let name = entry.key();
                    return Err(A::Error::custom(format!("duplicate member `{name}`")));
                }
            };
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{object, serialize};

    #[test]
    fn a_response_that_cannot_be_serialized_is_a_fault_of_its_own() {
        assert_eq!(serialize(&["a"]).unwrap().get(), r#"["a"]"#);
        // Member names of JSON are strings.
        let fault = serialize(&BTreeMap::from([([0], 0)])).unwrap_err();
        assert_eq!(fault.reason(), "response_serialization");
    }

    #[test]
    fn one_object_without_duplicates_is_accepted_and_nothing_else() {
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(200), "]".repeat(200));
        for (text, accepted) in [
            (r#"{"a":1,"b":[{"a":2}],"c":"x\u0041"}"#, true),
            (r#"{"a":1,"a":1}"#, false),
            (r#"{"a":1,"\u0061":1}"#, false),
            (r#"{"n":{"a":1,"b":2,"a":3}}"#, false),
            (r#"[{"a":1,"a":2}]"#, false),
            ("[]", false),
            ("1", false),
            ("", false),
            ("{} {}", false),
            ("{}x", false),
            ("\u{feff}{}", false),
            (r#"{"a":1e400}"#, false),
            (r#"{"a":"\ud800"}"#, false),
            (&deep, false),
        ] {
            assert_eq!(object(text.as_bytes()).is_ok(), accepted, "{text}");
        }
        assert!(object(b"{\"a\":\"\xff\"}").is_err(), "not UTF-8");
    }
}
