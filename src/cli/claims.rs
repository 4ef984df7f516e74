//! `schedlab claims`: the papers' claims, tested here.

use super::run::{float, number, pretty};
use super::{ClaimsArgs, OK, say};
use crate::core::{ClaimResult, Error, Result, finish};
use crate::labs::{Claim, Effort, Exhibit, LabKind, exhibit, exhibits};
use serde_json::{Value, json};

pub(super) fn claims(args: &ClaimsArgs) -> Result<u8> {
    let chosen = chosen(args)?;
    let effort = if args.full {
        Effort::Full
    } else {
        Effort::Quick
    };
    let mut report = Vec::new();
    for (exhibit, claim) in chosen {
        let result = if args.list {
            None
        } else {
            Some(finish(&mut *(claim.start)(effort))?)
        };
        if args.json {
            report.push(as_json(exhibit, claim, result.as_ref()));
        } else {
            say(&in_words(exhibit, claim, result.as_ref()));
        }
    }
    if args.json {
        say(&pretty(&Value::Array(report)));
    }
    Ok(OK)
}

fn chosen(args: &ClaimsArgs) -> Result<Vec<(&'static Exhibit, &'static Claim)>> {
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

fn in_words(exhibit: &Exhibit, claim: &Claim, result: Option<&ClaimResult>) -> String {
    let paper = format!("{} ({})", exhibit.paper.authors, exhibit.paper.year);
    let head = format!(
        "{} · {} · {paper}\n  claim       {}\n  experiment  {}\n",
        exhibit.id,
        exhibit.lab.id(),
        claim.statement,
        claim.experiment
    );
    let Some(r) = result else {
        return head;
    };
    let [low, high] = r.interval.map(number);
    format!(
        "{head}  measured    {}: {} {} (95 % interval {low} to {high}, {} seeds)\n  verdict     {}: {}\n",
        r.quantity,
        number(r.measured),
        r.unit,
        r.seeds.len(),
        r.verdict.words(),
        r.why
    )
}

fn as_json(exhibit: &Exhibit, claim: &Claim, result: Option<&ClaimResult>) -> Value {
    json!({
        "id": exhibit.id,
        "lab": exhibit.lab.id(),
        "title": exhibit.title,
        "statement": claim.statement,
        "experiment": claim.experiment,
        "result": result.map(|r| json!({
            "quantity": r.quantity,
            "unit": r.unit,
            "measured": float(r.measured),
            "interval": r.interval.map(float),
            "seeds": r.seeds,
            "verdict": r.verdict,
            "why": r.why,
        })),
    })
}
