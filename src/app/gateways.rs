//! Makes the gateways of the config.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AppError;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, GatewayConfig, Mistakes};
use crate::domain::GatewayName;
use crate::gateway::capture::CaptureGateway;
use crate::gateway::sms::SmsGateway;
use crate::gateway::smtp::SmtpGateway;
use crate::gateway::{Gateway, GatewayError};

type Gateways = (BTreeMap<GatewayName, Arc<dyn Gateway>>, Vec<Arc<CaptureGateway>>);

/// Makes the gateways of the config; connects to none.
///
/// # Errors
/// When the settings of one do not make a gateway.
pub fn gateways(config: &Config, clock: &Arc<dyn Clock>) -> Result<Gateways, AppError> {
    let mut gateways: BTreeMap<GatewayName, Arc<dyn Gateway>> = BTreeMap::new();
    let (mut captures, mut mistakes) = (Vec::new(), Vec::new());
    for (name, settings) in &config.gateways {
        match gateway(config, name, settings, clock, &mut captures) {
            Ok(gateway) => _ = gateways.insert(name.clone(), gateway),
            Err(error) => mistakes.push(config.mistake(&format!("gateways.{name}"), error.to_string())),
        }
    }
    if mistakes.is_empty() {
        Ok((gateways, captures))
    } else {
        Err(ConfigError::Mistakes(Mistakes::new(mistakes)).into())
    }
}

fn gateway(
    config: &Config,
    name: &GatewayName,
    settings: &GatewayConfig,
    clock: &Arc<dyn Clock>,
    captures: &mut Vec<Arc<CaptureGateway>>,
) -> Result<Arc<dyn Gateway>, GatewayError> {
    let (name, clock) = (name.clone(), Arc::clone(clock));
    let callback = config.callback_address(&name);
    Ok(match settings.clone() {
        GatewayConfig::Smtp(settings) => Arc::new(SmtpGateway::new(name, *settings, clock)?),
        GatewayConfig::Http(settings) => Arc::new(SmsGateway::http(name, *settings, callback, clock)?),
        GatewayConfig::Vendor { account, .. } => Arc::new(account.gateway(name, callback, clock)?),
        GatewayConfig::Capture(settings) => {
            let capture = Arc::new(CaptureGateway::new(name, settings, clock));
            captures.push(Arc::clone(&capture));
            capture
        }
    })
}
