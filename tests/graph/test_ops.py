import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from ghn.errors import GraphError
from ghn.graph import OPS, Graph, GraphBuilder, Interpreter, Op, get_op, graph_stats, register

IMAGE = (4, 6, 8)
# operation, attributes, input shapes, output shape, parameters, multiply-adds counted by hand
CASES = [
    ("conv", {"out": 6, "kernel": 3, "padding": 1}, [IMAGE], (6, 6, 8), {"weight": (6, 4, 3, 3)}, 6 * 6 * 8 * 4 * 9),
    (
        "conv",
        {"out": 6, "kernel": 3, "stride": 2, "groups": 2, "bias": 1},
        [IMAGE],
        (6, 2, 3),
        {"weight": (6, 2, 3, 3), "bias": (6,)},
        6 * 2 * 3 * 2 * 9,
    ),
    ("conv", {"out": 4, "kernel": 3, "dilation": 2, "groups": 4}, [IMAGE], (4, 2, 4), {"weight": (4, 1, 3, 3)}, 288),
    ("conv", {"out": 5, "kernel": 1}, [IMAGE], (5, 6, 8), {"weight": (5, 4, 1, 1)}, 5 * 48 * 4),
    ("batch_norm", {}, [IMAGE], IMAGE, {"weight": (4,), "bias": (4,)}, 0),
    ("batch_norm", {"affine": 0, "eps": 1e-3}, [(4,)], (4,), {}, 0),
    ("relu", {}, [IMAGE], IMAGE, {}, 0),
    ("relu", {}, [(7,)], (7,), {}, 0),
    ("avg_pool", {"kernel": 3, "padding": 1}, [IMAGE], IMAGE, {}, 0),
    ("avg_pool", {"kernel": 2, "stride": 2}, [IMAGE], (4, 3, 4), {}, 0),
    ("max_pool", {"kernel": 3, "stride": 2, "padding": 1}, [IMAGE], (4, 3, 4), {}, 0),
    ("global_pool", {}, [IMAGE], (4,), {}, 0),
    ("identity", {}, [IMAGE], IMAGE, {}, 0),
    ("zero", {"c": 2, "h": 3, "w": 5}, [IMAGE], (2, 3, 5), {}, 0),
    ("zero", {"c": 2}, [IMAGE], (2,), {}, 0),
    ("sum", {}, [IMAGE], IMAGE, {}, 0),
    ("sum", {}, [IMAGE, IMAGE, IMAGE], IMAGE, {}, 0),
    ("concat", {}, [IMAGE, (3, 6, 8)], (7, 6, 8), {}, 0),
    ("concat", {}, [(3,), (4,)], (7,), {}, 0),
    ("crop", {"top": 1, "left": 2}, [IMAGE], (4, 5, 6), {}, 0),
    ("narrow", {"out": 3}, [IMAGE], (3, 6, 8), {}, 0),
    ("narrow", {"out": 7}, [(7,)], (7,), {}, 0),
    ("mix", {}, [IMAGE, IMAGE, IMAGE], IMAGE, {"weight": (3,)}, 0),
    ("linear", {"out": 3}, [(7,)], (3,), {"weight": (3, 7), "bias": (3,)}, 21),
    ("linear", {"out": 3, "bias": 0}, [(5, 7)], (5, 3), {"weight": (3, 7)}, 105),
]


def attributes(op, given):
    return {k: v for k, v in {**op.attrs, **given}.items() if v is not None}


@pytest.mark.parametrize(("name", "given", "shapes", "output", "params", "macs"), CASES)
def test_shape_parameters_and_cost(name, given, shapes, output, params, macs):
    op = get_op(name)
    attrs = attributes(op, given)
    assert op.infer(shapes, attrs) == output
    specs = op.params(shapes, attrs)
    assert {suffix: shape for suffix, shape, _ in specs} == params
    assert op.macs(shapes, output, attrs) == macs
    made = op.run([torch.randn(2, *s) for s in shapes], [torch.randn(s) for _, s, _ in specs], attrs, None)
    assert made.shape == (2, *output)


def test_every_operation_is_a_case():
    assert {case[0] for case in CASES} | {"input", "constant"} == set(OPS)


@pytest.mark.parametrize(
    ("name", "given", "shapes", "message"),
    [
        ("conv", {"out": 2, "kernel": 1}, [(4,)], r"\(c, h, w\)"),
        ("max_pool", {"kernel": 7}, [IMAGE], "larger than its input"),
        ("avg_pool", {"kernel": 3, "stride": 0}, [IMAGE], "stride must be at least 1"),
        ("global_pool", {}, [(4,)], r"\(c, h, w\)"),
        ("sum", {}, [IMAGE, (3, 6, 8)], "sum needs inputs of one shape"),
        ("concat", {}, [IMAGE, (4, 6, 7)], "one height and width"),
        ("crop", {"top": 6}, [IMAGE], "nothing of the image is left"),
        ("crop", {"left": -1}, [IMAGE], "nothing of the image is left"),
        ("narrow", {"out": 5}, [IMAGE], r"out in 1..4"),
        ("narrow", {"out": 0}, [IMAGE], "not so many channels"),
        ("mix", {}, [IMAGE, (3, 6, 8)], "inputs of one shape"),
        ("linear", {"out": 0}, [(4,)], "out must be at least 1"),
    ],
)
def test_shapes_that_do_not_fit(name, given, shapes, message):
    with pytest.raises(GraphError, match=message):
        get_op(name).infer(shapes, attributes(get_op(name), given))


