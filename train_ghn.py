"""Trains what makes weights: python train_ghn.py [weights=ghn] [net=ghn3] [task=cifar10_16px] [out=FOLDER]."""

from ghn.app.script import run

if __name__ == "__main__":
    run("train_ghn.py", "train")
