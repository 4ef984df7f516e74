//! `schedlab claims`: the papers' claims, tested here.

use super::run::{number, pretty};
use super::{ClaimsArgs, OK, complain, files, say};
use crate::core::{ClaimResult, Error, Result, finish};
use crate::labs::{
    Claim, Effort, Exhibit, LabKind, StoredClaim, evidence, exhibit, exhibits, parse_stored,
    stored_claim,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

type Chosen = (&'static Exhibit, &'static Claim);

/// A result and the words on where it comes from.
struct Found {
    result: ClaimResult,
    origin: String,
}

pub(super) fn claims(args: &ClaimsArgs) -> Result<u8> {
    let chosen = chosen(args)?;
    let effort = if args.full {
        Effort::Full
    } else {
        Effort::Quick
    };
    if let Some(folder) = &args.data {
        provide(folder)?;
    }
    let mut report = Vec::new();
    let mut show = |(exhibit, claim): Chosen, found: Option<&Found>| {
        if args.json {
            report.push(as_json(exhibit, claim, found));
        } else {
            say(&in_words(exhibit, claim, found));
        }
    };
    if args.list {
        for &(exhibit, claim) in &chosen {
            let found = stored_claim(exhibit.id).map(|stored| Found {
                result: stored.result.clone(),
                origin: format!("version {}, {}", stored.version, stored.run_on),
            });
            show((exhibit, claim), found.as_ref());
        }
    } else {
        let results = run_all(&chosen, effort)?;
        if let Some(path) = &args.store {
            store(path, &chosen, &results, effort)?;
        }
        for (at, result) in chosen.iter().zip(results) {
            let found = Found {
                result,
                origin: "run now".to_owned(),
            };
            show(*at, Some(&found));
        }
    }
    if args.json {
        say(&pretty(&Value::Array(report)));
    }
    Ok(OK)
}

/// Hands the CSV files of a folder's subfolders to the experiments.
fn provide(folder: &Path) -> Result<()> {
    for lab in LabKind::ALL {
        let inner = folder.join(lab.id());
        let Ok(entries) = inner.read_dir() else {
            continue;
        };
        for path in entries.flatten().map(|e| e.path()) {
            if path.extension().is_some_and(|e| e == "csv")
                && let Some(name) = path.file_name().and_then(|n| n.to_str())
            {
                evidence::provide(&format!("{}/{name}", lab.id()), &files::text(&path)?);
            }
        }
    }
    Ok(())
}

fn chosen(args: &ClaimsArgs) -> Result<Vec<Chosen>> {
    let lab = match &args.lab {
        None => None,
        Some(id) => Some(LabKind::from_id(id).ok_or_else(|| {
            let known: Vec<_> = LabKind::ALL.iter().map(|l| l.id()).collect();
            Error::out_of_range("lab", id, known.join(", "))
        })?),
    };
    if let Some(id) = &args.id {
        let found = exhibit(id)
            .ok_or_else(|| Error::malformed("id", format!("there is no exhibit {id:?}")))?;
        if found.claim.is_none() {
            return Err(Error::Unsupported(format!("a claim of {id}")));
        }
    }
    Ok(exhibits()
        .filter(|e| lab.is_none_or(|lab| e.lab == lab))
        .filter(|e| args.id.as_deref().is_none_or(|id| e.id == id))
        .filter_map(|e| Some((e, e.claim.as_ref()?)))
        .collect())
}

/// Runs the experiments on all cores, each on one; says on the standard error which are done.
fn run_all(chosen: &[Chosen], effort: Effort) -> Result<Vec<ClaimResult>> {
    let next = AtomicUsize::new(0);
    let found = Mutex::new(BTreeMap::new());
    let workers = std::thread::available_parallelism()
        .map_or(1, usize::from)
        .min(chosen.len());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    let Some((exhibit, claim)) = chosen.get(i) else {
                        break;
                    };
                    let start = now();
                    let result = finish(&mut *(claim.start)(effort));
                    if chosen.len() > 1 {
                        let secs = now().duration_since(start).unwrap_or_default();
                        let secs = secs.as_secs_f64();
                        complain(&format!("{} {secs:.1} s", exhibit.id));
                    }
                    if let Ok(mut found) = found.lock() {
                        found.insert(i, result);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_default();
    found.into_values().collect()
}

/// Replaces the results of the chosen claims in a file of stored results.
fn store(path: &Path, chosen: &[Chosen], results: &[ClaimResult], effort: Effort) -> Result<()> {
    let mut kept = if path.exists() {
        parse_stored(&files::text(path)?).map_err(|e| files::named(path, e))?
    } else {
        Vec::new()
    };
    kept.retain(|old| chosen.iter().all(|(e, _)| e.id != old.id));
    kept.extend(
        chosen
            .iter()
            .zip(results)
            .map(|((e, _), result)| StoredClaim {
                id: e.id.to_owned(),
                effort,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                run_on: today(),
                result: result.clone(),
            }),
    );
    let place = |id: &str| exhibits().position(|e| e.id == id);
    kept.retain(|c| place(&c.id).is_some());
    kept.sort_by_key(|c| place(&c.id));
    for claim in &mut kept {
        claim.result = claim.result.clone().in_six_digits();
    }
    files::write(path, &pretty(&json!(kept)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "native only; the clock says when a result was found, never what it is"
)]
fn now() -> SystemTime {
    SystemTime::now()
}

/// The day, as `2026-11-22` (UTC).
fn today() -> String {
    let secs = now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |d| d.as_secs());
    let [year, month, day] = civil_from_days((secs / 86_400) as i64);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Year, month and day of a number of days after 1970-01-01, in the Gregorian calendar. Counts in
/// years that begin with March, as in Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil_from_days(days: i64) -> [i64; 3] {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + 400 * era + i64::from(month <= 2);
    [year, month, day_of_year - (153 * shifted + 2) / 5 + 1]
}

fn in_words(exhibit: &Exhibit, claim: &Claim, found: Option<&Found>) -> String {
    let paper = format!("{} ({})", exhibit.paper.authors, exhibit.paper.year);
    let head = format!(
        "{} · {} · {paper}\n  claim       {}\n  experiment  {}\n",
        exhibit.id,
        exhibit.lab.id(),
        claim.statement,
        claim.experiment
    );
    let Some(Found { result: r, origin }) = found else {
        return format!("{head}  measured    no stored result\n");
    };
    let [low, high] = r.interval.map(number);
    format!(
        "{head}  measured    {}: {} {} (95 % interval {low} to {high}, {} seeds; {origin})\n  verdict     {}: {}\n",
        r.quantity,
        number(r.measured),
        r.unit,
        r.seeds.len(),
        r.verdict.words(),
        r.why
    )
}

fn as_json(exhibit: &Exhibit, claim: &Claim, found: Option<&Found>) -> Value {
    json!({
        "id": exhibit.id,
        "lab": exhibit.lab.id(),
        "title": exhibit.title,
        "statement": claim.statement,
        "experiment": claim.experiment,
        "result": found.map(|f| &f.result),
        "origin": found.map(|f| &f.origin),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil_from_days(0), [1970, 1, 1]);
        assert_eq!(civil_from_days(59), [1970, 3, 1]);
        assert_eq!(civil_from_days(11_016), [2000, 2, 29]);
        assert_eq!(civil_from_days(20_779), [2026, 11, 22]);
    }

    #[test]
    fn storing_replaces_what_ran_and_keeps_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("claims.json");
        let all: Vec<Chosen> = exhibits()
            .filter_map(|e| Some((e, e.claim.as_ref()?)))
            .take(2)
            .collect();
        let result = |measured| ClaimResult {
            quantity: "ratio".to_owned(),
            unit: "×".to_owned(),
            measured,
            interval: [0.0, f64::INFINITY],
            seeds: vec![1],
            verdict: crate::core::Verdict::Partly,
            why: String::new(),
        };
        store(&path, &all[1..], &[result(1.0)], Effort::Quick).unwrap();
        store(&path, &all[..1], &[result(2.0)], Effort::Full).unwrap();
        store(&path, &all[1..], &[result(3.0)], Effort::Quick).unwrap();
        let stored = parse_stored(&files::text(&path).unwrap()).unwrap();
        let measured: Vec<f64> = stored.iter().map(|c| c.result.measured).collect();
        assert_eq!(measured, [2.0, 3.0], "in the order of the registry");
    }
}