@settings(max_examples=500)
@given(
    st.sampled_from(["conv", "avg_pool", "max_pool"]),
    st.fixed_dictionaries({k: st.integers(0, 4) for k in ("kernel", "stride", "padding", "dilation", "groups", "out")}),
    st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9)),
)
def test_inference_agrees_with_pytorch_on_what_runs(name, values, shape):
    """Whatever the attributes: the inferred shape is the one that runs, and what is refused does not run."""
    op = get_op(name)
    attrs = attributes(op, {k: v for k, v in values.items() if k in op.attrs})
    try:
        inferred = op.infer([shape], attrs)
    except GraphError:
        inferred = None
    try:
        weights = [torch.randn(s) for _, s, _ in op.params([shape], attrs)]
        run = tuple(op.run([torch.randn(2, *shape)], weights, attrs, None).shape[1:])
    except (RuntimeError, ZeroDivisionError):
        run = None
    assert inferred == (run if run and min(run) else None)


def test_average_pooling_does_not_count_the_padding():
    x = torch.ones(1, 1, 4, 4)
    assert torch.equal(get_op("avg_pool").run([x], [], {"kernel": 3, "stride": 1, "padding": 1}, None), x)


def test_a_mixture_weighs_its_inputs():
    x = [torch.randn(2, *IMAGE) for _ in range(3)]
    made = get_op("mix").run(x, [torch.tensor([0.0, 0.25, 2.0])], {}, None)
    torch.testing.assert_close(made, 0.25 * x[1] + 2 * x[2])


def test_a_strided_pointwise_convolution_can_be_differentiated():
    """PyTorch's own crashes the process for some of these shapes."""
    for channels in (2, 4, 8):
        x = torch.randn(8, channels, 8, 8).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(channels // 2, channels, 1, 1, requires_grad=True)
        attrs = attributes(get_op("conv"), {"out": channels // 2, "kernel": 1, "stride": 2})
        made = get_op("conv").run([x], [weight], attrs, None)
        torch.testing.assert_close(made, torch.nn.functional.conv2d(x, weight, stride=2))
        made.square().sum().backward()
        assert weight.grad.isfinite().all()


def test_a_crop_begins_at_a_row_and_a_column():
    x = torch.arange(12.0).view(1, 1, 3, 4)
    assert get_op("crop").run([x], [], {"top": 1, "left": 2}, None).tolist() == [[[[6, 7], [10, 11]]]]


def test_narrowing_keeps_the_first_channels():
    x = torch.randn(2, *IMAGE)
    assert torch.equal(get_op("narrow").run([x], [], {"out": 3}, None), x[:, :3])


@pytest.fixture
def scale():
    """A new operation with a parameter of its own, unregistered afterwards."""
    op = Op(
        "scale",
        (1, 1),
        {"power": 1},
        infer=lambda s, a: s[0],
        run=lambda x, w, a, s: x[0] * w[0].view(1, -1, 1, 1) ** a["power"],
        params=lambda s, a: (("weight", (s[0][0],), "norm_weight"),),
        macs=lambda i, o, a: o[0] * o[1] * o[2],
    )
    yield register(op)
    del OPS["scale"]


def test_a_registered_operation_is_known_everywhere(scale):
    from ghn.nets import GHN, GHNConfig

    b = GraphBuilder((3, 4, 4))
    x = b.add("scale", b.input, name="scale", power=2)
    pooled = b.add("global_pool", x, name="pool")
    graph = b.build(b.add("linear", pooled, name="head", out=2))
    assert Graph.from_json(graph.to_json()) == graph
    assert graph_stats(graph).macs == 48 + 6

    x = torch.randn(5, 3, 4, 4)
    weights = {
        "scale/weight": torch.tensor([1.0, 2.0, 3.0]),
        "head/weight": torch.eye(3)[:2],
        "head/bias": torch.zeros(2),
    }
    expected = torch.stack([x[:, 0].mean((1, 2)), 4 * x[:, 1].mean((1, 2))], 1)
    torch.testing.assert_close(Interpreter(graph).run(weights, x).output, expected)

    ghn = GHN(GHNConfig(classes=2, hidden=16, heads=2, layers=1, channels=8))
    assert "scale" in ghn.config.vocabulary
    assert {k: tuple(v.shape) for k, v in ghn([graph])[0].items()} == {p.name: p.shape for p in graph.params()}


def test_a_name_is_registered_once(scale):
    with pytest.raises(GraphError, match="'scale' is registered already"):
        register(scale)
