"""Twenty networks of torchvision's own blocks, at sizes for images of 16x16 pixels; no training here has met them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from torch import nn
from torchvision import models
from torchvision.models.convnext import CNBlockConfig, ConvNeXt
from torchvision.models.densenet import DenseNet
from torchvision.models.efficientnet import EfficientNet, FusedMBConvConfig, MBConvConfig
from torchvision.models.mobilenetv2 import MobileNetV2
from torchvision.models.regnet import BlockParams, RegNet
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.models.shufflenetv2 import ShuffleNetV2
from torchvision.models.swin_transformer import SwinTransformer
from torchvision.models.vgg import make_layers
from torchvision.models.vision_transformer import VisionTransformer


def _regnet(classes: int, *, squeeze: bool) -> nn.Module:
    params = BlockParams.from_init_params(5, 24, 16.0, 2.2, 8, se_ratio=0.25 if squeeze else None)
    return RegNet(params, classes, stem_width=16)


def _efficientnet(classes: int, *, fused: bool) -> nn.Module:
    first = FusedMBConvConfig if fused else partial(MBConvConfig)
    settings = [first(2, 3, 1, 16, 24, 1), MBConvConfig(4, 3, 2, 24, 32, 2), MBConvConfig(4, 5, 2, 32, 48, 1)]
    return EfficientNet(settings, 0.0, num_classes=classes, last_channel=128)


def _vgg(classes: int, *, batch_norm: bool) -> nn.Module:
    features = make_layers([24, "M", 48, 48, "M", 96], batch_norm)
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, classes))


def _convnext(classes: int, *widths: int) -> nn.Module:
    ends = (*widths[1:], None)
    return ConvNeXt([CNBlockConfig(a, b, 1) for a, b in zip(widths, ends, strict=True)], num_classes=classes)


def _swin(classes: int) -> nn.Module:
    return SwinTransformer([2, 2], 24, [2, 2], [2, 4], [4, 4], num_classes=classes)


MAKERS: Mapping[str, Callable[[int], nn.Module]] = {
    "resnet": lambda k: ResNet(BasicBlock, [1, 1, 1, 1], k),
    "mobilenet_v2_25": lambda k: MobileNetV2(k, 0.25),
    "mobilenet_v2_50": lambda k: MobileNetV2(k, 0.5),
    "mobilenet_v3_35": lambda k: models.mobilenet_v3_small(num_classes=k, width_mult=0.35),
    "mobilenet_v3_75": lambda k: models.mobilenet_v3_small(num_classes=k, width_mult=0.75),
    "shufflenet_short": lambda k: ShuffleNetV2([1, 2, 1], [24, 32, 64, 128, 256], k),
    "shufflenet_50": lambda k: ShuffleNetV2([4, 8, 4], [24, 48, 96, 192, 512], k),
    "vgg": partial(_vgg, batch_norm=False),
    "vgg_bn": partial(_vgg, batch_norm=True),
    "densenet_8": lambda k: DenseNet(8, (2, 2, 2), 16, num_classes=k),
    "densenet_12": lambda k: DenseNet(12, (3, 3, 3), 24, num_classes=k),
    "regnet_x": partial(_regnet, squeeze=False),
    "regnet_y": partial(_regnet, squeeze=True),
    "efficientnet": partial(_efficientnet, fused=False),
    "efficientnet_v2": partial(_efficientnet, fused=True),
    "convnext_24": lambda k: _convnext(k, 24, 48, 96),
    "convnext_48": lambda k: _convnext(k, 48, 96),
    "vit_3": lambda k: VisionTransformer(16, 4, 3, 4, 48, 96, num_classes=k),
    "vit_6": lambda k: VisionTransformer(16, 4, 6, 4, 64, 128, num_classes=k),
    "swin": _swin,
}


def torchvision_like(classes: int) -> dict[str, nn.Module]:
    """The networks by name, for images of 16x16 pixels and three colours."""
    return {name: make(classes) for name, make in MAKERS.items()}
