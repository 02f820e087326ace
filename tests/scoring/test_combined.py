"""The combined estimator on members whose readings are known."""

from random import Random

import numpy as np
import pytest
from doubles import Double

from ghn.analysis.correction import LEAST, Population, normal_ranks, trust_of, votes_of
from ghn.analysis.correlation import kendall
from ghn.errors import ConfigError
from ghn.graph.descriptors import VERSION
from ghn.graph.ir import GraphBuilder
from ghn.scoring.combined import Combined, Ensemble
from ghn.scoring.panel import LIVE_PARAMETERS, MULTIPLY_ADDS, SIZE, members_of, normal_scores, parts_of
from ghn.scoring.standard_features import StandardFeatures, every_kind
from ghn.spaces import NASBenchMacro
from ghn.spaces.members import live_stats
from ghn.types import Network, Score, Trial

WEIGHTS = {"good/value": 1.0, "good/loss": 1.0}


class Says(Double):
    """A member that says what a function says; losses are lower for the better."""

    def __init__(self, function):
        self.function = function

    def fit(self, history):
        pass

    def score(self, trials):
        out = []
        for trial in trials:
            value = self.function(trial.arch)
            failed = value is None
            out.append(Score.failed("no", 0.5) if failed else Score(value, 0.5, extra={"loss": -value}))
        return out


@pytest.fixture(scope="module")
def archs(toy_space):
    return Random(0).sample(toy_space.distinct(), 120)


@pytest.fixture(scope="module")
def truth(toy_space, archs):
    """More convolutions on the way are better, poolings worse: what the encoding can tell and no member says."""
    rng = Random(1)
    found = {}
    for arch in archs:
        e = toy_space.encode(arch)
        found[arch] = e["most_convs"] + 0.5 * e["empty_paths"] - e["mean_pools"] + 0.1 * rng.random()
    return found


def noisy(truth, size, seed=2):
    rng = Random(seed)
    return {arch: value + rng.gauss(0, size) for arch, value in truth.items()}


def trials(archs):
    return [Trial(str(i), arch) for i, arch in enumerate(archs)]


def order(estimator, archs, truth):
    return kendall([s.value for s in estimator.score(trials(archs))], [truth[a] for a in archs])


def make(space, truth, size=1.0, weights=WEIGHTS, **options):
    return Combined(space, {"good": Says(noisy(truth, size).get)}, weights, **options)


def test_readings_that_err_apart_are_better_together(toy_space, archs, truth):
    members = {str(i): Says(noisy(truth, 1.5, seed=i).get) for i in range(4)}
    single = [Combined(toy_space, members, {f"{i}/value": 1.0}) for i in range(4)]
    together = Combined(toy_space, members, {f"{i}/value": 1.0 for i in range(4)})
    assert order(together, archs, truth) > max(order(s, archs, truth) for s in single)


def test_what_many_say_alike_has_no_more_votes(toy_space, archs, truth):
    """Five copies of a bad reading beside a good one: nearly two votes to one, not five."""
    bad, good = noisy(truth, 6.0, seed=7), noisy(truth, 1.0)
    members = {"good": Says(good.get)} | {f"bad{i}": Says(bad.get) for i in range(5)}
    votes = Combined(toy_space, members, {f"{name}/value": 1.0 for name in members})
    usual = votes.population_of(votes.read(trials(archs)))
    equal = Combined(toy_space, members, votes.weights, population=Population(usual.quantiles))
    assert usual.votes["good/value"] == 1 and 1 < 5 * usual.votes["bad0/value"] < 2
    assert order(votes, archs, truth) > order(equal, archs, truth) + 0.05
    known = Combined(toy_space, members, votes.weights, population=usual)
    assert known.identity not in (votes.identity, equal.identity)
    assert order(known, archs, truth) == pytest.approx(order(votes, archs, truth))


