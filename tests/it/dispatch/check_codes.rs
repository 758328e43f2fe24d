//! A template that prints the check code prints that of its own message.

use std::sync::Arc;

use dueherald::domain::ReminderId;
use dueherald::pipeline::Composer;
use dueherald::render::{Renderer, TemplateSource, builtin_templates};

use super::bench::{Bench, Setup};
use crate::fixtures::composer;

const PATH: &str = "before-due/sms.zh-CN.txt";

#[tokio::test]
async fn a_message_holds_the_check_code_that_opens_to_it() {
    let sound = builtin_templates().find(|source| source.path == PATH).expect("it is built in");
    let text = format!("{}{{% if check_code %}} 校验码{{{{ check_code }}}}{{% endif %}}", sound.text.trim_end());
    let renderer = Renderer::new(vec![TemplateSource { path: PATH.into(), text }]).expect("it is sound");
    let composer = Composer { renderer: Arc::new(renderer), ..composer() };
    let links = Arc::clone(&composer.links);
    let bench = Bench::of(Setup { composer, ..Setup::default() });
    bench.add(2).await;
    assert_eq!(bench.drain().await.accepted, 2);
    let mut opened: Vec<_> = bench
        .gateway("script")
        .seen()
        .iter()
        .map(|sent| sent.text.split_once("校验码").expect("it is printed").1.trim().to_owned())
        .flat_map(|code| links.open_check_code(&code))
        .collect();
    opened.sort();
    assert_eq!(opened, [ReminderId(1), ReminderId(2)]);
}
