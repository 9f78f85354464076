//! Tests of shipping a trail, with a folder in the place of a bucket.

mod shipping;
