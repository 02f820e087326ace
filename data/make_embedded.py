"""Makes data/cifar10_16px.npz from the full CIFAR-10; a second run gives the same file, bit for bit.

Usage: python data/make_embedded.py [--root FOLDER_OF_DATASETS] [--out FILE]
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np
import torch

from ghn.tasks import embedded
from ghn.tasks.cifar import cifar10
from ghn.tasks.sampling import stratified


def main() -> None:
    """Takes the first images of each class, in content order, from each split of the full task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", help="the folder of datasets; default: GHN_DATA or ~/.cache/ghn/data")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / Path(embedded.FILE).name)
    options = parser.parse_args()

    full = cifar10(size=embedded.SIDE, root=options.root)
    images, labels = [], []
    for part, split in full.splits().items():
        index = stratified(split.labels, embedded.COUNTS[part])
        images.append(split.images[index])
        labels.append(split.labels[index])
    webp = embedded.pack_images(torch.cat(images))
    normalisation = full.train.normalisation
    np.savez_compressed(
        options.out,
        webp=np.frombuffer(webp, dtype=np.uint8),
        labels=torch.cat(labels).to(torch.uint8).numpy(),
        mean=np.array(normalisation.mean),
        std=np.array(normalisation.std),
    )
    raw = options.out.read_bytes()
    print(f"{options.out}: {len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()}")


if __name__ == "__main__":
    main()
