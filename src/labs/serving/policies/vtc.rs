//! Virtual token counter: "Fairness in serving large language models" (arXiv 2401.00588,
//! repository Ying1123/VTC-artifact). Every user has a counter of the service received; the
//! waiting user with the lowest counter is admitted next.

use super::ordered::{self, Order};
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{Beside, CohortRule, Desk, Entry, Limits, Phase, Requests};

/// The registry's card.
pub(super) const CARD: Card = Card {
    name: "VTC (fair)",
    exhibit: "vtc",
    features: &[
        Feature::Budget,
        Feature::Fair,
        Feature::Allocation,
        Feature::PrefixCache,
    ],
    make: |config| Box::new(Vtc::new(config.vtc_input_weight, config.vtc_output_weight)),
};

/// One user as the policy sees it. Tokens are counted whole, so that it does not matter whether
/// they are charged one by one or together.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Account {
    /// The counter when the user was lifted last.
    lifted: f64,
    /// Prompt and output tokens since.
    input: u64,
    output: u64,
    waiting: u32,
}

/// Counters of the users.
#[derive(Debug, Clone)]
pub struct Vtc {
    input_weight: f64,
    output_weight: f64,
    accounts: Vec<Account>,
    /// Whether the cohort runs in the batch that is on its way.
    together: bool,
}

impl Vtc {
    /// Prompt tokens are charged with the first weight at admission, output tokens with the second
    /// as they come.
    pub fn new(input_weight: f64, output_weight: f64) -> Self {
        Self {
            input_weight,
            output_weight,
            accounts: Vec::new(),
            together: false,
        }
    }

    /// Service of a user in weighted tokens, with what it was lifted to.
    fn counter(&self, account: &Account) -> f64 {
        account.lifted
            + (self.input_weight * account.input as f64
                + self.output_weight * account.output as f64)
    }

    fn account(&mut self, user: u32) -> &mut Account {
        let i = user as usize;
        if i >= self.accounts.len() {
            self.accounts.resize(i + 1, Account::default());
        }
        &mut self.accounts[i]
    }

    /// The waiting user with the lowest counter.
    fn lowest(&self) -> Option<(usize, f64)> {
        (self.accounts.iter().enumerate())
            .filter(|(_, a)| a.waiting > 0)
            .map(|(user, a)| (user, self.counter(a)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Counts who waits anew: preempted requests came back.
    fn recount(&mut self, desk: &Desk, requests: &Requests) {
        for account in &mut self.accounts {
            account.waiting = 0;
        }
        for &r in &desk.queue {
            self.account(requests.tags.user(r)).waiting += 1;
        }
    }
}

impl Order for Vtc {
    /// Requests of one user stand by arrival.
    fn key(&self, _requests: &Requests, r: u32) -> f64 {
        f64::from(r)
    }

    fn pick(&self, desk: &Desk, requests: &Requests) -> Option<usize> {
        let (user, _) = self.lowest()?;
        desk.queue
            .iter()
            .position(|&r| requests.tags.user(r) as usize == user)
    }

    fn admitted(&mut self, requests: &Requests, r: u32) {
        let again = requests.restarts[r as usize] > 0;
        let prompt = u64::from(requests.prompt[r as usize]);
        let account = self.account(requests.tags.user(r));
        account.waiting = account.waiting.saturating_sub(1);
        if !again {
            account.input += prompt;
        }
    }
}

impl Policy for Vtc {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
        self.together = false;
        let before = desk.evictions;
        ordered::step(self, desk, requests, limits);
        if desk.evictions > before {
            self.recount(desk, requests);
        }
    }

    /// A user who becomes active is lifted to the lowest counter of the other active ones: being
    /// away earns no credit.
    fn arrived(&mut self, desk: &mut Desk, requests: &Requests, _limits: &Limits, r: u32) {
        let user = requests.tags.user(r);
        let others = self.lowest().map(|(_, counter)| counter);
        let own = *self.account(user);
        let behind = others.filter(|&lowest| self.counter(&own) < lowest);
        let account = self.account(user);
        if account.waiting == 0
            && let Some(lowest) = behind
        {
            (account.lifted, account.input, account.output) = (lowest, 0, 0);
        }
        account.waiting += 1;
        ordered::enqueue(self, desk, requests, r);
    }

    fn batch_end(
        &mut self,
        desk: &mut Desk,
        requests: &mut Requests,
        _limits: &Limits,
        batch: &[Entry],
    ) {
        for entry in batch {
            // A batch that ends gives a token to everyone whose prompt is done.
            if requests.phase[entry.request as usize] != Phase::Prefill {
                self.account(requests.tags.user(entry.request)).output += 1;
            }
        }
        if std::mem::take(&mut self.together) {
            for (user, count) in desk.cohort.by_user() {
                self.account(user).output += u64::from(count);
            }
        }
        retire(desk, requests, batch);
    }

    fn cohort(&self) -> Option<CohortRule> {
        Some(ordered::COHORT)
    }

    fn beside(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) -> Beside {
        let beside = ordered::beside(self, desk, requests, limits);
        self.together = beside == Beside::Formed;
        beside
    }

    fn why(&self, desk: &Desk, requests: &Requests, _limits: &Limits, r: u32) -> Vec<String> {
        let user = requests.tags.user(r);
        let Some(own) = self.accounts.get(user as usize) else {
            return Vec::new();
        };
        let mut text = format!(
            "Fair share: user {user} has had service for {:.0} weighted tokens",
            self.counter(own)
        );
        let ahead = (desk.queue.iter())
            .take_while(|&&q| q != r)
            .filter(|&&q| requests.tags.user(q) == user)
            .count();
        if desk.queue.contains(&r) {
            if let Some((first, counter)) = self.lowest()
                && first != user as usize
            {
                text = format!("{text}; user {first} has had less, {counter:.0}, and goes first");
            }
            if ahead > 0 {
                text = format!("{text}; {ahead} of its own requests are older");
            }
        }
        text.push('.');
        vec![text]
    }

    fn boxed(&self) -> Box<dyn Policy> {
        Box::new(self.clone())
    }
}
