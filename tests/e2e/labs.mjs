// The five labs as the tests see them.
export const LABS = ["serving", "lr", "noise", "routing", "pruning"];

export const configs = (snapshot) => snapshot.setups.map((one) => one.setup);
export const results = (snapshot) => snapshot.setups.map((one) => one.results);
