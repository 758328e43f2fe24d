//! Reads the fields of a body or of a query by name. Every mistake is kept, so that all are shown at once.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::body::no_object;
use super::problem::{FieldFault, Problem, ProblemKind};
use crate::domain::FieldUpdate;

/// Fields that are still to be read.
#[derive(Debug)]
pub(super) struct Fields {
    values: Map<String, Value>,
    /// Where they are: the JSON pointer of the object around them; `None` for a query.
    place: Option<String>,
    known: BTreeSet<&'static str>,
    faults: Vec<FieldFault>,
}

impl Fields {
    /// The fields of a body.
    pub(super) fn of_body(value: Value) -> Result<Self, Problem> {
        match value {
            Value::Object(values) => Ok(Self::new(values, Some(String::new()))),
            _ => Err(no_object()),
        }
    }

    /// The parameters of a query.
    pub(super) fn of_query(query: Option<&str>) -> Result<Self, Problem> {
        let mut fields = Self::new(Map::new(), None);
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if fields.values.insert(name.to_string(), Value::String(value.into_owned())).is_some() {
                fields.fault(&name, format!("{name} is given twice; give it once"));
            }
        }
        Ok(fields)
    }

    fn new(values: Map<String, Value>, place: Option<String>) -> Self {
        Self { values, place, known: BTreeSet::new(), faults: Vec::new() }
    }

    /// Notes a mistake in a field.
    pub(super) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        let pointer =
            self.place.as_ref().map(|place| format!("{place}/{}", name.replace('~', "~0").replace('/', "~1")));
        let parameter = pointer.is_none().then(|| name.to_owned());
        self.faults.push(FieldFault { pointer, parameter, detail: detail.into() });
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.insert(name);
        self.values.remove(name)
    }

    /// A text that may be left out, or `null`.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => Some(text),
            Value::Null => None,
            _ => {
                self.fault(name, format!("{name} is no text"));
                None
            }
        }
    }

    /// A text that is read further.
    pub(super) fn read<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text = self.text(name)?;
        read(&text).map_err(|error| self.fault(name, error.to_string())).ok()
    }

    /// A whole number of a query.
    pub(super) fn number(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let wanted = || format!("{name} is no whole number from {} to {}", range.start(), range.end());
        self.read(name, |text| text.parse().ok().filter(|number| range.contains(number)).ok_or_else(wanted))
    }

    /// A whole number of a body.
    pub(super) fn whole(&mut self, name: &'static str, range: RangeInclusive<u32>) -> Option<u32> {
        let value = self.take(name).filter(|value| !value.is_null())?;
        let number =
            whole(&value).and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            self.fault(name, format!("{name} is no whole number from {} to {}", range.start(), range.end()));
        }
        number
    }

    /// Notes that a field is missing, unless it has a mistake already.
    pub(super) fn require<T>(&mut self, name: &'static str, value: Option<T>) -> Option<T> {
        let has_fault = self.faults.iter().any(|fault| {
            fault.parameter.as_deref() == Some(name)
                || fault.pointer.as_ref().is_some_and(|pointer| pointer.rsplit('/').next() == Some(name))
        });
        if value.is_none() && !has_fault {
            self.fault(name, format!("{name} is missing"));
        }
        value
    }

    /// Yes or no; no if it is left out.
    pub(super) fn flag(&mut self, name: &'static str) -> bool {
        match self.take(name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) => true,
            Some(Value::String(text)) if self.place.is_none() && text == "true" => true,
            Some(Value::String(text)) if self.place.is_none() && text == "false" => false,
            Some(_) => {
                self.fault(name, format!("{name} is neither true nor false"));
                false
            }
        }
    }

    /// A field that `null` clears and that stays as it is when it is left out.
    pub(super) fn update<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, Value) -> Option<T>,
    ) -> FieldUpdate<T> {
        match self.take(name) {
            None => FieldUpdate::Keep,
            Some(Value::Null) => FieldUpdate::Set(None),
            Some(value) => FieldUpdate::Set(read(self, value)),
        }
    }

    /// The same for a text.
    pub(super) fn update_text<T, E: ToString>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> FieldUpdate<T> {
        self.update(name, |fields, value| match value {
            Value::String(text) => read(&text).map_err(|error| fields.fault(name, error.to_string())).ok(),
            _ => {
                fields.fault(name, format!("{name} is no text"));
                None
            }
        })
    }

    /// The fields of an object below `name`.
    pub(super) fn object<T>(
        &mut self,
        name: &'static str,
        value: Value,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(values) = value else {
            self.fault(name, format!("{name} is no object"));
            return None;
        };
        let place = self.place.as_ref().map(|place| format!("{place}/{name}"));
        let mut fields = Self::new(values, place);
        let read = read(&mut fields);
        fields.note_unknown();
        self.faults.append(&mut fields.faults);
        read
    }

    /// A whole number of a body.
    pub(super) fn integer(&mut self, name: &'static str) -> Option<i64> {
        let value = self.take(name).filter(|value| !value.is_null())?;
        if whole(&value).is_none() {
            self.fault(name, format!("{name} is no whole number"));
        }
        whole(&value)
    }

    /// The items of a list of 1 to `most`; none if it is none.
    fn items(&mut self, name: &'static str, most: usize) -> Vec<Value> {
        let fault = match self.take(name) {
            Some(Value::Array(items)) if (1..=most).contains(&items.len()) => return items,
            Some(Value::Array(_)) => format!("{name} has none or more than {most} items"),
            Some(_) => format!("{name} is no array"),
            None => format!("{name} is missing"),
        };
        self.fault(name, fault);
        Vec::new()
    }

    /// A list of whole numbers.
    pub(super) fn numbers(&mut self, name: &'static str, most: usize) -> Vec<i64> {
        let items = self.items(name, most);
        let numbers: Vec<_> = items.iter().filter_map(whole).collect();
        if numbers.len() < items.len() {
            self.fault(name, format!("{name} holds something that is no whole number"));
        }
        numbers
    }

    /// A list of objects.
    pub(super) fn objects<T>(
        &mut self,
        name: &'static str,
        most: usize,
        read: impl Fn(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        let mut found = Vec::new();
        for (index, item) in self.items(name, most).into_iter().enumerate() {
            let place = self.place.as_ref().map(|place| format!("{place}/{name}/{index}"));
            match item {
                Value::Object(values) => {
                    let mut fields = Self::new(values, place);
                    found.extend(read(&mut fields));
                    fields.note_unknown();
                    self.faults.append(&mut fields.faults);
                }
                _ => self.fault(name, format!("{name} holds something that is no object")),
            }
        }
        found
    }

    fn note_unknown(&mut self) {
        let known = self.known.iter().copied().collect::<Vec<_>>().join(", ");
        for name in std::mem::take(&mut self.values).keys() {
            let what = if self.place.is_some() { "field" } else { "parameter" };
            let shown: String = name.chars().filter(|sign| !sign.is_control()).take(50).collect();
            let detail = match known.is_empty() {
                true => format!("there is no {what} {shown} here"),
                false => format!("there is no {what} {shown} here; there is {known}"),
            };
            self.fault(name, detail);
        }
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// With every mistake.
    pub(super) fn finish(mut self) -> Result<(), Problem> {
        self.note_unknown();
        let kind = if self.place.is_some() { ProblemKind::Invalid } else { ProblemKind::BadRequest };
        if self.faults.is_empty() { Ok(()) } else { Err(Problem::of_faults(kind, self.faults)) }
    }
}

/// A whole number, which JSON may write as `7` or `7.0`.
fn whole(value: &Value) -> Option<i64> {
    // Beyond this a number with a fraction is not exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_whole = |number: &f64| number.fract() == 0.0 && number.abs() <= EXACT;
    let written = || value.as_f64().filter(is_whole).map(|number| format!("{number:.0}"));
    value.as_i64().or_else(|| written()?.parse().ok())
}
