//! Where apps are to be had. What people call each of these stores is said by the files of `locales/`.

const HOSTS: [&str; 7] = [
    "apps.apple.com",
    "play.google.com",
    "appgallery.huawei.com",
    "app.mi.com",
    "a.app.qq.com",
    "sj.qq.com",
    "galaxystore.samsung.com",
];

/// Whether a host is an app store that people know.
pub(super) fn is_app_store(host: &str) -> bool {
    HOSTS.contains(&host)
}
