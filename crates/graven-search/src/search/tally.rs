//! Counts: all hits, and the values of fields. An entry with a `count` stands for that many events.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::line::{Line, Scalar};
use crate::query::Field;

/// How many values of a facet are listed.
const VALUES_LISTED: usize = 100;

/// How many values of a facet are counted one by one. Those that come later are counted together, and the answer says so.
const VALUES_MAX: usize = 100_000;

/// How many bytes of a value count. Longer values with the same beginning are one.
const VALUE_BYTES_MAX: usize = 1_024;

/// How many hits there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Count {
    /// Entries.
    pub entries: u64,
    /// Events: an entry can stand for many.
    pub events: u64,
    /// Whether all entries were looked at. Otherwise there can be more.
    pub exact: bool,
}

/// One value of a facet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FacetValue {
    /// The value. A number is shown as it is written.
    pub value: String,
    /// Hits that have it.
    pub entries: u64,
    /// Their events.
    pub events: u64,
}

/// What the values that are not listed have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Rest {
    /// How often hits have such a value.
    pub entries: u64,
    /// The events of these.
    pub events: u64,
    /// Whether each of these values was counted by itself, so that none of them is more frequent than a listed one. With
    /// more than 100,000 values it is `false`: some were counted together, and a frequent one can be among them.
    pub exact: bool,
}

impl Rest {
    /// Nothing is left.
    const NONE: Rest = Rest { entries: 0, events: 0, exact: true };

    fn add(&mut self, entries: u64, events: u64) {
        self.entries += entries;
        self.events = self.events.saturating_add(events);
    }
}

/// Counts the values of some fields.
#[derive(Debug)]
pub(super) struct Facets {
    facets: Vec<Facet>,
}

/// The values of one field: how many entries and events have each.
#[derive(Debug)]
struct Facet {
    field: Field,
    values: HashMap<String, (u64, u64)>,
    rest: Rest,
}

impl Facets {
    pub(super) fn new(fields: &[Field]) -> Facets {
        let distinct: BTreeSet<&Field> = fields.iter().collect();
        let facet = |field: &Field| Facet { field: field.clone(), values: HashMap::new(), rest: Rest::NONE };
        Facets { facets: distinct.into_iter().map(facet).collect() }
    }

    /// The fields, in the order in which they are numbered.
    pub(super) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.facets.iter().map(|facet| &facet.field)
    }

    pub(super) fn add(&mut self, line: &Line<'_>) {
        for facet in &mut self.facets {
            for value in values_of(line, &facet.field) {
                facet.add(value, 1, line.events());
            }
        }
    }

    /// Adds values of the field with this number: each with the entries that have it, and their events.
    pub(super) fn add_sums(&mut self, number: usize, sums: impl Iterator<Item = (String, u64, u64)>) {
        let Some(facet) = self.facets.get_mut(number) else { return };
        for (value, entries, events) in sums {
            let value = match graven_core::text::cut(&value, VALUE_BYTES_MAX) {
                cut if cut.len() < value.len() => cut.to_owned(),
                _ => value,
            };
            facet.add(value, entries, events);
        }
    }

    /// The most frequent values, and what the others have.
    pub(super) fn finish(self) -> (BTreeMap<String, Vec<FacetValue>>, BTreeMap<String, Rest>) {
        let (mut listed, mut rests) = (BTreeMap::new(), BTreeMap::new());
        for Facet { field, values, mut rest } in self.facets {
            let value = |(value, (entries, events))| FacetValue { value, entries, events };
            let mut values: Vec<FacetValue> = values.into_iter().map(value).collect();
            values.sort_unstable_by(|a, b| b.entries.cmp(&a.entries).then_with(|| a.value.cmp(&b.value)));
            let others = values.split_off(values.len().min(VALUES_LISTED));
            others.iter().for_each(|other| rest.add(other.entries, other.events));
            if rest != Rest::NONE {
                rests.insert(field.to_string(), rest);
            }
            listed.insert(field.to_string(), values);
        }
        (listed, rests)
    }
}

impl Facet {
    fn add(&mut self, value: String, entries: u64, events: u64) {
        if self.values.len() >= VALUES_MAX && !self.values.contains_key(&value) {
            self.rest.exact = false;
            return self.rest.add(entries, events);
        }
        let sums = self.values.entry(value).or_default();
        *sums = (sums.0 + entries, sums.1.saturating_add(events));
    }
}

/// The different values of a field.
pub(crate) fn values_of(line: &Line<'_>, field: &Field) -> BTreeSet<String> {
    let mut values = BTreeSet::new();
    let mut collect = |scalar: Scalar<'_>| {
        let text = match scalar {
            Scalar::Text(text) | Scalar::Number(text) => text,
            Scalar::Bool(true) => "true",
            Scalar::Bool(false) => "false",
            Scalar::Null => "null",
        };
        values.insert(graven_core::text::cut(text, VALUE_BYTES_MAX).to_owned());
        false
    };
    match field {
        Field::Entry(field) => line.any_of_field(*field, &mut collect),
        Field::Detail(path) => line.any_at(path, &mut collect),
    };
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_too_many_values_the_rest_says_that_it_is_not_exact() {
        let field = Field::parse("id").unwrap();
        let counted = |values: usize| {
            let mut facets = Facets::new(std::slice::from_ref(&field));
            facets.add_sums(0, (0..values).map(|value| (format!("{value:06}"), 1, 1)));
            // The first one again, and the last one often.
            facets
                .add_sums(0, [("000000".to_owned(), 1, 1), (format!("{:06}", values - 1), 9, 9)].into_iter());
            let (listed, rests) = facets.finish();
            (listed["id"][0].value.clone(), rests["id"])
        };
        let most = VALUES_MAX as u64;
        let (first, rest) = counted(VALUES_MAX);
        assert_eq!(
            (first, rest),
            ("099999".into(), Rest { entries: most - 100, events: most - 100, exact: true })
        );
        let (first, rest) = counted(VALUES_MAX + 1);
        let others = most - 100 + 10;
        assert_eq!((first, rest), ("000000".into(), Rest { entries: others, events: others, exact: false }));
    }
}
