//! What a config must keep to.

use super::config::{Config, Router, Study, Task, World};
use super::params::PARAMS;
use super::rules::capacity;
use crate::core::{Error, Result, validate};

/// Most pairs (token, expert) of a run.
pub(super) const MAX_PAIRS: u64 = 1 << 19;
/// Most tokens of a batch that is routed as a whole.
const MAX_WHOLE: u64 = 4096;
/// Most entries of a token × slot or token × token table.
const MAX_TABLE: u64 = 1 << 20;
/// Most work of a training run: some 20 seconds on one core.
const MAX_TRAINING: u64 = 1 << 27;

impl Config {
    /// Checks ranges and the rules that tie parameters together.
    ///
    /// # Errors
    /// The first parameter at fault.
    pub(super) fn check(&self) -> Result<()> {
        validate(&PARAMS, self)?;
        match self.world {
            World::Layers => return self.check_layers(),
            World::Queries => return self.check_no_file(),
            World::Studies => return self.check_study(),
            World::Batches | World::Training => {}
        }
        let trains = self.world == World::Training;
        let k = if trains {
            self.k
        } else {
            self.choices() as u64
        };
        if k > self.experts {
            let field = if self.router == Router::Gshard && !trains {
                "experts"
            } else {
                "k"
            };
            return Err(Error::out_of_range(
                field,
                if field == "k" { k } else { self.experts },
                format!(
                    "k at most the number of experts: k is {k}, experts {}",
                    self.experts
                ),
            ));
        }
        if trains {
            return self.check_training();
        }
        self.check_source()?;
        if self.router == Router::DeepseekV3 {
            let [e, g, kept] = [self.experts, self.groups, self.topk_group].map(|v| v as usize);
            capacity::check_groups(e, g, kept, self.choices())?;
        }
        self.check_sizes()
    }

    /// A file's tokens are for routing alone.
    fn check_no_file(&self) -> Result<()> {
        if self.data.is_none() {
            return Ok(());
        }
        let at = World::ALL.iter().position(|w| *w == self.world);
        let name = at.and_then(|i| World::NAMES.get(i)).unwrap_or(&"");
        Err(Error::out_of_range(
            "world",
            *name,
            "tokens to experts: a file's tokens are routed, not learnt from",
        ))
    }

    fn check_study(&self) -> Result<()> {
        self.check_no_file()?;
        if self.study == Study::Heads && !self.heads.is_power_of_two() {
            return Err(Error::out_of_range(
                "heads",
                self.heads,
                "1, 2, 4 or 8: equal blocks of 32 coefficients",
            ));
        }
        Ok(())
    }

    fn check_layers(&self) -> Result<()> {
        self.check_no_file()?;
        let allowed = 0.9 * (self.blocks - 1) as f64 / self.blocks as f64;
        if self.skipped > allowed {
            return Err(Error::out_of_range(
                "skipped",
                self.skipped,
                format!(
                    "0 to {allowed:.2}: the first of {} blocks is never skipped",
                    self.blocks
                ),
            ));
        }
        Ok(())
    }

    fn check_training(&self) -> Result<()> {
        self.check_no_file()?;
        if self.task == Task::Sequence && self.clusters < 2 {
            return Err(Error::out_of_range(
                "clusters",
                self.clusters,
                "at least 2 for two tasks",
            ));
        }
        let work = self.train_steps * self.train_batch * (self.experts + 8 * self.k);
        if work > MAX_TRAINING {
            return Err(Error::out_of_range(
                "train_steps",
                self.train_steps,
                format!("updates x batch x (experts + 8 k) up to {MAX_TRAINING}, here {work}"),
            ));
        }
        Ok(())
    }

    fn check_source(&self) -> Result<()> {
        let name = self.router.name();
        match &self.data {
            None if self.router == Router::Recorded => Err(Error::out_of_range(
                "router",
                name,
                "any other router, or open a file with chosen experts first",
            )),
            Some(_) if self.router.needs_tokens() => Err(Error::out_of_range(
                "router",
                name,
                "a router that needs only logits: the file has no embeddings or token ids",
            )),
            _ => Ok(()),
        }
    }

    fn check_sizes(&self) -> Result<()> {
        let pairs = self.tokens * self.batches * self.most_choices();
        if pairs > MAX_PAIRS {
            return Err(Error::out_of_range(
                "batches",
                self.batches,
                format!(
                    "tokens x batches x experts per token up to {MAX_PAIRS}, here {pairs}: at most {} batches",
                    MAX_PAIRS / (self.tokens * self.most_choices())
                ),
            ));
        }
        let whole = !self.router.is_local() || self.has_second_chance();
        if whole && self.tokens > MAX_WHOLE {
            return Err(Error::out_of_range(
                "tokens",
                self.tokens,
                format!("up to {MAX_WHOLE} where the whole batch decides"),
            ));
        }
        let (columns, what) = match self.router {
            Router::SoftMoe => (self.slots() as u64 * self.experts, "tokens x slots"),
            Router::TokenGraph => (self.tokens, "tokens x tokens"),
            _ => (0, ""),
        };
        if self.tokens * columns > MAX_TABLE {
            return Err(Error::out_of_range(
                "tokens",
                self.tokens,
                format!("{what} up to {MAX_TABLE}, here {}", self.tokens * columns),
            ));
        }
        Ok(())
    }
}
