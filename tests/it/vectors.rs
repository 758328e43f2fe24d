//! Published and independently made test vectors. `DUEHERALD_VECTORS=DIR` names a folder with more of them than
//! `tests/vectors/` has. Every file of the folder is read, and known by its `sdk` or `tool`; one that is not known is a
//! failure.

mod segments;
mod signatures;

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

fn folder() -> PathBuf {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    std::env::var_os("DUEHERALD_VECTORS").map_or(own, PathBuf::from)
}

#[test]
fn every_file_of_vectors_is_reproduced() {
    let folder = folder();
    let mut files: Vec<_> =
        fs::read_dir(&folder).expect("the folder").map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} holds no vectors", folder.display());
    for file in files {
        let shown = file.display();
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{shown}: {error}"));
        let json: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{shown} is no JSON: {error}"));
        // Ours were worked out by hand.
        let by_hand = file.ends_with("sms_segments.json").then_some("sms-segments-calculator");
        let maker = json["sdk"].as_str().or_else(|| json["tool"].as_str()).or(by_hand).unwrap_or_default();
        let checked = match maker.split(' ').find(|word| *word != "npm").unwrap_or_default() {
            "sms-segments-calculator" => segments::check(&json),
            "alibabacloud-dysmsapi20170525" => signatures::aliyun(&json),
            "tencentcloud-sdk-python-common" => signatures::tencent(&json),
            "twilio" => signatures::twilio(&json),
            other => panic!("{shown}: vectors of {other:?} are not known here; teach tests/it/vectors.rs to read them"),
        };
        assert!(checked > 0, "{shown} holds no vectors");
    }
}