def test_shares_rest_on_proportions_of_weights_and_never_turn_an_order(toy_space, archs, truth):
    members = {"good": Says(noisy(truth, 1.0).get)} | {f"alike{i}": Says(noisy(truth, 1.5).get) for i in range(3)}
    names = [f"{name}/value" for name in members]

    def votes(weights):
        panel = Combined(toy_space, members, dict(zip(names, weights, strict=True)))
        return list(panel.population_of(panel.read(trials(archs))).votes.values())

    assert votes([1, 1, 1, 1]) == pytest.approx(votes([100, 100, 100, 100]))
    against = Combined(toy_space, members, dict(zip(names, [1, -4, -4, -4], strict=True)))
    assert order(against, archs, truth) < -0.2
    nothing = Population({LIVE_PARAMETERS: [0.0, 1.0]}, {LIVE_PARAMETERS: 0.0, "other": 1.0})
    with pytest.raises(ConfigError, match="no reading a vote"):
        Combined(toy_space, {}, {LIVE_PARAMETERS: 1.0}, population=nothing)


def test_what_a_witness_does_not_confirm_has_no_vote(toy_space, archs, truth):
    """Losses of a bad training beside random weights that know something: hardly worse than without them."""
    names = ["random/value", *(f"loss{i}/value" for i in range(3))]

    def panel(losses, signs=(1, 1), random=noisy(truth, 1.0, seed=5), witness="random/value"):  # noqa: B008
        members = {"random": Says({a: signs[0] * v for a, v in random.items()}.get)}
        members |= {f"loss{i}": Says({a: signs[1] * v for a, v in losses(i).items()}.get) for i in range(3)}
        weights = dict(zip(names, [signs[0], *[signs[1]] * 3], strict=True))
        return Combined(toy_space, members, {LIVE_PARAMETERS: 1e-6, **weights}, witness=witness)

    def bad(i):
        return noisy(dict.fromkeys(truth, 0.0), 1.0, seed=i)

    def good(i):
        return noisy(truth, 1.0, seed=i)

    trusting, asking = panel(bad, witness=None), panel(bad)
    assert order(asking, archs, truth) > order(trusting, archs, truth) + 0.1
    assert order(asking, archs, truth) == pytest.approx(order(panel(bad, (-1, 1)), archs, truth))  # a loss is one too
    assert order(panel(good), archs, truth) == pytest.approx(order(panel(good, witness=None), archs, truth), abs=0.02)
    silent = panel(good, random=dict.fromkeys(truth, 1.0))
    assert silent.population_of(silent.read(trials(archs))).votes["loss0/value"] > 0.5
    assert asking.identity != trusting.identity
    with pytest.raises(ConfigError, match="unknown witness"):
        panel(good, witness="loss0/other")


@pytest.mark.parametrize("sign", [1, -1])
def test_what_counts_is_no_witness_of_counts(toy_space, archs, sign):
    """Of two whose mean votes one knows what is good and one is size again: by their mean size would confirm itself."""
    quality = noisy(dict.fromkeys(archs, 0.0), 1.0, seed=7)
    random, counting = (
        {a: sign * says(a) for a in archs} for says in (quality.get, lambda a: live_stats(toy_space, a).params)
    )
    members = {"random": Says(random.get), "counting": Says(counting.get), "loss": Says(noisy(quality, 0.5).get)}
    weights = {LIVE_PARAMETERS: 1.0, (both := "random/value+counting/value"): sign, "loss/value": 1.0}

    def votes(witness):
        panel = Combined(toy_space, members, weights, witness=witness)
        found = panel.population_of(panel.read(trials(archs))).votes
        return found[LIVE_PARAMETERS], found["loss/value"]

    (size, loss), (confirmed, _) = votes("random/value"), votes(both)
    assert size == pytest.approx(confirmed / 2, rel=0.01) and confirmed > 0.5 and loss > 0.5
    assert Combined(toy_space, members, weights, witness="random/value").options([LIVE_PARAMETERS, both])["witness"]
    members["random"] = Says(lambda arch: float(arch == archs[0]))  # says the same of all but one
    assert votes("random/value") == votes(both)
    with pytest.raises(ConfigError, match=r"no such witness(?s:.*)one reading of the sum"):
        Combined(toy_space, members, weights | {"random/value+loss/value": 1.0}, witness="random/value")


