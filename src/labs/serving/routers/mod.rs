//! Where an arrival goes when there are several instances: one file per router, behind one small
//! trait.

mod block;
mod freest;
mod least_kv;
mod least_outstanding;
mod mixing;
mod power_of_two;
mod prefix_aware;
mod random;
mod reported;
mod round_robin;
mod session_affinity;
mod shortest_tokens;
#[cfg(test)]
mod tests;

use super::config::Config;
pub use schedlab_simulator::route::Route;
use serde::{Deserialize, Serialize};

/// What a router is: its name, its exhibit, and how a run gets its own.
#[derive(Debug, Clone, Copy)]
pub struct Card {
    /// Name in menus.
    pub name: &'static str,
    /// Key of its exhibit; empty where it has none.
    pub exhibit: &'static str,
    /// The router in its initial state.
    pub make: fn(&Config) -> Box<dyn Route>,
}

/// One line per router: the name in configs and links, and the card in its file.
macro_rules! registry {
    ($($(#[$doc:meta])* $name:ident => $card:expr,)*) => {
        /// Where an arrival goes when there are several instances.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
        #[serde(rename_all = "snake_case")]
        pub enum Routing {
            $($(#[$doc])* $name,)*
        }

        impl Routing {
            /// All routers, in the order of the menu.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
            /// Names in the menu, in the order of [`Self::ALL`].
            pub const NAMES: &'static [&'static str] = &[$($card.name),*];

            /// What it is.
            pub fn card(self) -> &'static Card {
                match self {
                    $(Self::$name => const { &$card },)*
                }
            }
        }
    };
}

registry! {
    /// In turns.
    RoundRobin => round_robin::CARD,
    /// To the instance with the fewest waiting and running requests.
    #[default]
    LeastOutstanding => least_outstanding::CARD,
    /// Anywhere.
    Random => random::CARD,
    /// To the better of two instances drawn at random.
    PowerOfTwo => power_of_two::CARD,
    /// To the instance with the fewest prompt tokens to serve.
    ShortestTokens => shortest_tokens::CARD,
    /// To the instance with the fewest KV blocks in use.
    LeastKv => least_kv::CARD,
    /// To the instance on which the request would end first.
    Block => block::CARD,
    /// To the instance where it costs itself and the others least.
    Mixing => mixing::CARD,
    /// To the instance with the fewest prompt tokens in reports of some age.
    Reported => reported::CARD,
    /// To the instance with the most free blocks per request.
    Freest => freest::CARD,
    /// Where the conversation began.
    SessionAffinity => session_affinity::CARD,
    /// Where most of the prompt is in memory.
    PrefixAware => prefix_aware::CARD,
}

impl From<Routing> for Box<dyn Route> {
    /// The router with seed 0, the other parameters as they come.
    fn from(routing: Routing) -> Self {
        let config = Config {
            seed: 0,
            ..Config::default()
        };
        (routing.card().make)(&config)
    }
}
