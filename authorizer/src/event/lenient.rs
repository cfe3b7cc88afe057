//! Members of an event that hold what callers chose, or nothing, or what nobody expects: reading
//! them never fails, and copies only what is escaped.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A text, where there is one.
#[derive(Debug, Default)]
pub(super) enum Text<'a> {
    /// Nothing, or null.
    #[default]
    Missing,
    One(Cow<'a, str>),
    /// Something else.
    Unclear,
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::Missing | Self::Unclear => None,
        }
    }
}

/// The values of a field that may have several.
#[derive(Debug, Default)]
pub(super) struct Values<'a>(Text<'a>);

impl<'a> Values<'a> {
    /// Returns the only one; several are unclear.
    pub(super) fn text(&self) -> &Text<'a> {
        &self.0
    }
}

/// The members of an object; none of anything else.
#[derive(Debug)]
pub(super) struct Fields<'a, T>(Vec<(Text<'a>, T)>);

impl<T> Fields<'_, T> {
    pub(super) fn named(&self, is_wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = &T> {
        let named = self.0.iter().filter(move |(name, _)| name.as_str().is_some_and(&is_wanted));
        named.map(|(_, value)| value)
    }
}

impl<T> Default for Fields<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A structure; an empty one where there is anything else.
#[derive(Debug, Default)]
pub(super) struct Part<T>(T);

impl<T> Deref for Part<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// What to make of each kind of JSON.
trait Read<'de>: Sized {
    fn otherwise() -> Self;

    fn null() -> Self {
        Self::otherwise()
    }

    fn text(_: Cow<'de, str>) -> Self {
        Self::otherwise()
    }

    fn list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::otherwise())
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::otherwise())
    }
}

impl<'de: 'a, 'a> Read<'de> for Text<'a> {
    fn otherwise() -> Self {
        Self::Unclear
    }

    fn null() -> Self {
        Self::Missing
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self::One(text)
    }
}

impl<'de: 'a, 'a> Read<'de> for Values<'a> {
    fn otherwise() -> Self {
        Self(Text::Missing)
    }

    fn list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut only = items.next_element()?.unwrap_or_default();
        while items.next_element::<IgnoredAny>()?.is_some() {
            only = Text::Unclear;
        }
        Ok(Self(only))
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Read<'de> for Fields<'a, T> {
    fn otherwise() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        let mut fields = Vec::with_capacity(32);
        while let Some(field) = members.next_entry()? {
            fields.push(field);
        }
        Ok(Self(fields))
    }
}

impl<'de, T: Deserialize<'de> + Default> Read<'de> for Part<T> {
    fn otherwise() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Self)
    }
}

struct Anything<T>(PhantomData<T>);

impl<'de, T: Read<'de>> Visitor<'de> for Anything<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::null())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::otherwise())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::otherwise())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::otherwise())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::otherwise())
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<T, E> {
        Ok(T::text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<T, A::Error> {
        T::list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
        T::object(members)
    }
}

fn read<'de, T: Read<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_any(Anything(PhantomData))
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Fields<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(deserializer)
    }
}
