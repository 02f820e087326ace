"""Score thousands of architectures to a file: python examples/score_thousands.py --n 4930 --out outputs/scores.jsonl.

Scores are on disk as they come. Run it again after a kill: it goes on where it was and scores nothing twice. Memory
does not grow with the number of networks.
"""

import random
from argparse import ArgumentParser

import ghn
from ghn.scoring.readouts import Sample
from ghn.scoring.score_files import score_to_file

parser = ArgumentParser(description=__doc__)
parser.add_argument("--n", type=int, default=4930, help="distinct networks, in a fixed random order; 4930 are all")
parser.add_argument("--out", default="outputs/scores.jsonl")
parser.add_argument("--checkpoint", default=None, help="the shipped one by default")
parser.add_argument("--readout", default="loss", choices=["loss", "accuracy", "ridge"])
parser.add_argument("--images", type=int, default=512, help="validation images for loss and accuracy")
parser.add_argument("--skeletons", default="fastest", choices=["best", "fastest"], help="best orders better")
args = parser.parse_args()

model = ghn.load(args.checkpoint)
networks = model.space.distinct()
random.Random(0).shuffle(networks)
trials = [ghn.Trial(model.space.format(arch), arch) for arch in networks[: args.n]]
engine = model.estimator(args.readout, sample=Sample(val=args.images), skeletons=args.skeletons)
scores = score_to_file(engine, trials, args.out, engine.identity)

ranked = sorted(zip(trials, scores, strict=True), key=lambda pair: pair[1].value if pair[1].ok else float("-inf"))
seconds = sum(score.cost_seconds for score in scores)
failed = sum(not score.ok for score in scores)
print(f"{len(scores)} scores, {failed} failed, {seconds / len(scores):.3f} seconds a network; the best five:")
for trial, score in reversed(ranked[-5:]):
    print(f"{score.value:9.4f}  {trial.id}")
