//! `dueherald gateway test`: one marked message, to nobody but those whom the config names.

use crate::commands::Desk;

const TO: &str = "+8613800138000";

#[test]
fn a_test_message_goes_to_a_known_address_only() {
    let desk = Desk::new(None);
    let refused = desk.run(&["gateway", "test", "capture-sms", "--to", TO]);
    assert_eq!(refused.code, 2, "{}", refused.out);
    assert!(
        refused.err.contains("test_recipients in [gateways.capture-sms]") && !refused.err.contains(TO),
        "{}",
        refused.err
    );
    assert!(desk.captured().is_empty());

    let file = desk.path("dueherald.toml");
    let config = std::fs::read_to_string(&file).expect("init wrote it");
    let section = "[gateways.capture-sms]\n";
    let config = config.replacen(section, &format!("{section}test_recipients = [\"{TO}\"]\n"), 1);
    std::fs::write(&file, config).expect("written");
    let told = desk.run(&["gateway", "test", "capture-sms", "--to", TO]).went_well();
    assert!(told.starts_with("capture-sms: accepted, reference test-"), "{told}");
    let captured = desk.captured();
    assert!(
        captured.len() == 1 && captured[0].contains("test message") && captured[0].contains("测试"),
        "{captured:?}"
    );

    let unknown = desk.run(&["gateway", "test", "nobody", "--to", TO]);
    assert_eq!(unknown.code, 2, "{}", unknown.out);
}
