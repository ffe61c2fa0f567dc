"""Rankings and their metrics the slow way, in plain Python: what the fast ones are compared with."""

import math


def ranking(scores, relevant=(), excluded=()):
    """Candidates best first; among equal scores what is not relevant goes first. No number, no place."""
    places = [c for c, s in enumerate(scores) if c not in excluded and not math.isnan(s) and s != -math.inf]
    return sorted(places, key=lambda c: (-scores[c], c in relevant, c))


def metrics(order, relevant, ks):
    """Metrics of a ranking, for the relevant candidates, some of which may be nowhere in it."""
    found = {}
    for k in ks:
        hits = [place for place, candidate in enumerate(order[:k], start=1) if candidate in relevant]
        ideal = sum(1 / math.log2(place + 1) for place in range(1, min(k, len(relevant)) + 1))
        found[f"recall@{k}"] = len(hits) / len(relevant)
        found[f"ndcg@{k}"] = sum(1 / math.log2(place + 1) for place in hits) / ideal
        found[f"hit_rate@{k}"] = float(bool(hits))
        found[f"map@{k}"] = sum((n + 1) / place for n, place in enumerate(hits)) / len(relevant)
    first = [place for place, candidate in enumerate(order, start=1) if candidate in relevant]
    found["mrr"] = 1 / first[0] if first else 0.0
    return found
