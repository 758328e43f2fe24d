use std::collections::HashMap;
use std::collections::hash_map::{DefaultHasher, Entry};
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// The instalments of a file, to notice one that stands in it twice.
///
/// A key is kept as 96 bits of hash beside its line, 16 bytes in all (17 with the map's own byte, up to twice that when the map
/// has just grown): some 35 MB for a million. Two different keys among a hundred million meet by chance once in ten trillion
/// such files.
#[derive(Debug, Default)]
pub(super) struct Seen(HashMap<[u32; 3], u32, BuildHasherDefault<DefaultHasher>>);

impl Seen {
    /// Notes `key` at `line`; the line of an earlier one if there is one. Lines beyond four billion are told as the
    /// four-billionth.
    pub(super) fn at<K: Hash>(&mut self, key: &K, line: u64) -> Option<u64> {
        match self.0.entry(digest(key)) {
            Entry::Occupied(first) => Some(u64::from(*first.get())),
            Entry::Vacant(place) => {
                place.insert(u32::try_from(line).unwrap_or(u32::MAX));
                None
            }
        }
    }
}

fn digest<K: Hash>(key: &K) -> [u32; 3] {
    let of = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        key.hash(&mut hasher);
        hasher.finish()
    };
    let (low, high) = (of(0), of(1));
    // The halves of two independent hashes: cut on purpose.
    [(low >> 32) as u32, (low & 0xffff_ffff) as u32, (high & 0xffff_ffff) as u32]
}

#[cfg(test)]
mod tests {
    use super::Seen;

    #[test]
    fn the_line_of_the_first_is_told() {
        let mut seen = Seen::default();
        assert_eq!(seen.at(&("m", "1"), 2), None);
        assert_eq!(seen.at(&("m", "2"), 3), None);
        assert_eq!(seen.at(&("m1", ""), 4), None, "the border between the two texts counts");
        assert_eq!(seen.at(&("m", "1"), 9), Some(2));
        assert_eq!(seen.at(&("m", "1"), 10), Some(2));
    }

    #[test]
    fn a_place_costs_sixteen_bytes() {
        assert_eq!(size_of::<([u32; 3], u32)>(), 16);
    }
}
