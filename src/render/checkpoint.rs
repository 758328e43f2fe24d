//! Signatures of the head of the audit log, by the link keys: they are not in the database.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use super::LinkKeys;
use crate::domain::{AuditCheckpoint, AuditHash, AuditHead};

/// Separates these signatures from all other uses of the keys.
const LABEL: &[u8] = b"dueherald audit checkpoint, HMAC-SHA-256, 1";

/// The worth of a checkpoint's signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckpointTrust {
    /// A holder of the link key made it.
    Proven,
    /// Its key is known, and it is not that key's.
    Forged,
    /// Its key is not in the config.
    UnknownKey,
}

impl LinkKeys {
    /// Signs a head with the first key.
    #[must_use]
    pub fn sign_head(&self, head: AuditHead, at: DateTime<Utc>) -> AuditCheckpoint {
        let (key, secret) = self.first_with_id();
        AuditCheckpoint { head, at, key, signature: signature(secret, head, at) }
    }

    /// Checks the signature of a checkpoint.
    #[must_use]
    pub fn trust(&self, checkpoint: &AuditCheckpoint) -> CheckpointTrust {
        let AuditCheckpoint { head, at, key, signature: shown } = checkpoint;
        let Some(secret) = self.secret(*key) else { return CheckpointTrust::UnknownKey };
        let is_right: bool = signature(secret, *head, *at).0.ct_eq(&shown.0).into();
        if is_right { CheckpointTrust::Proven } else { CheckpointTrust::Forged }
    }
}

fn signature(secret: &[u8; 64], head: AuditHead, at: DateTime<Utc>) -> AuditHash {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(LABEL);
    mac.update(&head.number.to_be_bytes());
    mac.update(&head.hash.0);
    mac.update(&at.timestamp_micros().to_be_bytes());
    AuditHash(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta, Utc};

    use super::CheckpointTrust;
    use crate::domain::{AuditCheckpoint, AuditHash, AuditHead};
    use crate::render::LinkKeys;

    #[test]
    fn only_who_has_the_key_signs_a_head() {
        let keys = |id, secret| LinkKeys::new([(id, [secret; 32])]).expect("a key");
        let head = AuditHead { number: 7, hash: AuditHash([3; 32]) };
        let checkpoint = keys(1, 5).sign_head(head, DateTime::<Utc>::UNIX_EPOCH);
        assert_eq!(keys(1, 5).trust(&checkpoint), CheckpointTrust::Proven);
        assert_eq!(keys(1, 6).trust(&checkpoint), CheckpointTrust::Forged, "another secret");
        assert_eq!(keys(2, 5).trust(&checkpoint), CheckpointTrust::UnknownKey);
        let changes: [fn(&mut AuditCheckpoint); 4] = [
            |one| one.head.number += 1,
            |one| one.head.hash.0[0] ^= 1,
            |one| one.at += TimeDelta::microseconds(1),
            |one| one.signature.0[31] ^= 1,
        ];
        for change in changes {
            let mut other = checkpoint.clone();
            change(&mut other);
            assert_eq!(keys(1, 5).trust(&other), CheckpointTrust::Forged, "{other:?}");
        }
    }
}
