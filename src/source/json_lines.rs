//! Reads records from JSON Lines input.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;

use super::Column;
use super::check::Cells;
use super::fault::Faults;
use super::unknown::UnknownNames;

/// Reads the object of one line; its faults go to `faults`. An unknown key is noted, not refused.
pub(super) struct ObjectReader<'s> {
    pub(super) unknown: &'s mut UnknownNames,
    pub(super) faults: &'s mut Faults,
}

/// The values of an object, column by column. `None` is a missing key, `null` is an empty cell.
#[derive(Debug, Default)]
pub(super) struct Object<'a>([Option<Cow<'a, str>>; Column::COUNT]);

impl Object<'_> {
    pub(super) fn cells(&self) -> Cells<'_> {
        let mut cells = Cells::default();
        for (cell, value) in cells.iter_mut().zip(&self.0) {
            *cell = value.as_deref().map(str::trim);
        }
        cells
    }
}

/// Reads one line. `None`, and a fault, when it is no JSON object.
pub(super) fn read<'a>(line: &'a str, reader: ObjectReader<'_>) -> Option<Object<'a>> {
    let ObjectReader { unknown, faults } = reader;
    let mut json = serde_json::Deserializer::from_str(line);
    let object = ObjectReader { unknown, faults: &mut *faults }.deserialize(&mut json);
    match object.and_then(|object| json.end().map(|()| object)) {
        Ok(object) => Some(object),
        Err(error) => {
            // The error's own text may quote the line.
            faults.0.clear();
            faults.record(match error.classify() {
                Category::Eof => "the line ends before its JSON object does; write one object per line".to_owned(),
                Category::Data => "the line is JSON, but not an object of columns, {\"merchant\":…}".to_owned(),
                _ => format!("the line is not valid JSON from character {} on", error.column()),
            });
            None
        }
    }
}

impl<'de> DeserializeSeed<'de> for ObjectReader<'_> {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectReader<'_> {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let mut object = Object::default();
        let mut told = [false; Column::COUNT];
        while let Some(Text(key)) = map.next_key()? {
            let Some(column) = Column::find(&key) else {
                self.unknown.note(&key);
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let value: Value<'de> = map.next_value()?;
            if std::mem::replace(&mut told[column as usize], true) {
                self.faults.column(column, "occurs twice in the object");
            }
            match value.cell(column) {
                Ok(cell) => object.0[column as usize] = Some(cell),
                Err(problem) => {
                    // Kept as an empty cell, so that it is not called missing besides.
                    object.0[column as usize] = Some(Cow::Borrowed(""));
                    self.faults.column(column, problem);
                }
            }
        }
        Ok(object)
    }
}

/// A key, borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Self(text)),
            _ => Err(Error::custom("a key is a text")),
        }
    }
}

/// A value, as far as a cell needs to know.
enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Whole(u64),
    Number,
    Truth,
    Nested,
}

impl<'a> Value<'a> {
    fn cell(self, column: Column) -> Result<Cow<'a, str>, &'static str> {
        match (self, column) {
            (Self::Null, _) => Ok(Cow::Borrowed("")),
            (Self::Text(text), _) => Ok(text),
            (Self::Whole(number), Column::Sequence | Column::Of | Column::GraceDays) => {
                Ok(Cow::Owned(number.to_string()))
            }
            (Self::Whole(_) | Self::Number, Column::Amount | Column::PaidAmount) => {
                Err("is a bare number, which loses its form on the way; put it in quotes: \"128.50\"")
            }
            (Self::Whole(_) | Self::Number, _) => Err("is a bare number; put it in quotes"),
            (Self::Truth, _) => Err("is true or false; put a text in quotes"),
            (Self::Nested, _) => Err("is an array or an object; put a text in quotes"),
        }
    }
}

impl<'de> serde::Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Number)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::Truth)
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Nested)
    }
}