@pytest.mark.parametrize(("losses", "tells", "votes"), [(1.0, True, True), (1.0, False, False), (50.0, True, False)])
def test_losses_confirm_further_readings_where_they_are_confirmed(toy_space, archs, truth, losses, tells, votes):
    """A further reading that tells, or not, beside losses that know something, or not; some candidates lack it."""
    more = noisy(truth if tells else dict.fromkeys(truth, 0.0), 1.0, seed=8)
    lacks = archs[:10]
    members = {"random": Says(noisy(truth, 1.0, seed=5).get), "loss": Says(noisy(truth, losses, seed=6).get)}
    members["more"] = Says(lambda arch: None if arch in lacks else more[arch])
    weights = {LIVE_PARAMETERS: 1.0, **{f"{name}/value": 1.0 for name in members}}
    how = {"witness": "random/value", "further": ["more/value"]}
    panel = Combined(toy_space, members, weights, **how)
    usual = panel.population_of(panel.read(trials(archs)))
    assert (usual.votes["more/value"] > 0.3) is votes and (usual.votes["more/value"] < 0.1) is not votes
    assert all(score.ok for score in panel.score(trials(archs)))
    fewer = Population({n: q for n, q in usual.quantiles.items() if n != "more/value"}, usual.votes)
    known = Combined(toy_space, members, weights, population=fewer, **how)
    assert all(score.ok for score in known.score(trials(lacks)))
    without = {name: weight for name, weight in weights.items() if name != "more/value"}
    alone = Combined(toy_space, members, without, witness="random/value")
    gain = order(panel, archs, truth) - order(alone, archs, truth)
    assert gain > 0.02 if votes else abs(gain) < 0.02
    with pytest.raises(ConfigError, match="further reading"):
        Combined(toy_space, members, without, witness="random/value", further=["more/value"])
    with pytest.raises(ConfigError, match=r"no such witness(?s:.*)no further one"):
        Combined(toy_space, members, weights, witness="random/value", further=["random/value"])


def test_votes_are_shared_among_what_is_trusted(toy_space, archs, truth):
    """Votes of every kind, against those that their scores are worth."""
    names = ["random/value", "loss0/value", "loss1/value", "more/value", "less/value"]
    members = {name.partition("/")[0]: Says(noisy(truth, 1.0 + k, seed=k).get) for k, name in enumerate(names)}
    weights = {LIVE_PARAMETERS: 1.0, **dict.fromkeys(names, 1.0)}
    panel = Combined(toy_space, members, weights, witness="random/value", further=names[3:])
    read = panel.read(trials(archs))
    usual = panel.population_of(read)
    size, random, *losses, more, less = normal_scores(usual, read, list(weights)).T
    counts, generated, late = trust_of(random, size, np.mean(losses, axis=0), [more, less])
    assert 0.05 < counts < 0.95 and generated > 0.3 and min(late) < 0.95
    ways, before = [one[:, None] for one in (size, random, *losses, more, less)], np.array([1, 1, 1, 1, *late])
    expected = votes_of(ways, before) * before * [counts, 1, generated, generated, 1, 1]
    assert list(usual.votes.values()) == pytest.approx(expected)


def test_another_of_its_kind(toy_space, archs, truth):
    """Over fewer weights it keeps of its options what these ask; without the witness nobody is confirmed."""
    names = ["random/value", "loss/value", "more/value"]
    members = {name.partition("/")[0]: Says(truth.get) for name in names}
    kinds = every_kind(toy_space)
    how = {"features": kinds, "slopes": names[1:], "witness": names[0], "further": names[2:]}
    panel = Combined(toy_space, members, dict.fromkeys(names, 1.0), **how)
    assert panel.options(names) == how
    assert panel.options(names[:2]) == {**how, "slopes": names[1:2], "further": []}
    fewer = Combined(toy_space, members, dict.fromkeys(names[1:], 1.0), **panel.options(names[1:]))
    assert (fewer.witness, fewer.further, fewer.slopes) == (None, (), names[1:])


