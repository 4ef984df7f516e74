//! A config in a few words.

use super::config::{
    Config, Exchange, Fade, Granularity, Method, Regime, Shape, Source, Switching,
};
use super::kinds::{Aid, Choosing, Coder, Fusion, Pattern, Surgery, Transfer};

impl Config {
    /// What the config runs, in a few words.
    pub fn label(&self) -> String {
        let how = match self.regime {
            Regime::Cut => return self.cut_words(),
            Regime::Gradual => {
                let window = format!("{} to {} %", self.begin, self.finish);
                let words = match self.shape {
                    Shape::OneShot => format!("one-shot at {} %", self.begin),
                    shape => format!("{} {window}", shape.words()),
                };
                let by = match self.method {
                    Method::Magnitude if self.granularity == Granularity::Global => String::new(),
                    _ => format!(" by {}", self.cut_words().split(", ").next().unwrap_or("")),
                };
                let fade = match self.fade {
                    Fade::Hard => "",
                    _ => ", annealed gradients",
                };
                format!("{words}{by}{fade}{}", self.aid_words())
            }
            Regime::Exchange => match self.exchange {
                Exchange::Gradient => "RigL".to_owned(),
                Exchange::Random => "SET".to_owned(),
                Exchange::Never => "fixed random mask".to_owned(),
            },
            Regime::Ticket => "lottery ticket".to_owned(),
            Regime::Sap => "SAP".to_owned(),
            Regime::Flicker => match self.switching {
                Switching::Random => "subnetwork annealing, random".to_owned(),
                Switching::Temperature => "subnetwork annealing, temperature".to_owned(),
            },
            Regime::HyperSparse => "HyperSparse".to_owned(),
            Regime::Surgery => {
                let how = match self.surgery {
                    Surgery::SparseGpt => "SparseGPT",
                    Surgery::Surgeon => "optimal brain surgeon",
                    Surgery::Wanda => "Wanda by row",
                    Surgery::Magnitude => "magnitude by row",
                    Surgery::LowRank if self.directions == 100.0 => "low rank",
                    Surgery::LowRank => "low rank with columns",
                };
                if self.surgery == Surgery::LowRank {
                    return format!("{how}, {} % fewer numbers", self.sparsity);
                }
                if self.pattern == Pattern::Groups {
                    return format!("{how}, {}:{}", self.keep_n, self.group_m);
                }
                how.to_owned()
            }
            Regime::Tune => {
                let cut = self.cut_words();
                let cut = cut.split(", ").next().unwrap_or("").to_owned();
                format!("{cut} and fine-tuning{}", self.aid_words())
            }
            Regime::Dynamic => {
                return format!("units by image, {} % of the activation", self.mass);
            }
            Regime::Bits => {
                return match self.coder {
                    Coder::Learnt => format!("self-compressing, {} nats a bit", self.bit_price),
                    Coder::Rounded => {
                        format!("cut, round and code, {} bits a weight", self.bit_budget)
                    }
                };
            }
            Regime::Data => {
                let of = match self.pool {
                    0 => String::new(),
                    pool => format!(" of {pool}"),
                };
                return format!("{}{of}, {} % pruned", self.pick.words(), self.images_cut);
            }
            Regime::Transfer => match self.transfer {
                Transfer::Mask => return "mask tuning, weights stay".to_owned(),
                Transfer::Half => return format!("fine-tuning, {} % frozen", self.frozen),
                Transfer::Open => "sparse pre-training with dense tuning".to_owned(),
                Transfer::Shut => "sparse pre-training with sparse tuning".to_owned(),
            },
        };
        format!("{how}, {} %", self.sparsity)
    }

    fn aid_words(&self) -> &'static str {
        match self.aid {
            Aid::Plain => "",
            Aid::Sharpness => " with sharpness-aware steps",
            Aid::AdaSap => " with AdaSAP",
            Aid::Shrink => " with regularised shrinking",
            Aid::Compander => " with a weight compander",
            Aid::Flow => " with feature flow",
            Aid::Balance => " with class weights",
        }
    }

    /// The method of one cut, with its sparsity.
    pub(super) fn cut_words(&self) -> String {
        let scope = match self.granularity {
            Granularity::Global => "global",
            Granularity::Layer => "per-layer",
        };
        let method = match self.method {
            Method::Magnitude => format!("{scope} magnitude"),
            Method::Random => format!("{scope} random"),
            Method::Lamp => "LAMP".to_owned(),
            Method::Erk => "ERK magnitude".to_owned(),
            Method::Wanda => "Wanda".to_owned(),
            Method::Obd => "OBD (Fisher)".to_owned(),
            Method::Units => "hidden units, L2 norm".to_owned(),
            Method::JointDp => "joint DP".to_owned(),
            Method::Contribution => "relative contribution".to_owned(),
            Method::Block => format!("blocks {} × {}", self.block_rows, self.block_cols),
            Method::Manual if self.source == Source::Imported => {
                let own = self.own_rates.len();
                return format!("own rates ({own} of one's own), {} % else", self.sparsity);
            }
            Method::Manual => {
                let rates: Vec<String> = self.rates().iter().map(f64::to_string).collect();
                return format!("own rates {} %", rates.join(" / "));
            }
            Method::Movement => "movement".to_owned(),
            Method::Snr => "signal to noise".to_owned(),
            Method::Saap => match self.fusion {
                Fusion::Both => "hidden units, SAAP".to_owned(),
                Fusion::Vector => "hidden units, vector-wise Taylor".to_owned(),
                Fusion::Element => "hidden units, element-wise Taylor".to_owned(),
            },
            Method::Sketch => match self.choosing {
                Choosing::Top => "norm sketch".to_owned(),
                Choosing::Free => "data-free sketch".to_owned(),
                Choosing::Drawn => "sampled sketch".to_owned(),
            },
            Method::Snip => "SNIP".to_owned(),
            Method::Grasp => "GraSP".to_owned(),
            Method::SynFlow => format!("SynFlow {} rounds", self.rounds),
            Method::NOfM => return format!("{}:{} magnitude", self.keep_n, self.group_m),
        };
        if self.mixes() {
            let own = self.own_rates.len();
            return format!("{method} with {own} of one's own, {} %", self.sparsity);
        }
        format!("{method}, {} %", self.sparsity)
    }
}
