//! What grows when the load grows, and how it is read and set.

use crate::core::{Error, Result, num};
use crate::labs::Lab as _;
use crate::labs::serving::Serving;
use crate::labs::serving::World;
use crate::labs::serving::config::{Arrivals, Config};

/// What grows when the load grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Arrivals per second.
    Rate,
    /// How much faster than recorded a trace arrives.
    RateScale,
    /// Clients of a closed loop.
    Clients,
}

impl Load {
    /// The load of a config.
    ///
    /// # Errors
    /// Where all requests arrive at once.
    pub fn of(config: &Config) -> Result<Self> {
        if config.world != World::Server {
            return Err(Error::out_of_range(
                "world",
                World::NAMES[config.world as usize],
                "servers of a language model: only they have a load to search",
            ));
        }
        match config.arrivals {
            Arrivals::Trace => Ok(Self::RateScale),
            Arrivals::ClosedLoop => Ok(Self::Clients),
            Arrivals::Burst => Err(Error::out_of_range(
                "arrivals",
                "all at once",
                "arrivals with a rate: there is no load to search",
            )),
            _ => Ok(Self::Rate),
        }
    }

    /// Id of the parameter.
    pub fn field(self) -> &'static str {
        match self {
            Self::Rate => "rate",
            Self::RateScale => "rate_scale",
            Self::Clients => "clients",
        }
    }

    /// Its name with its unit.
    pub fn words(self) -> &'static str {
        match self {
            Self::Rate => "arrival rate, req/s",
            Self::RateScale => "rate of the trace, ×",
            Self::Clients => "clients",
        }
    }

    /// The load of a config as a number.
    pub fn get(self, config: &Config) -> f64 {
        match self {
            Self::Rate => config.rate,
            Self::RateScale => config.rate_scale,
            Self::Clients => config.clients as f64,
        }
    }

    /// The config under another load.
    pub fn put(self, config: &Config, load: f64) -> Config {
        let mut config = config.clone();
        match self {
            Self::Rate => config.rate = load,
            Self::RateScale => config.rate_scale = load,
            Self::Clients => config.clients = load.round().max(1.0) as u64,
        }
        config
    }

    /// Smallest and largest load allowed.
    pub fn range(self) -> [f64; 2] {
        Serving::params()
            .iter()
            .find(|p| p.id == self.field())
            .and_then(crate::core::Param::range)
            .map_or([0.01, 1000.0], |(range, _)| range)
    }
}

/// Loads for a curve that shows the way up to the best capacity and beyond it.
pub fn curve_loads(best: f64, load: Load, count: usize) -> Vec<f64> {
    let [least, most] = load.range();
    let top = (1.4 * best).clamp(least, most);
    let mut loads = num::linspace((0.15 * top).max(least), top, count.max(2));
    if load == Load::Clients {
        for v in &mut loads {
            *v = v.round().max(1.0);
        }
        loads.dedup();
    }
    loads
}