def test_size_is_parameters_and_multiply_adds():
    macro = NASBenchMacro((3, 16, 16), 10, width=4)
    archs = [macro.sample(Random(i)) for i in range(60)]
    estimator = Combined(macro, {}, {SIZE: 1.0})
    scores = estimator.score(trials(archs))
    stats = [live_stats(macro, arch) for arch in archs]
    assert [s.extra[MULTIPLY_ADDS] for s in scores] == [one.macs for one in stats]
    params, macs = (normal_ranks(np.array([float(getattr(one, name)) for one in stats])) for name in ("params", "macs"))
    assert kendall([s.value for s in scores], (params + macs).tolist()) > 0.95 > kendall(params, macs)
    usual = estimator.population_of(estimator.read(trials(archs)))
    former = Population({LIVE_PARAMETERS: usual.quantiles[LIVE_PARAMETERS]})  # of a card of before
    read = estimator.read(trials(archs))
    for one in read[:9]:
        one.values.pop(MULTIPLY_ADDS)  # as what was read before has them
    estimator.population = usual
    assert np.ptp(estimator.normal_scores(read[:9])) > 0.5
    values = [s.value for s in Combined(macro, {}, {SIZE: 1.0}, population=former).score(trials(archs))]
    assert kendall(values, params) > 0.99
    for one in (read := estimator.read(trials(archs))):
        one.values.pop(MULTIPLY_ADDS)
    assert list(estimator.population_of(read).quantiles) == [LIVE_PARAMETERS]
    alone = Combined(macro, {}, {LIVE_PARAMETERS: 1.0})
    assert kendall([s.value for s in alone.score(trials(archs))], params) > 0.99
    assert alone.identity["form"] == 2  # files of before, in which it was the mean, are not gone on with


def test_a_plus_in_a_name_is_part_of_it(toy_space, archs, truth):
    says = Says(lambda arch: truth[arch])
    assert order(Ensemble(toy_space, {"a+b": says, "c": says}), archs, truth) > 0.99
    assert order(Combined(toy_space, {"a+b": says}, {"a+b/value": 1.0}), archs, truth) > 0.99
    assert parts_of("a+b/value") == ["a+b/value"] and members_of("a+b/value") == {"a+b"}
    assert members_of("a/value+b/value") == {"a", "b"}


def test_references_make_it_better_and_surer(toy_space, archs, truth):
    test, known = archs[:60], archs[60:]
    plain, taught = make(toy_space, truth), make(toy_space, truth)
    taught.fit([(t, Score(truth[t.arch])) for t in trials(known)])
    assert order(taught, test, truth) > order(plain, test, truth) + 0.1
    before, after = plain.score(trials(test)), taught.score(trials(test))
    assert len({s.std for s in before}) == 1 and len({s.std for s in after}) > 10
    assert np.quantile([s.std for s in after], 0.9) < before[0].std  # but for what is unlike all that was given
    taught.fit([])  # forgets them
    assert {s.std for s in taught.score(trials(test))} == {before[0].std}
    assert order(taught, test, truth) == pytest.approx(order(plain, test, truth), abs=0.01)


def test_any_network_can_be_learnt_by_its_graph(toy_space, archs, truth):
    test, known = archs[:60], archs[60:]
    plain, taught = make(toy_space, truth), make(toy_space, truth, features=[StandardFeatures(toy_space, "graph")])
    taught.fit([(t, Score(truth[t.arch])) for t in trials(known)])
    assert order(taught, test, truth) > order(plain, test, truth) + 0.05
    assert taught.identity["features"] == [{"features": VERSION}]
    assert make(toy_space, truth).identity["features"] == [{}, {"features": VERSION}]


@pytest.mark.parametrize("features", ["space", "graph", None])
def test_a_network_beside_members_changes_nothing_for_them(toy_space, archs, truth, features):
    """It is judged by its graph, as it is alone; a far larger one than any of the space stays within bounds."""
    b = GraphBuilder((3, 8, 8))
    x = b.input
    for i in range(40):
        x = b.add("conv", x, name=f"conv{i}", out=32, kernel=3, padding=1)
    large = Network.of(b.build(b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=4)))
    kinds = [StandardFeatures(toy_space, features)] if features else None
    says = {**truth, **{toy_space.network(arch): truth[arch] for arch in archs[:3]}, large: 0.0}
    judge = Combined(toy_space, {"good": Says(lambda arch: says[arch])}, WEIGHTS, features=kinds)
    judge.population = judge.population_of(judge.read(trials(archs)))
    judge.fit([(t, Score(truth[t.arch])) for t in trials(archs[80:])])
    members, networks = archs[:70], [one for one in says if isinstance(one, Network)]
    alone = [score.value for part in (members, networks) for score in judge.score(trials(part))]
    mixed = judge.score(trials([*networks, *members]))
    assert [score.value for score in [*mixed[4:], *mixed[:4]]] == pytest.approx(alone)
    assert abs(mixed[3].value) < 4
    if features == "graph":
        assert alone[70:73] == pytest.approx(alone[:3])


