//! Where apps are to be had.

/// An app store that people know.
#[derive(Debug, PartialEq, Eq)]
pub struct AppStore {
    host: &'static str,
    /// Its name in Chinese.
    pub chinese: &'static str,
    /// Its name elsewhere.
    pub english: &'static str,
}

const KNOWN: [AppStore; 7] = [
    AppStore { host: "apps.apple.com", chinese: "App Store", english: "App Store" },
    AppStore { host: "play.google.com", chinese: "Google Play", english: "Google Play" },
    AppStore { host: "appgallery.huawei.com", chinese: "华为应用市场", english: "AppGallery" },
    AppStore { host: "app.mi.com", chinese: "小米应用商店", english: "Xiaomi GetApps" },
    AppStore { host: "a.app.qq.com", chinese: "应用宝", english: "Tencent MyApp" },
    AppStore { host: "sj.qq.com", chinese: "应用宝", english: "Tencent MyApp" },
    AppStore { host: "galaxystore.samsung.com", chinese: "三星应用商店", english: "Galaxy Store" },
];

impl AppStore {
    /// The store of a host.
    #[must_use]
    pub fn at(host: &str) -> Option<&'static Self> {
        KNOWN.iter().find(|store| store.host == host)
    }
}
