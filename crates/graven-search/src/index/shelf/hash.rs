//! The hashes of words, pairs and values: short, fast, and other ones for each shelf.
//!
//! Two words with one hash cost a look at lines that have no hit; nothing is lost. The seed is random, so that nobody can
//! fill a shelf with such words.

/// What is looked up: a word, a pair of neighbours, a value at its path, or a path.
pub(crate) type Token = u32;

/// What the hashes of a shelf begin with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seed([u64; 2]);

/// An odd number without a pattern: the fraction of the golden ratio.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

impl Seed {
    pub(super) fn new(bytes: [u8; 16]) -> Seed {
        let (words, _) = bytes.as_chunks::<8>();
        Seed([u64::from_le_bytes(words[0]), u64::from_le_bytes(words[1])])
    }

    pub(super) fn bytes(&self) -> [u8; 16] {
        let [first, second] = self.0.map(u64::to_le_bytes);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&first);
        bytes[8..].copy_from_slice(&second);
        bytes
    }

    /// The hash of some bytes that belong to something with this hash.
    #[inline]
    pub(super) fn hash(&self, of: u64, bytes: &[u8]) -> u64 {
        let mut hash = fold(of ^ self.0[0], self.0[1] ^ (bytes.len() as u64).wrapping_mul(MIX));
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            hash = fold(hash ^ u64::from_le_bytes(*word), self.0[1] ^ MIX);
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        fold(hash ^ u64::from_le_bytes(last), self.0[0] ^ MIX)
    }

    /// The hash of two hashes side by side.
    pub(super) fn pair(&self, left: u64, right: u64) -> u64 {
        fold(left ^ self.0[0], right.rotate_left(32) ^ self.0[1] ^ MIX)
    }
}

/// Both halves of a product.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    product as u64 ^ (product >> 64) as u64
}

/// What of a hash is stored.
pub(super) fn token(hash: u64) -> Token {
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn hashes_are_spread_and_depend_on_every_part() {
        let seed = Seed::new(*b"a seed of a test");
        let words: Vec<String> = (0..200_000).map(|number| format!("word{number}")).collect();
        let tokens: HashSet<Token> = words.iter().map(|word| token(seed.hash(1, word.as_bytes()))).collect();
        // Of 200,000 random numbers of 32 bits, five or so are there twice.
        assert!(tokens.len() > 199_960, "{}", tokens.len());
        let buckets: HashSet<Token> = tokens.iter().map(|token| token >> 18).collect();
        assert!(buckets.len() > 16_380, "{}", buckets.len());
        let some = [
            seed.hash(1, b"rm"),
            seed.hash(2, b"rm"),
            seed.hash(1, b"rm\0"),
            seed.hash(1, b""),
            seed.hash(1, b"01234567"),
            seed.hash(1, b"01234567\0"),
            Seed::new(*b"another seed ...").hash(1, b"rm"),
            seed.pair(1, 2),
            seed.pair(2, 1),
        ];
        assert_eq!(some.iter().map(|hash| token(*hash)).collect::<HashSet<_>>().len(), some.len());
    }
}
