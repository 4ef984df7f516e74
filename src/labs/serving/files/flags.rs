//! A config as start-up flags of serving engines.

use crate::labs::serving::config::{Config, Scheduler};

/// Flags of `vllm serve`, with a remark on what has no flag.
pub fn vllm_flags(config: &Config) -> String {
    let chunked = config.scheduler != Scheduler::Vllm;
    let budget = if chunked {
        config.chunk_size
    } else {
        config.max_tokens_in_batch
    };
    let mut out = vec![
        "vllm serve MODEL".to_owned(),
        format!("--max-num-batched-tokens {budget}"),
        format!("--max-num-seqs {}", config.batch_size_cap),
        format!("--block-size {}", config.block_size),
        format!("--max-model-len {}", config.max_tokens_per_sequence),
        if config.sizes_pool() {
            "--gpu-memory-utilization 0.9".to_owned()
        } else {
            format!("--num-gpu-blocks-override {}", config.num_blocks)
        },
    ];
    if chunked {
        out.push("--enable-chunked-prefill".to_owned());
    } else {
        out.push("--no-enable-chunked-prefill".to_owned());
    }
    if config.swaps() {
        out.push(format!(
            "--preemption-mode swap --swap-space {}",
            config.swap_gib
        ));
    }
    if config.tensor_parallel() > 1 {
        out.push(format!(
            "--tensor-parallel-size {}",
            config.tensor_parallel()
        ));
    }
    if config.stages() > 1 {
        out.push(format!("--pipeline-parallel-size {}", config.stages()));
    }
    lines(&out, config)
}

/// Flags of `python -m sglang.launch_server`.
pub fn sglang_flags(config: &Config) -> String {
    let mut out = vec![
        "python -m sglang.launch_server --model-path MODEL".to_owned(),
        format!(
            "--chunked-prefill-size {}",
            if config.scheduler == Scheduler::Vllm {
                config.max_tokens_in_batch
            } else {
                config.chunk_size
            }
        ),
        format!("--max-running-requests {}", config.batch_size_cap),
        format!("--page-size {}", config.block_size),
        format!("--context-length {}", config.max_tokens_per_sequence),
        format!("--schedule-policy {}", sglang_policy(config)),
    ];
    if config.sizes_pool() {
        out.push("--mem-fraction-static 0.9".to_owned());
    } else {
        out.push(format!("--max-total-tokens {}", config.pool_tokens()));
    }
    if config.scheduler == Scheduler::Sarathi {
        out.push("--enable-mixed-chunk".to_owned());
    }
    if config.tensor_parallel() > 1 {
        out.push(format!("--tp-size {}", config.tensor_parallel()));
    }
    if config.stages() > 1 {
        out.push(format!("--pp-size {}", config.stages()));
    }
    lines(&out, config)
}

fn sglang_policy(config: &Config) -> &'static str {
    if config.scheduler.name().starts_with("SGLang") {
        "lpm"
    } else {
        "fcfs"
    }
}

fn lines(flags: &[String], config: &Config) -> String {
    let mut out = flags.join(" \\\n  ");
    out.push('\n');
    let name = config.scheduler.name();
    if !name.starts_with("vLLM") && !name.starts_with("SGLang") {
        out.extend([
            "# ",
            name,
            " itself has no flag there: these are the nearest limits.\n",
        ]);
    }
    if config.replicas > 1 {
        let start = format!("# Start {} of these behind a router.\n", config.replicas);
        out.push_str(&start);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::labs::serving::config::Preemption;

    #[test]
    fn flags_carry_the_limits() {
        let config = Config {
            scheduler: Scheduler::VllmV1,
            chunk_size: 2048,
            batch_size_cap: 256,
            replicas: 2,
            ..Config::default()
        };
        let text = vllm_flags(&config);
        for flag in [
            "--max-num-batched-tokens 2048",
            "--max-num-seqs 256",
            "--block-size 16",
            "--num-gpu-blocks-override 3072",
            "Start 2",
        ] {
            assert!(text.contains(flag), "{flag} is not in {text}");
        }
        let text = sglang_flags(&config);
        assert!(text.contains("--chunked-prefill-size 2048"), "{text}");
        assert!(text.contains("--schedule-policy fcfs"), "{text}");
        let swapping = vllm_flags(&Config {
            scheduler: Scheduler::Vllm,
            preemption: Preemption::Swap,
            ..config.clone()
        });
        assert!(
            swapping.contains("--preemption-mode swap --swap-space 4"),
            "{swapping}"
        );
        let text = vllm_flags(&Config {
            scheduler: Scheduler::Sarathi,
            ..config
        });
        assert!(text.contains("no flag"), "{text}");
    }
}
