//! Published vectors of SMS segmentation.

use dueherald::render::{Encoding, segments, split};
use serde::Deserialize;
use serde_json::Value;

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

/// How an SMS is cut into parts. Gives how many cases there were.
pub(super) fn check(file: &Value) -> usize {
    let vectors: Vec<SmsVector> = Deserialize::deserialize(&file["vectors"]).expect("vectors of the known form");
    for vector in &vectors {
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
    vectors.len()
}
