"""Writes identity.md from the figures that the last ``make identity`` kept.

usage: python docs/make_identity.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from research.identity.calibrate import VIEWS
from research.report import tables, targets

DOCS = Path(__file__).resolve().parent
KEPT = DOCS / "identity.json"
PAGE = DOCS / "research" / "identity.md"

Json = dict[str, Any]
SECONDS = ("10", "15", "30", "60", "120")
STROKES = ("1", "5", "10", "20", "40")


def page(found: Json) -> str:
    """Return the page."""
    calibration, balabit, sapimouse = (
        found["model"]["calibration"],
        found["balabit"],
        found["sapimouse"],
    )
    rows = targets.of_identity(found)
    missed = sum(row[3] == "**not met**" for row in rows)
    head = ["figure", "target", "measured", "verdict"]
    return f"""# Identity: the owner of a profile, or somebody else?

Written by `docs/make_identity.py` from `docs/identity.json`, which `make identity` measures; nothing is
typed by hand. What is kept of users, and their rights: [Identity profiles](../identity-privacy.md).

Background model, version `{found["model"]["version"]}`: the 50 SapiMouse people who are not held out, each
visit as recorded, as one plain device would have recorded it (*same device*), and as one drawn at random
(*changed device*). A stroke is brought to 24 linear discriminants, then compared by a two-covariance
likelihood ratio (PLDA) with a level for the session. `python -m research train-identity` makes it again,
bit for bit with the library versions in its manifest.

Calibration and thresholds were set on background people alone. **The held-out people and Balabit are not
blind all the same**: their figures were looked at while the features were written, and for 12, 24 and 36
dimensions.

## Targets

{missed} of {
        len(rows)
    } are missed. There are no intervals: twenty and seven people are too few to prove any.

{_table(head, rows)}

## What the product makes of it

A profile learnt from one 3-minute visit, then one visit of a minute: batches, caps and thresholds are those
of the product. *High* means that a code is asked for. The first table is by {calibration["folds"]} folds of
background people, dealt {calibration["deals"]} times; calibration (slope {calibration["slope"]:.3f}, offset
{calibration["offset"]:.3f}) was fitted on the same trials, each by a model that has seen neither person.

{_outcome(calibration["outcome"])}

The people who are held out, with the model that ships:

{_outcome(found["product"])}

Owners on a changed device are asked much more often: the profile knows another mouse and screen. Strangers
who teach something moved like the owner for a stroke or more; a bound limits how far a batch moves a
profile. A device is known by its sampling rate alone.

## SapiMouse, held-out people

{sapimouse["people"]} people, all strokes taken together. Both visits of a person come from one computer and
one sitting: part of what is told apart is the machine. The trivial rule knows no movement, only sampling
rate and screen. Re-rendering gives everybody the same mouse and clock, but not the same screen: the model
is not shown its size, but how far movements reach. On few strokes the trivial rule is the better one.

{_moments(sapimouse["as_recorded"], sapimouse["re_rendered"], names=("as recorded", "re-rendered"))}

## Balabit challenge

{balabit["people"]} users over remote desktop; enrolled on their training sessions, judged on labelled test
sessions. *Cohort*: a model fitted to the training sessions of all these users, impostors included, and to
nobody else. *Never seen*: the model that ships. *Equal rates*: users 7 and 20 against each other, sessions
sampled at the same rate. The targets are those of the sessions as recorded:

{_challenge(balabit["as_recorded"])}

Re-rendered, a stroke may begin and end elsewhere: so the numbers of trials differ.

{_challenge(balabit["re_rendered"])}

By user, whole sessions, AUC (EER), cohort: as recorded {_users(balabit["as_recorded"])}; re-rendered
{_users(balabit["re_rendered"])}.

## What was tried

On folds of background people, uncalibrated. *Added*: what single strokes say, capped and summed, as the
product does. *Together*: the ratio of the mean of all strokes so far. AUC is at the end of the visit;
*ever above* is the share of other people who at any stroke exceed the level that 2 % of owners ever exceed:
that is when a code is asked for.

{_tried(found["tried"])}

Taking strokes together is the better verdict on a finished visit, and the worse alarm during one, on
people's own devices. So the product adds strokes.

Other methods, by the same kind of folds: [Identity compared](identity-compared.md).
"""


def _outcome(found: Json) -> str:
    head = ["view", "owners high", "other people high", "owners' strokes recognised", "others who teach"]
    rows = []
    for name in VIEWS:
        one = found[name]
        rows.append(
            [
                name.replace("_", " "),
                f"{one['owners_high']:.1%} of {one['owners']}",
                f"{one['others_high']:.1%} of {one['others']}",
                f"{one['owners_strokes_recognised']:.1%}",
                f"{one['others_who_teach']:.1%}",
            ]
        )
    return _table(head, rows)


def _challenge(found: Json) -> str:
    names = ("cohort", "never seen", "equal rates, cohort", "equal rates, never seen")
    parts = (found[name] for name in ("open_set", "equal_rates_cohort", "equal_rates"))
    return _moments(found, *parts, names=names)


def _moments(*found: Json, names: tuple[str, ...]) -> str:
    rows = []
    for name, one in zip(names, found, strict=True):
        cells = [one["by_seconds"][s] for s in SECONDS] + [one["by_strokes"][n] for n in STROKES]
        rows.append([name, *map(_auc, [*cells, _whole(one)])])
        rules = [_number(cell["baseline_auc"]) for cell in [*cells, one]]
        rows.append(["... trivial rule, AUC", *rules])
    head = ["AUC (EER)", *(f"{s} s" for s in SECONDS), *(f"{n} strokes" for n in STROKES), "all"]
    return _table(head, rows)


def _whole(found: Json) -> Json:
    return {"auc": found["global_auc"], "eer": found["eer"]}


def _users(found: Json) -> str:
    return ", ".join(f"{user} {_auc(one)}" for user, one in found["per_user"].items())


def _auc(one: Json) -> str:
    return "-" if one["auc"] is None else f"{one['auc']:.3f} ({one['eer']:.1%})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _tried(found: Json) -> str:
    head = ["dimensions", "view", "added: AUC", "ever above", "together: AUC", "ever above"]
    rows = []
    for dimensions, views in found.items():
        for name, one in views.items():
            cells = [
                f"{one[way][key]:.3f}"
                for way in ("added", "together")
                for key in ("auc_at_end", "others_ever_above")
            ]
            rows.append([dimensions, name.replace("_", " "), *cells])
    return _table(head, rows)


def _table(head: list[str], rows: list[list[str]]) -> str:
    return tables.markdown(tables.Table("", head, rows)).strip()


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(KEPT.read_text(encoding="utf-8"))), encoding="utf-8")
