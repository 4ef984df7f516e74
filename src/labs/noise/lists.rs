//! Published lists of noise levels: Align Your Steps (arXiv 2404.14507), Optimal Stepsize
//! Distillation (arXiv 2503.21774) and GITS (arXiv 2405.11326), as the reference tools ship them
//! (comfyanonymous/ComfyUI `comfy_extras`, diffusers `AysSchedules`).

/// A named list; descending.
pub type Named = (&'static str, &'static [f64]);

/// Align Your Steps: noise levels of ten steps, for Stable Diffusion 1.5, XL and Video.
pub static AYS_SIGMAS: &[Named] = &[
    (
        "SD15",
        &[
            14.6146412293,
            6.4745760956,
            3.8636745985,
            2.694615152,
            1.8841921177,
            1.3943805092,
            0.9642583904,
            0.6523686016,
            0.3977456272,
            0.1515232662,
            0.0291671582,
        ],
    ),
    (
        "SDXL",
        &[
            14.6146412293,
            6.3184485287,
            3.7681790315,
            2.1811480769,
            1.3405244945,
            0.8620721141,
            0.5550693289,
            0.3798540708,
            0.2332364134,
            0.1114188177,
            0.0291671582,
        ],
    ),
    (
        "SVD",
        &[
            700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.002,
        ],
    ),
];

/// Align Your Steps as training times; the list for video holds noise levels.
pub static AYS_TIMES: &[Named] = &[
    (
        "SD15",
        &[
            999.0, 850.0, 736.0, 645.0, 545.0, 455.0, 343.0, 233.0, 124.0, 24.0,
        ],
    ),
    (
        "SDXL",
        &[
            999.0, 845.0, 730.0, 587.0, 443.0, 310.0, 193.0, 116.0, 53.0, 13.0,
        ],
    ),
    (
        "SVD",
        &[
            700.0, 54.5, 15.886, 7.977, 4.248, 1.789, 0.981, 0.403, 0.173, 0.034, 0.0,
        ],
    ),
];

/// Optimal Stepsize Distillation: flow times.
pub static OSS: &[Named] = &[
    (
        "oss_flux10",
        &[
            0.9968, 0.9886, 0.9819, 0.975, 0.966, 0.9471, 0.9158, 0.8287, 0.5512, 0.2808, 0.001,
        ],
    ),
    (
        "oss_wan20",
        &[
            1.0, 0.997, 0.995, 0.993, 0.991, 0.989, 0.987, 0.985, 0.98, 0.975, 0.973, 0.968, 0.96,
            0.946, 0.927, 0.902, 0.864, 0.776, 0.539, 0.208, 0.001,
        ],
    ),
];

/// GITS: noise levels for Stable Diffusion 1.5, by coefficient and number of steps.
pub static GITS: &[Named] = &[
    (
        "0.80_4",
        &[14.61464119, 11.54541874, 7.49001646, 3.07277966, 0.02916753],
    ),
    (
        "1.00_10",
        &[
            14.61464119,
            11.54541874,
            7.49001646,
            5.85520077,
            4.45427561,
            3.07277966,
            1.98035145,
            1.24153244,
            0.72133851,
            0.34370604,
            0.02916753,
        ],
    ),
];

/// The list with this name.
pub fn named(lists: &'static [Named], name: &str) -> Option<&'static [f64]> {
    lists
        .iter()
        .find(|(n, _)| *n == name)
        .map(|(_, list)| *list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_published_list_falls() {
        for (name, list) in AYS_SIGMAS.iter().chain(AYS_TIMES).chain(OSS).chain(GITS) {
            assert!(list.windows(2).all(|w| w[0] > w[1]), "{name}");
        }
    }
}