def test_which_features_there_are(toy_space):
    bare, rng = Bare(toy_space), Random(5)
    archs = [toy_space.sample(rng) for _ in range(200)]
    assert StandardFeatures(toy_space).kind == "space" and StandardFeatures(bare).kind == "graph"
    with pytest.raises(ConfigError, match="no features of its own"):
        StandardFeatures(bare, "space")
    with pytest.raises(ConfigError, match=r"space \| graph"):
        StandardFeatures(toy_space, "paths")
    rows = StandardFeatures(bare)(archs)
    assert np.isfinite(rows).all()
    assert np.abs(rows.mean(0)).max() < 0.3 and np.median(rows.std(0)) == pytest.approx(1, abs=0.2)
    networks = StandardFeatures(bare)([toy_space.network(arch) for arch in archs[:5]])
    np.testing.assert_array_equal(networks, rows[:5])


class Bare:
    """The toy space without features of its own; one in ten members has no network."""

    name = "bare"

    def __init__(self, space):
        self.inner, self.drawn = space, 0

    def sample(self, rng):
        self.drawn += 1
        return "no cell" if self.drawn % 10 == 0 else self.inner.sample(rng)

    def parse(self, text):
        return self.inner.parse(text)

    def canonical(self, arch):
        return self.inner.canonical(arch)

    def network(self, arch):
        return self.inner.network(arch)


def test_a_score_depends_on_the_population_and_not_on_the_company(toy_space, archs, truth):
    readings = np.array(list(noisy(truth, 1.0).values()))
    population = Population.of({"good/value": readings, "good/loss": readings})
    fixed = make(toy_space, truth, population=population)
    whole = fixed.score(trials(archs))
    assert [s.value for s in whole[:3]] == pytest.approx([s.value for s in fixed.score(trials(archs[:3]))])
    assert [t.id for t, _ in fixed.stream(trials(archs))] == [str(i) for i in range(len(archs))]
    own = make(toy_space, truth).score(trials(archs))  # these architectures are the population
    assert [s.value for s in own] == pytest.approx([s.value for s in whole])


def test_failures_say_which_member_and_leave_the_others_alone(toy_space, archs, truth):
    says = noisy(truth, 1.0)
    broken = {**says, archs[3]: None}
    scores = Combined(toy_space, {"good": Says(broken.get)}, WEIGHTS).score(trials(archs))
    assert [s.ok for s in scores] == [i != 3 for i in range(len(archs))]
    assert scores[3].error == "good: no" and scores[0].cost_seconds == 0.5


def test_nothing_is_kept_from_one_call_to_the_next(toy_space, archs, truth):
    """The candidates of a call are the population of that call: scored again, or after others, they score the same."""
    says = {str(i): Says(noisy(truth, 1.0, seed=i).get) for i in range(2)}
    makers = [lambda: make(toy_space, truth), lambda: Ensemble(toy_space, says)]
    for new in makers:
        used, asked = new(), trials(archs[60:])
        expected = [s.value for s in new().score(asked)]
        used.score(trials(sorted(archs, key=truth.get)[:60]))  # others, and bad ones
        assert used.population is None and used.together
        assert [s.value for s in used.score(asked)] == expected == [s.value for s in used.score(asked)]


def test_a_settled_ensemble_judges_each_alone(toy_space, archs, truth):
    everyone = noisy(dict.fromkeys(toy_space.distinct(), 0.0), 1.0)
    ensemble = Ensemble(toy_space, {"a": Says(everyone.get)})
    settled = ensemble.settled(40, progress=False)
    assert ensemble.together and not settled.together
    whole = settled.score(trials(archs))
    assert [s.value for s in whole[:2]] == [s.value for s in settled.score(trials(archs[:2]))]
    assert all(s.std is None for s in whole)  # nothing tells how wrong it is
    settled.fit([(t, Score(everyone[t.arch])) for t in trials(archs[:30])])
    assert all(s.std for s in settled.score(trials(archs[30:])))
    assert settled.identity != ensemble.identity


