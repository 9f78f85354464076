//! What is asked of a shelf, whether it is finished or in the making.

use std::ops::Range;

use roaring::RoaringBitmap;

use super::ShelfError;
use super::blocks::Blocks;
use super::events::Tally;
use super::hash::{Seed, Token};
use super::value::Key;
use crate::line::Scalar;
use crate::query::Field;

/// What a shelf knows of its entries.
pub(crate) trait Facts {
    type Column<'a>: Column
    where
        Self: 'a;

    fn seed(&self) -> &Seed;
    fn first(&self) -> u64;
    fn len(&self) -> u32;

    /// Shows the stretches of entries whose times are in the same row of this width in microseconds, counted from 1970, in order.
    /// The time of an entry of which it is not known is any.
    fn each_row(&self, width: i64, f: &mut dyn FnMut(i64, Range<u32>)) -> Result<(), ShelfError>;

    /// The entries with a time in this range of microseconds, with both ends.
    fn at(&self, range: (i64, i64)) -> Result<RoaringBitmap, ShelfError>;

    /// The first and the last time that is a text of an entry, also those of a server's clock.
    fn written_times(&self) -> Result<Option<(i64, i64)>, ShelfError>;

    /// Entries that stand for several events, each with their number.
    fn counts(&self) -> Result<Vec<(u32, u64)>, ShelfError>;

    /// Entries of which too little is known: they are always candidates.
    fn unsure(&self) -> Result<RoaringBitmap, ShelfError>;

    /// Entries with something at a path of the detail that has no column.
    fn elsewhere(&self) -> Result<RoaringBitmap, ShelfError>;

    /// The blocks in which a token stands.
    fn blocks(&self, token: Token) -> Result<Blocks, ShelfError>;

    /// The column of a field; `None` when it has none.
    fn column(&self, field: &Field) -> Result<Option<Self::Column<'_>>, ShelfError>;

    /// Every column, with the hash of its field.
    fn columns(&self) -> Result<Vec<(u64, Self::Column<'_>)>, ShelfError>;
}

/// The values of one field.
pub(crate) trait Column {
    /// The entries that have the field.
    fn present(&self) -> Result<RoaringBitmap, ShelfError>;

    /// The entries of which the column does not have every value.
    fn loose(&self) -> Result<RoaringBitmap, ShelfError>;

    /// Whether an entry has several values.
    fn is_multiple(&self) -> bool;

    /// The entries that have this value in the dictionary.
    fn find(&self, key: &Key<'_>) -> Result<RoaringBitmap, ShelfError>;

    /// Shows each value of the dictionary that begins with these bytes, with how often it is there; and its entries, if `is`
    /// says yes.
    fn each_like(
        &self,
        prefix: &[u8],
        is: &mut dyn FnMut(Scalar<'_>, Tally) -> bool,
        f: &mut dyn FnMut(Scalar<'_>, RoaringBitmap),
    ) -> Result<(), ShelfError>;

    /// Shows the place in the dictionary of the value of each of these entries, as far as they have one; whether the column
    /// can do that.
    fn each_code(&self, entries: &RoaringBitmap, f: &mut dyn FnMut(u32, usize)) -> Result<bool, ShelfError>;

    /// The entries that have a whole number in this range, with both ends, outside the dictionary.
    fn numbers(&self, range: (i64, i64)) -> Result<RoaringBitmap, ShelfError>;

    /// Shows these numbers, each with its entry.
    fn each_number(&self, f: &mut dyn FnMut(u32, i64)) -> Result<(), ShelfError>;
}
