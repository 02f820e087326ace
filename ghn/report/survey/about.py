"""What each estimator is, in two sentences, and when it is worth using; no figures, which a survey has to measure."""

from __future__ import annotations

from dataclasses import dataclass

HYPERNETWORK, SHARED, ZERO_COST = "hypernetwork", "shared weights", "zero cost"
SHORT, REGRESSION, SEVERAL, ELSEWHERE = "short training", "regression", "several together", "from elsewhere"
FAMILIES = (HYPERNETWORK, SHARED, ZERO_COST, SHORT, REGRESSION, SEVERAL, ELSEWHERE)


@dataclass(frozen=True, slots=True)
class About:
    """An estimator in words.

    Attributes:
        family: one of `FAMILIES`; pictures tell them apart by marker.
        what: it is, two sentences.
        when: it is worth using, one sentence.
        needs: trained networks whose training its cost leaves out, as a noun; None where it needs none.
    """

    family: str
    what: str
    when: str
    needs: str | None = None


_LABELLED = "one labelled batch, one backward pass and random weights"
_FINISHED = "the learning curves of networks that were trained to the end"

ABOUT: dict[str, About] = {
    "ghn": About(
        HYPERNETWORK,
        "A graph hypernetwork is trained once and then emits all weights of any network of the space. A candidate is "
        "judged by how well it does on validation images with these weights.",
        "Worth it when many candidates of one space and task are to be judged and one training is affordable, or "
        "when a trained checkpoint exists already.",
    ),
    "combined": About(
        SEVERAL,
        "The normal scores of three readings are added: loss with generated weights in several skeletons, MeCo, and "
        "live parameters. No trained accuracy is in it; weights of the sum are fixed.",
        "Worth it where a hypernetwork exists and the full skeleton can be run once for every candidate.",
    ),
    "ensemble": About(
        SEVERAL,
        "The mean normal score of other estimators, over the candidates that are judged together. It learns nothing "
        "and costs what its members cost.",
        "Worth it where members are about equally good and err differently.",
    ),
    "meco": About(
        ZERO_COST,
        "The least eigenvalue of the correlation between channels, summed over ReLU outputs of a network with random "
        "weights. It is high where channels say different things about an image.",
        "Worth it where nothing may be trained and a forward pass is affordable.",
    ),
    "swap": About(
        ZERO_COST,
        "The number of different patterns in which the units of a network with random weights fire over a few "
        "images. It needs neither labels nor gradients.",
        "Worth it where nothing may be trained and a forward pass is affordable.",
    ),
    "params": About(
        ZERO_COST,
        "The number of weights on paths from input to output. It looks at no image and at no weight.",
        "Always worth having as the bar: what orders no better than this needs a reason to be run.",
    ),
    "flops": About(
        ZERO_COST,
        "The number of multiply-adds for one image. It looks at no image and at no weight.",
        "Worth having as a second bar beside parameters, in spaces where weights are reused at several resolutions.",
    ),
    "synflow": About(
        ZERO_COST,
        "The sum of weight times gradient when an image of ones flows through the network with all weights made "
        "positive. It measures how much flow a network lets through, and needs no data.",
        "Worth it where there are no data yet, or to look beyond a mere count of parameters at almost no cost.",
    ),
    "naswot": About(
        ZERO_COST,
        "The log-determinant of a kernel that compares which ReLUs fire for which images. It is high where a network "
        "with random weights tells images apart.",
        "Worth it where a batch of images but no label and no training is at hand.",
    ),
    "jacob_cov": About(
        ZERO_COST,
        "How little the Jacobians of different images correlate, in a network with random weights. It needs one "
        "backward pass, but no label.",
        "Worth trying beside others that look at something else; seldom alone.",
    ),
    "zen": About(
        ZERO_COST,
        "How far the features of a network with Gaussian weights move when Gaussian images are disturbed, corrected "
        "for normalisation. It measures how complicated the functions are that a network can express.",
        "Worth it in spaces of plain convolutional networks, for which it was made; poolings and skips are foreign "
        "to it.",
    ),
    "grad_norm": About(
        ZERO_COST,
        f"The norm of the loss's gradient, summed over layers. It needs {_LABELLED}.",
        "Worth having as a baseline of its kind; others of the same cost are usually preferred.",
    ),
    "snip": About(
        ZERO_COST,
        f"The sum of the absolute values of weight times gradient, a measure from pruning. It needs {_LABELLED}.",
        "Worth having as a baseline of its kind; others of the same cost are usually preferred.",
    ),
    "grasp": About(
        ZERO_COST,
        "How much the flow of gradients would suffer if weights were removed, from products of Hessian and gradient; "
        "a measure from pruning. It needs one labelled batch and two backward passes with random weights.",
        "Seldom worth it alone: it needs second derivatives, which cost more than what its rivals need.",
    ),
    "fisher": About(
        ZERO_COST,
        f"The squared products of activation and gradient, summed over channels. It needs {_LABELLED}.",
        "Worth having as a baseline of its kind; others of the same cost are usually preferred.",
    ),
    "random_init": About(
        ZERO_COST,
        "The network is read with random weights, exactly as it would be with weights from a hypernetwork. What it "
        "knows is what the architecture alone does to images.",
        "Worth running as a control: what a hypernetwork or a bank adds is the difference from this.",
    ),
    "oneshot": About(
        SHARED,
        "One bank of weights is trained on paths that are drawn uniformly, and serves every network of the space. A "
        "candidate is judged by how well it does with its share of the bank.",
        "Worth it when one training for the whole space is affordable and candidates overlap much.",
    ),
    "enas": About(
        SHARED,
        "A bank of shared weights is trained on networks that a controller draws, and the controller learns to draw "
        "those that do well. A candidate is judged with its share of the bank.",
        "Worth it when a search is wanted along with the weights; for an order of the whole space, paths should be "
        "drawn uniformly.",
    ),
    "smash": About(
        SHARED,
        "A hypernetwork that sees a network as memory banks that are read and written emits its convolutions. A "
        "candidate is judged by how well it does with these weights.",
        "Worth it as an alternative to a graph hypernetwork in spaces that are easily described by banks of channels.",
    ),
    "darts": About(
        SHARED,
        "A bank of shared weights is trained with all operations mixed, and the mixture is learned by gradient "
        "descent. A candidate is judged with its share of the bank.",
        "Worth it when one good network is wanted quickly; the weights know little of networks that the mixture left.",
    ),
    "low_fidelity": About(
        SHORT,
        "Every candidate is trained, but for fewer epochs, on fewer or smaller images, or with fewer filters. It is "
        "judged by its validation accuracy after that.",
        "Worth it for few candidates, and as the first rungs of successive halving, where training is not lost.",
    ),
    "morphism": About(
        SHORT,
        "A candidate inherits the weights of the largest network of the space by function-preserving changes and is "
        "trained for a few epochs more. It is judged by its validation accuracy after that.",
        "Worth it in searches that go from network to neighbouring network, where every child has a trained parent.",
    ),
    "surrogate": About(
        REGRESSION,
        "A regression on features of an architecture that has seen a few trained networks. Those that it saw are "
        "predicted by a regression that did not see them.",
        "Worth it as soon as some networks of the space were trained anyway: a prediction costs next to nothing.",
        "trained networks to learn from",
    ),
    "curve_last": About(
        SHORT,
        "A candidate is trained for a few epochs, and its last accuracy is taken as the forecast. It is the naive "
        "forecast that every model of learning curves has to beat.",
        "Worth it as the bar for other models of curves, at the same cost.",
    ),
    "curve_sotl": About(
        SHORT,
        "A candidate is trained for a few epochs, and the sum of its training losses is the score. Networks that "
        "learn fast are put first.",
        "Worth it wherever candidates are trained a little: it costs nothing beyond the training, and is calmer than "
        "the last accuracy.",
    ),
    "curve_parametric": About(
        SHORT,
        "A candidate is trained for a few epochs, and a weighted set of parametric families of curves is fitted to "
        "its accuracies. It looks at one curve at a time and needs no finished one.",
        "Worth it for stopping trainings that have gone on for a while; a few points leave the fit too free.",
    ),
    "curve_svr": About(
        SHORT,
        "A candidate is trained for a few epochs, and support-vector regression forecasts the end from accuracies, "
        "their differences, and features of the architecture. It learns from finished curves.",
        "Worth it when a few dozen networks of the same space have been trained to the end.",
        _FINISHED,
    ),
    "curve_bnn": About(
        SHORT,
        "A candidate is trained for a few epochs, and a Bayesian neural network with a layer of curve shapes "
        "forecasts the rest. It learns from finished curves and says how sure it is.",
        "Worth it when an uncertainty of whole curves is wanted and finished curves exist.",
        _FINISHED,
    ),
    "curve_gp": About(
        SHORT,
        "A candidate is trained for a few epochs, and a Gaussian process over time and architecture (freeze-thaw) "
        "forecasts the end. It learns from finished curves and says how sure it is.",
        "Worth it for deciding which of many paused trainings goes on.",
        _FINISHED,
    ),
    "training": About(
        SHORT,
        "Every candidate is trained to the end. This is what all others try to foretell.",
        "Worth it for the few candidates that are left at last.",
    ),
}

UNKNOWN = About(
    ELSEWHERE,
    "Scores that came with the table of references. How they were made is not known here.",
    "Whether it is worth using is for its makers to say; its order, cost and biases here are measured as for the "
    "others.",
)


def about(estimator: str | None) -> About:
    """The words for an estimator of the registry, or for scores from elsewhere."""
    return UNKNOWN if estimator is None else ABOUT.get(estimator, UNKNOWN)
