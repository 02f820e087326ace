"""Own batch statistics or shared running statistics: python examples/shared_statistics.py.

Orders the same networks with one bank of shared weights (python train_ghn.py weights=oneshot) in both ways, and prints
Kendall's tau with published accuracies.
"""

from argparse import ArgumentParser

import ghn
from ghn.analysis.correlation import kendall
from ghn.assets import asset
from ghn.scoring.readouts import Sample
from ghn.spaces.nasbench201.samples import load_sample
from ghn.types import Trial
from studies.shared_statistics import SharedStatisticsReadout, collect_statistics

parser = ArgumentParser(description=__doc__)
parser.add_argument("--checkpoint", default=str(asset("checkpoints/trainings/oneshot_s1/checkpoint.safetensors")))
parser.add_argument("--n", type=int, default=100, help="networks of the development sample")
parser.add_argument("--paths", type=int, default=200, help="over which statistics are collected")
parser.add_argument("--images", type=int, default=512)
args = parser.parse_args()

model = ghn.load(args.checkpoint)
task = model.images().to(model.fabric.device)
sample = load_sample("development")
accuracy, trials = sample.accuracy, [Trial(arch, arch) for arch in sample.archs()[: args.n]]
engine = model.estimator(task=task, sample=Sample(val=args.images, batch=args.images))
for title in ("own batch statistics", "shared running statistics"):
    scores = engine.score(trials)
    known = [(score, accuracy[trial.arch]) for trial, score in zip(trials, scores, strict=True) if score.ok]
    tau = kendall([score.value for score, _ in known], [value for _, value in known])
    mean = sum(score.extra["accuracy"] for score, _ in known) / len(known)
    print(f"{title}: Kendall {tau:.3f}, mean accuracy {mean:.3f}, {len(known)} of {len(trials)} scored")
    engine.readout = SharedStatisticsReadout(task, collect_statistics(model, task, paths=args.paths), args.images)
