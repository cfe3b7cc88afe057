//! Members of an event whose value a caller controls, or whose type is not certain: reading them
//! never fails, and copies only strings with escapes.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// A string member.
#[derive(Debug, Default)]
pub(super) enum Text<'a> {
    /// Absent, or null.
    #[default]
    Missing,
    One(Cow<'a, str>),
    /// Any other type.
    Ambiguous,
}

impl Text<'_> {
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Self::One(text) => Some(text),
            Self::Missing | Self::Ambiguous => None,
        }
    }
}

/// The list of values of a header or query parameter.
#[derive(Debug, Default)]
pub(super) struct Values<'a>(Text<'a>);

impl<'a> Values<'a> {
    /// Returns the only value; several are ambiguous.
    pub(super) fn text(&self) -> &Text<'a> {
        &self.0
    }
}

/// The strings of a list; one ambiguous member if the value is of another type.
#[derive(Debug, Default)]
pub(super) struct Texts<'a>(Vec<Text<'a>>);

impl<'a> Texts<'a> {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Text<'a>> {
        self.0.iter()
    }
}

/// The members of an object; empty if the value is of another type.
#[derive(Debug)]
pub(super) struct Fields<'a, T>(Vec<(Text<'a>, T)>);

impl<T> Fields<'_, T> {
    pub(super) fn values_of(&self, matches: impl Fn(&str) -> bool) -> impl Iterator<Item = &T> {
        let matching = self.0.iter().filter(move |(name, _)| name.as_str().is_some_and(&matches));
        matching.map(|(_, value)| value)
    }
}

impl<T> Default for Fields<'_, T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// A struct; its default if the value is of another type.
#[derive(Debug, Default)]
pub(super) struct Object<T>(T);

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The conversion from each JSON type.
trait FromJson<'de>: Sized {
    fn other() -> Self;

    fn null() -> Self {
        Self::other()
    }

    fn text(_: Cow<'de, str>) -> Self {
        Self::other()
    }

    fn list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::other())
    }

    fn object<A: MapAccess<'de>>(mut members: A) -> Result<Self, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::other())
    }
}

impl<'de: 'a, 'a> FromJson<'de> for Text<'a> {
    fn other() -> Self {
        Self::Ambiguous
    }

    fn null() -> Self {
        Self::Missing
    }

    fn text(text: Cow<'de, str>) -> Self {
        Self::One(text)
    }
}

impl<'de: 'a, 'a> FromJson<'de> for Values<'a> {
    fn other() -> Self {
        Self(Text::Missing)
    }

    fn list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut only = items.next_element()?.unwrap_or_default();
        while items.next_element::<IgnoredAny>()?.is_some() {
            only = Text::Ambiguous;
        }
        Ok(Self(only))
    }
}

impl<'de: 'a, 'a> FromJson<'de> for Texts<'a> {
    fn other() -> Self {
        Self(vec![Text::Ambiguous])
    }

    fn null() -> Self {
        Self::default()
    }

    fn list<A: SeqAccess<'de>>(mut items: A) -> Result<Self, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = items.next_element()? {
            texts.push(text);
        }
        Ok(Self(texts))
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> FromJson<'de> for Fields<'a, T> {
    fn other() -> Self {
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

impl<'de, T: Deserialize<'de> + Default> FromJson<'de> for Object<T> {
    fn other() -> Self {
        Self::default()
    }

    fn object<A: MapAccess<'de>>(members: A) -> Result<Self, A::Error> {
        T::deserialize(MapAccessDeserializer::new(members)).map(Self)
    }
}

struct AnyJson<T>(PhantomData<T>);

impl<'de, T: FromJson<'de>> Visitor<'de> for AnyJson<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::null())
    }

    fn visit_bool<E>(self, _: bool) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_i64<E>(self, _: i64) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_u64<E>(self, _: u64) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_f64<E>(self, _: f64) -> Result<T, E> {
        Ok(T::other())
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

fn deserialize<'de, T: FromJson<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    deserializer.deserialize_any(AnyJson(PhantomData))
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Values<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Texts<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Fields<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize(deserializer)
    }
}
