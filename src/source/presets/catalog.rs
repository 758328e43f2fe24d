//! The presets: the files of each, and its options.

use std::time::Duration;

use chrono_tz::Tz;

use super::{OptionKind, Preset, PresetBranch, PresetDatabase, PresetOption};
use crate::source::sql::Dialect;

/// A query in the folder of a database.
macro_rules! branch {
    ($folder:literal, $name:literal) => {
        PresetBranch { name: $name, text: include_str!(concat!($folder, "/", $name, ".sql")), has_whole_orders: false }
    };
    ($folder:literal, $name:literal, whole orders) => {
        PresetBranch { has_whole_orders: true, ..branch!($folder, $name) }
    };
}

/// The parts in the folder of a database.
macro_rules! parts {
    ($folder:literal: $($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!($folder, "/", $name, ".sql")))),+]
    };
}

pub(super) const PRESETS: &[Preset] = &[FINERACT, ERPNEXT_LENDING, ODOO, KILLBILL, INVOICE_NINJA];

const FINERACT: Preset = Preset {
    name: "fineract",
    options: &[
        PresetOption { name: "open_statuses", kind: OptionKind::Numbers(&[300, 303, 304]) },
        PresetOption { name: "charged_off", kind: OptionKind::Word(&["written_off", "open", "cancelled"]) },
    ],
    zone: Some(Tz::UTC),
    overlap: Duration::from_secs(15 * 60),
    databases: &[
        PresetDatabase {
            dialect: Dialect::MySql,
            branches: &[
                branch!("fineract/mariadb", "loan", whole orders),
                branch!("fineract/mariadb", "schedule"),
                branch!("fineract/mariadb", "client"),
                branch!("fineract/mariadb", "untouched"),
            ],
            parts: parts!("fineract/mariadb": "columns", "freshness"),
        },
        PresetDatabase {
            dialect: Dialect::Postgres,
            branches: &[
                branch!("fineract/postgres", "loan", whole orders),
                branch!("fineract/postgres", "schedule"),
                branch!("fineract/postgres", "client"),
                branch!("fineract/postgres", "untouched"),
            ],
            parts: parts!("fineract/postgres": "columns", "freshness"),
        },
    ],
};

const ERPNEXT_LENDING: Preset = Preset {
    name: "erpnext-lending",
    options: &[
        PresetOption { name: "ledger", kind: OptionKind::Word(&["demands", "accruals"]) },
        PresetOption { name: "companies", kind: OptionKind::Names },
    ],
    zone: None,
    overlap: Duration::from_secs(15 * 60),
    databases: &[PresetDatabase {
        dialect: Dialect::MySql,
        branches: &[
            branch!("erpnext-lending/mariadb", "loan", whole orders),
            branch!("erpnext-lending/mariadb", "schedule"),
            branch!("erpnext-lending/mariadb", "repayment"),
            branch!("erpnext-lending/mariadb", "customer"),
            branch!("erpnext-lending/mariadb", "employee"),
        ],
        parts: parts!("erpnext-lending/mariadb": "accruals_paid", "accruals_waived", "columns", "demands_paid", "demands_waived", "freshness", "joins", "key_child", "key_parent"),
    }],
};

const ODOO: Preset = Preset {
    name: "odoo",
    options: &[PresetOption { name: "company", kind: OptionKind::Number(1, 1..=i32::MAX as i64) }],
    zone: Some(Tz::UTC),
    overlap: Duration::from_secs(15 * 60),
    databases: &[PresetDatabase {
        dialect: Dialect::Postgres,
        branches: &[
            branch!("odoo/postgres", "move", whole orders),
            branch!("odoo/postgres", "line"),
            branch!("odoo/postgres", "partner"),
        ],
        parts: parts!("odoo/postgres": "columns", "freshness", "place"),
    }],
};

const KILLBILL: Preset = Preset {
    name: "killbill",
    options: &[
        PresetOption { name: "due_days", kind: OptionKind::Number(30, 0..=3650) },
        PresetOption { name: "tenants", kind: OptionKind::Numbers(&[]) },
    ],
    zone: Some(Tz::UTC),
    overlap: Duration::from_secs(30 * 60),
    databases: &[
        PresetDatabase {
            dialect: Dialect::MySql,
            branches: &[
                branch!("killbill/mariadb", "invoice"),
                branch!("killbill/mariadb", "item"),
                branch!("killbill/mariadb", "invoice_payment"),
                branch!("killbill/mariadb", "transaction"),
                branch!("killbill/mariadb", "void"),
                branch!("killbill/mariadb", "invoice_tag"),
                branch!("killbill/mariadb", "account"),
                branch!("killbill/mariadb", "account_tag"),
            ],
            parts: parts!("killbill/mariadb": "charged", "columns", "digits", "freshness", "key_child", "key_parent", "paid"),
        },
        PresetDatabase {
            dialect: Dialect::Postgres,
            branches: &[
                branch!("killbill/postgres", "invoice"),
                branch!("killbill/postgres", "item"),
                branch!("killbill/postgres", "invoice_payment"),
                branch!("killbill/postgres", "transaction"),
                branch!("killbill/postgres", "void"),
                branch!("killbill/postgres", "invoice_tag"),
                branch!("killbill/postgres", "account"),
                branch!("killbill/postgres", "account_tag"),
            ],
            parts: parts!("killbill/postgres": "charged", "columns", "digits", "freshness", "key_child", "key_parent", "paid"),
        },
    ],
};

const INVOICE_NINJA: Preset = Preset {
    name: "invoice-ninja",
    options: &[PresetOption { name: "company", kind: OptionKind::Number(1, 1..=u32::MAX as i64) }],
    zone: Some(Tz::UTC),
    overlap: Duration::from_secs(15 * 60),
    databases: &[PresetDatabase {
        dialect: Dialect::MySql,
        branches: &[
            branch!("invoice-ninja/mariadb", "invoice", whole orders),
            branch!("invoice-ninja/mariadb", "client"),
            branch!("invoice-ninja/mariadb", "contact"),
        ],
        parts: parts!("invoice-ninja/mariadb": "columns", "deposit", "freshness", "joins", "key_child", "key_parent"),
    }],
};
