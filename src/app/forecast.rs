//! The inputs of a forecast: its span, and the gateways of the config.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Days, NaiveTime, Utc};

use super::App;
use crate::domain::{Channel, GatewayName, MerchantId};
use crate::pipeline::{ForecastGateway, ForecastSpan, ScanScope, plan_start};
use crate::plan::to_utc;
use crate::store::StoreError;

impl App {
    /// From an instant to the end of the last of `days` days, the first included, in the time zone of `[schedule]`.
    /// `None` if that is too far away for a calendar.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn forecast_span(&self, from: DateTime<Utc>, days: u16) -> Result<Option<ForecastSpan>, StoreError> {
        let zone = self.config.scans.schedule.zone();
        let end = from.with_timezone(&zone).date_naive().checked_add_days(Days::new(u64::from(days)));
        let Some(end) = end else { return Ok(None) };
        let start = plan_start(&*self.store, &self.scan_order(from, ScanScope::Aside)).await?;
        Ok(Some(ForecastSpan { from, until: to_utc(zone, end.and_time(NaiveTime::MIN)), zone, start }))
    }

    /// By name, the gateways that are the first of a list; with `merchants` only those that are the first of one of
    /// them.
    #[must_use]
    pub fn forecast_gateways(
        &self,
        merchants: Option<&BTreeSet<MerchantId>>,
    ) -> BTreeMap<GatewayName, ForecastGateway> {
        let lists = &self.policy.gateways;
        let is_wanted = |channel: Channel, name: &GatewayName| {
            merchants.is_none_or(|all| all.iter().any(|merchant| lists.first(channel, merchant) == Some(name)))
        };
        let firsts = |channel| lists.lists(channel).filter_map(move |list| Some((channel, list.gateways.first()?)));
        let wanted = lists.channels().flat_map(firsts).filter(|(channel, name)| is_wanted(*channel, name));
        wanted.filter_map(|(channel, name)| Some((name.clone(), self.forecast_gateway(channel, name)?))).collect()
    }

    fn forecast_gateway(&self, channel: Channel, name: &GatewayName) -> Option<ForecastGateway> {
        let gateway = self.gateways.get(name)?;
        Some(ForecastGateway {
            gateway: name.clone(),
            channel,
            link_mode: gateway.link_mode(),
            registered: gateway.registered().cloned(),
            rate: self.config.rates.get(name).copied(),
            price: self.config.prices.get(name).copied(),
        })
    }
}
