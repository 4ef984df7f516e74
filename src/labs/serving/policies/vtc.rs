//! Virtual token counter: "Fairness in serving large language models" (arXiv 2401.00588,
//! repository Ying1123/VTC-artifact). Every user has a counter of the service received; the
//! waiting user with the lowest counter is admitted next.

use super::ordered::{self, Order};
use super::vllm_v1::retire;
use super::{Card, Feature, Policy};
use crate::labs::serving::engine::{Desk, Entry, Limits, Phase, Requests};

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

/// One user as the policy sees it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Account {
    counter: f64,
    waiting: u32,
}

/// Counters of the users.
#[derive(Debug, Clone)]
pub struct Vtc {
    input_weight: f64,
    output_weight: f64,
    accounts: Vec<Account>,
}

impl Vtc {
    /// Prompt tokens are charged with the first weight at admission, output tokens with the second
    /// as they come.
    pub fn new(input_weight: f64, output_weight: f64) -> Self {
        Self {
            input_weight,
            output_weight,
            accounts: Vec::new(),
        }
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
            .map(|(user, a)| (user, a.counter))
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
        let charge = self.input_weight * f64::from(requests.prompt[r as usize]);
        let account = self.account(requests.tags.user(r));
        account.waiting = account.waiting.saturating_sub(1);
        if !again {
            account.counter += charge;
        }
    }
}

impl Policy for Vtc {
    fn next(&mut self, desk: &mut Desk, requests: &mut Requests, limits: &Limits) {
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
        let account = self.account(user);
        if account.waiting == 0
            && let Some(lowest) = others
        {
            account.counter = account.counter.max(lowest);
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
                let weight = self.output_weight;
                self.account(requests.tags.user(entry.request)).counter += weight;
            }
        }
        retire(desk, requests, batch);
    }

    fn why(&self, desk: &Desk, requests: &Requests, _limits: &Limits, r: u32) -> Vec<String> {
        let user = requests.tags.user(r);
        let Some(own) = self.accounts.get(user as usize) else {
            return Vec::new();
        };
        let mut text = format!(
            "Fair share: user {user} has had service for {:.0} weighted tokens",
            own.counter
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
