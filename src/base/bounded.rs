//! Decoding with a bound on the memory that it takes: what takes two bytes in a file may take fifty when it is read, and
//! a compressed file of some kilobytes may have a hundred million of it.
//!
//! Any deserializer is wrapped, of any format. Each element is paid for before it is made, by the size of its type, and
//! each text by its length. The fields of a struct have been paid for with the struct.

use serde::de::{self, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// What an allocation takes besides its content, in bytes.
const ALLOCATION: usize = 16;

/// Elements that room is made for before they are paid for.
const MAX_HINT: usize = 64;

/// Bytes of memory that may still be taken.
#[derive(Debug)]
pub struct Memory {
    left: Cell<usize>,
    spent: Cell<bool>,
}

impl Memory {
    /// So many bytes.
    pub fn new(most: usize) -> Self {
        Self { left: Cell::new(most), spent: Cell::new(false) }
    }

    /// Whether more was asked for than there is. Some formats' errors do not say so.
    pub fn is_spent(&self) -> bool {
        self.spent.get()
    }

    fn pay<E: de::Error>(&self, bytes: usize) -> Result<(), E> {
        let Some(left) = self.left.get().checked_sub(bytes) else {
            self.spent.set(true);
            return Err(E::custom("it takes too much memory when it is read"));
        };
        self.left.set(left);
        Ok(())
    }
}

/// Reads a value that takes no more memory than there is.
///
/// # Errors
///
/// Those of the format, and that there is not enough.
pub fn deserialize_within<'de, T: de::Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
    memory: &Memory,
) -> Result<T, D::Error> {
    memory.pay::<D::Error>(size_of::<T>())?;
    T::deserialize(Bounded { inner: from, memory })
}

/// A deserializer, seed or access that pays.
struct Bounded<'m, T> {
    inner: T,
    memory: &'m Memory,
}

/// A visitor, and whether the elements that it is shown are the fields of what was paid for.
struct Paying<'m, V> {
    inner: V,
    memory: &'m Memory,
    fields: bool,
}

/// Elements while they are read.
struct Elements<'m, A> {
    inner: A,
    memory: &'m Memory,
    fields: bool,
}

macro_rules! forward {
    ($fields:expr; $($name:ident($($arg:ident: $type:ty),*);)*) => {$(
        fn $name<V: Visitor<'de>>(self, $($arg: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.inner.$name($($arg,)* Paying { inner: visitor, memory: self.memory, fields: $fields })
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    forward! { true;
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
    }
    forward! { false;
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_string();
        deserialize_bytes();
        deserialize_byte_buf();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_seq();
        deserialize_map();
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

macro_rules! visit {
    ($($name:ident($type:ty);)*) => {$(
        fn $name<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.inner.$name(value)
        }
    )*};
}

macro_rules! visit_long {
    ($($name:ident($type:ty);)*) => {$(
        fn $name<E: de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.memory.pay::<E>(value.len().saturating_add(ALLOCATION))?;
            self.inner.$name(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Paying<'_, V> {
    type Value = V::Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(formatter)
    }

    visit! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
    }
    visit_long! {
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    fn visit_unit<E: de::Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_some(Bounded { inner, memory: self.memory })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.inner.visit_newtype_struct(Bounded { inner, memory: self.memory })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_seq(Elements { inner, memory: self.memory, fields: self.fields })
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_map(Elements { inner, memory: self.memory, fields: self.fields })
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(Bounded { inner, memory: self.memory })
    }
}

impl<A> Elements<'_, A> {
    fn pay<T, E: de::Error>(&self) -> Result<(), E> {
        if self.fields { Ok(()) } else { self.memory.pay(size_of::<T>()) }
    }

    /// Whoever asks may make room for all of them at once, before the first one is paid for.
    fn hint(hint: Option<usize>) -> Option<usize> {
        hint.map(|count| count.min(MAX_HINT))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, A::Error> {
        self.pay::<T::Value, A::Error>()?;
        self.inner.next_element_seed(Bounded { inner: seed, memory: self.memory })
    }

    fn size_hint(&self) -> Option<usize> {
        Self::hint(self.inner.size_hint())
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Elements<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        // Trees and tables have room that is not used.
        self.pay::<(K::Value, [u8; ALLOCATION]), A::Error>()?;
        self.inner.next_key_seed(Bounded { inner: seed, memory: self.memory })
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, A::Error> {
        self.pay::<T::Value, A::Error>()?;
        self.inner.next_value_seed(Bounded { inner: seed, memory: self.memory })
    }

    fn size_hint(&self) -> Option<usize> {
        Self::hint(self.inner.size_hint())
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Bounded { inner, memory: self.memory })
    }
}

impl<'de, 'm, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'m, A> {
    type Error = A::Error;
    type Variant = Bounded<'m, A::Variant>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self::Variant), A::Error> {
        let (value, inner) = self.inner.variant_seed(seed)?;
        Ok((value, Bounded { inner, memory: self.memory }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, A::Error> {
        self.inner.newtype_variant_seed(Bounded { inner: seed, memory: self.memory })
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.inner.tuple_variant(length, Paying { inner: visitor, memory: self.memory, fields: true })
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.inner.struct_variant(fields, Paying { inner: visitor, memory: self.memory, fields: true })
    }
}