def test_when_too_few_can_be_read_their_own_reasons_are_named(toy_space, archs, truth):
    broken = dict.fromkeys(archs)
    with pytest.raises(ConfigError, match=r"too few networks could be read[\s\S]*0 of 40; 40 failed: good: no"):
        Combined(toy_space, {"good": Says(broken.get)}, WEIGHTS).score(trials(archs[:40]))
    with pytest.raises(ConfigError, match=r"could be read[\s\S]*failed: a: no"):
        Ensemble(toy_space, {"a": Says(broken.get)}).settled(24, progress=False)
    judge = Combined(toy_space, {"good": Says({**truth, **dict.fromkeys(archs[:8])}.get)}, WEIGHTS)
    judge.fit([(t, Score(0.1)) for t in trials(archs[:8])])
    with pytest.raises(ConfigError, match=r"references could be read[\s\S]*0 of 8: good: no"):
        judge.score(trials(archs[8:]))


def test_what_has_no_vote_may_be_missing_and_references_find_it(toy_space, archs, truth):
    """A reading of weight 0 that knows everything: of use with references alone, and no failure where it lacks."""
    truth = dict(zip(archs, np.random.default_rng(0).normal(size=len(archs)).tolist(), strict=True))  # no feature knows
    guess, weights = noisy(truth, 3.0), {"bad/value": 1.0, "good/value": 0.0}
    members = {"bad": Says(guess.get), "good": Says(truth.get)}
    alone = Combined(toy_space, {"bad": members["bad"]}, {"bad/value": 1.0})
    made = Combined(toy_space, members, weights, slopes=list(weights))
    test, known = archs[40:], trials(archs[:40])
    values = [[s.value for s in one.score(trials(test))] for one in (alone, made)]
    assert values[0] == values[1]
    for one in (alone, made):
        one.fit([(t, Score(truth[t.arch])) for t in known])
    assert order(made, test, truth) > order(alone, test, truth) + 0.05
    lacking = Combined(toy_space, {**members, "good": Says({**truth, **dict.fromkeys(test[:30])}.get)}, weights)
    lacking.fit([(t, Score(truth[t.arch])) for t in known])
    scores = lacking.score(trials(test))
    assert all(s.ok for s in scores) and "good/value" not in scores[0].extra and "good/value" in scores[-1].extra
    never = Combined(toy_space, {**members, "good": Says(lambda arch: None)}, weights)
    assert [s.value for s in never.score(trials(test))] == values[0]
    assert "good/value" not in never.population_of(never.read(trials(test))).quantiles


def test_size_alone_needs_no_member(toy_space, archs):
    sized = Combined(toy_space, {}, {LIVE_PARAMETERS: 1.0}).score(trials(archs))
    values = np.array([s.value for s in sized])
    params = np.array([s.extra[LIVE_PARAMETERS] for s in sized])
    assert kendall(values, params) == pytest.approx(1.0, abs=0.02)


def test_what_cannot_be_combined_is_refused(toy_space, archs, truth):
    with pytest.raises(ConfigError, match="nobody/value"):
        make(toy_space, truth, weights={"nobody/value": 1.0})
    with pytest.raises(ConfigError, match="weights"):
        make(toy_space, truth, weights={"good/value": 0.0})
    with pytest.raises(ConfigError, match="too few references"):
        make(toy_space, truth).fit([(t, Score(0.5)) for t in trials(archs[:4])])
    with pytest.raises(ConfigError, match="too few networks"):
        make(toy_space, truth).score(trials(archs[: LEAST - 1]))
    with pytest.raises(ConfigError, match="lacks"):
        make(toy_space, truth, population=Population({"good/value": [0, 1]}))
    score = Combined(toy_space, {"good": Says(truth.get)}, {"good/gain": 1.0}).read(trials(archs[:1]))[0]
    assert "good/gain" in score.error


def test_normal_scores_put_ties_in_the_middle():
    usual = Population({"x": [0.0, 0.0, 0.0, 1.0, 2.0]})
    low, one, high, beyond = usual.normal_scores("x", np.array([0.0, 1.0, 2.0, 9.0]))
    assert low == pytest.approx(-0.674, abs=1e-3) and one == pytest.approx(0.674, abs=1e-3)
    assert high == beyond == pytest.approx(3.09, abs=1e-2)
    assert Population(usual.describe()).describe() == usual.describe()
    for bad in ([2.0, 1.0], [1.0], [0.0, float("nan")], [[0.0], [1.0]]):
        with pytest.raises(ConfigError, match="rising"):
            Population({"x": bad})
