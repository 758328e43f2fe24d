use super::TemplateSource;

macro_rules! built_in {
    ($($path:literal),+ $(,)?) => {
        &[$(($path, include_str!(concat!("../../templates/messages/", $path)))),+]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "_app.en.txt",
    "_app.zh-CN.txt",
    "_email.en.html",
    "_email.en.txt",
    "_email.zh-CN.html",
    "_email.zh-CN.txt",
    "_installment.en.txt",
    "_installment.zh-CN.txt",
    "_layout.html",
    "_plan.en.txt",
    "_plan.zh-CN.txt",
    "_sms_debt.en.txt",
    "_sms_debt.zh-CN.txt",
    "_sms_repay.en.txt",
    "_sms_repay.zh-CN.txt",
    "_support.en.txt",
    "_support.zh-CN.txt",
    "before-due/email.en.html",
    "before-due/email.en.subject.txt",
    "before-due/email.en.txt",
    "before-due/email.zh-CN.html",
    "before-due/email.zh-CN.subject.txt",
    "before-due/email.zh-CN.txt",
    "before-due/sms.en.txt",
    "before-due/sms.zh-CN.txt",
    "entry-moved/email.en.html",
    "entry-moved/email.en.subject.txt",
    "entry-moved/email.en.txt",
    "entry-moved/email.zh-CN.html",
    "entry-moved/email.zh-CN.subject.txt",
    "entry-moved/email.zh-CN.txt",
    "entry-moved/sms.en.txt",
    "entry-moved/sms.zh-CN.txt",
    "on-due/email.en.html",
    "on-due/email.en.subject.txt",
    "on-due/email.en.txt",
    "on-due/email.zh-CN.html",
    "on-due/email.zh-CN.subject.txt",
    "on-due/email.zh-CN.txt",
    "on-due/sms.en.txt",
    "on-due/sms.zh-CN.txt",
    "opted-out/sms.en.txt",
    "opted-out/sms.zh-CN.txt",
    "overdue/email.en.html",
    "overdue/email.en.subject.txt",
    "overdue/email.en.txt",
    "overdue/email.zh-CN.html",
    "overdue/email.zh-CN.subject.txt",
    "overdue/email.zh-CN.txt",
    "overdue/sms.en.txt",
    "overdue/sms.zh-CN.txt",
];

/// The templates that are compiled in: `templates/messages/`, as `dueherald init` writes them out.
pub fn builtin_templates() -> impl Iterator<Item = TemplateSource> {
    BUILT_IN.iter().map(|(path, text)| TemplateSource { path: (*path).into(), text: (*text).into() })
}

/// Whether a path is one of theirs.
pub(super) fn is_builtin(path: &str) -> bool {
    BUILT_IN.iter().any(|(known, _)| *known == path)
}
