//! Published and independently made test vectors. `DUEHERALD_VECTORS=DIR` names a folder with more of them than
//! `tests/vectors/` has; the names of the files are the same.

use std::fs;
use std::path::PathBuf;

use dueherald::render::{Encoding, segments, split};
use serde::Deserialize;

fn folder() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::env::var_os("DUEHERALD_VECTORS").map_or(own, PathBuf::from)
}

#[derive(Deserialize)]
struct SmsVectors {
    vectors: Vec<SmsVector>,
}

/// As `sms-segments-calculator` prints it.
#[derive(Deserialize)]
struct SmsVector {
    text: String,
    encoding: String,
    segments: usize,
    /// Seven bits a septet, sixteen a UTF-16 unit.
    message_bits: usize,
    /// Characters in each part.
    parts: Vec<usize>,
}

#[test]
fn sms_are_cut_as_the_vectors_say() {
    let path = folder().join("sms_segments.json");
    let file = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let SmsVectors { vectors } = serde_json::from_str(&file).expect("the vectors are JSON of the known form");
    assert!(!vectors.is_empty());
    for vector in vectors {
        let counted = segments(&vector.text);
        let bits = match counted.encoding {
            Encoding::Gsm7 => 7,
            Encoding::Ucs2 => 16,
        };
        assert_eq!(counted.encoding.as_str(), vector.encoding, "{}", vector.text);
        assert_eq!(counted.parts, vector.segments, "{}", vector.text);
        assert_eq!(counted.units * bits, vector.message_bits, "{}", vector.text);
        let characters: Vec<_> = split(&vector.text).iter().map(|part| part.chars().count()).collect();
        assert_eq!(characters, vector.parts, "{}", vector.text);
    }
}
