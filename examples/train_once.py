"""Train a hypernetwork once: python examples/train_once.py --steps 800 --out outputs/mine.

It learns from the train split of a task and leaves OUT/checkpoint.safetensors for `ghn.load`. 800 steps take minutes
and order candidates badly; the shipped one is six times older. `--resume` goes on with a run that was stopped.
"""

from argparse import ArgumentParser

from ghn.nets import GHNConfig
from ghn.scoring.train_model import train_hypernetwork
from ghn.spaces.nasbench201.space import NASBench201
from ghn.tasks.registry import make_task
from ghn.train.meta import MetaConfig
from ghn.train.runtime import make_runtime

parser = ArgumentParser(description=__doc__)
parser.add_argument("--out", default="outputs/train_once")
parser.add_argument("--task", default="cifar10_embedded", help="any name in ghn.tasks.TASKS")
parser.add_argument("--steps", type=int, default=800)
parser.add_argument("--width", type=int, default=8, help="channels of the first stage of a candidate")
parser.add_argument("--resume", action="store_true")
args = parser.parse_args()

task = make_task(args.task)
space = NASBench201((task.channels, *task.image_size), task.classes, width=args.width, depth=1)
model = train_hypernetwork(
    GHNConfig(classes=task.classes, channels=32, decoder_hidden=128),
    space,
    task,
    MetaConfig(steps=args.steps, average=0.99, save_every=100),
    make_runtime("auto"),
    args.out,
    scoring_task={"name": args.task},
    resume=args.resume,
)
print(f"{model.card['step']} steps, {model.card['seconds']:.0f} seconds, loss {model.card['metrics']['loss']:.2f} nats")
print(f"wrote {args.out}/checkpoint.safetensors")
