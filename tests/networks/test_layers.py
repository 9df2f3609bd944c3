import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dftnet.networks.layers import identity_grid, jacobian_determinant, norm, resize_flow, up, warp  # noqa: E402


def test_zero_flow_is_the_identity():
    image = torch.rand(2, 3, 9, 13)
    assert torch.allclose(warp(image, torch.zeros(2, 2, 9, 13)), image, atol=1e-6)


def test_flow_is_backward_in_pixels_x_first_with_border_padding():
    image = torch.arange(20.0).reshape(1, 1, 4, 5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 0] = 1
    expected = image[..., [1, 2, 3, 4, 4]]
    assert torch.allclose(warp(image, flow), expected, atol=1e-5)
    flow = torch.zeros(1, 2, 4, 5)
    flow[:, 1] = -0.5
    expected = (image + image[:, :, [0, 0, 1, 2]]) / 2
    assert torch.allclose(warp(image, flow), expected, atol=1e-5)


def test_warp_equals_opencv_remap():
    rng = np.random.default_rng(0)
    image = rng.random((16, 20)).astype(np.float32)
    flow = rng.uniform(-2, 2, (2, 16, 20)).astype(np.float32)
    y, x = np.mgrid[:16, :20].astype(np.float32)
    wanted = cv2.remap(image, x + flow[0], y + flow[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    got = warp(torch.from_numpy(image)[None, None], torch.from_numpy(flow)[None])[0, 0].numpy()
    assert np.abs(got - wanted).max() < 0.04  # OpenCV's bilinear weights have 5 bits
    assert np.abs(got - wanted).mean() < 0.01


def test_warp_gradients_are_right():
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 2, 5, 6, generator=generator, dtype=torch.float64, requires_grad=True)
    flow = (torch.rand(1, 2, 5, 6, generator=generator, dtype=torch.float64) * 0.4 + 0.2).requires_grad_(True)
    assert torch.autograd.gradcheck(lambda i, f: warp_double(i, f), (image, flow))


def warp_double(image, flow):
    """`warp` samples in float32 on purpose; the same lines in float64 for the finite differences."""
    h, w = image.shape[2:]
    p = identity_grid(image).double() + flow
    grid = p.permute(0, 2, 3, 1) * (2.0 / torch.tensor([w - 1, h - 1], dtype=torch.float64)) - 1
    ours = torch.nn.functional.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=True)
    assert torch.allclose(ours.float(), warp(image, flow), atol=1e-5)
    return ours


def test_jacobian_is_one_at_rest_and_negative_where_the_warp_folds():
    flow = torch.zeros(1, 2, 6, 6)
    assert torch.equal(jacobian_determinant(flow), torch.ones(1, 5, 5))
    flow[0, 0] = -2 * torch.arange(6.0)[None, :]
    assert (jacobian_determinant(flow) < 0).all()


def test_resize_flow_keeps_pixel_values():
    flow = torch.full((1, 2, 4, 4), 3.0)
    assert torch.equal(resize_flow(flow, 2), torch.full((1, 2, 8, 8), 3.0))


def test_unknown_layer_names_say_what_is_known():
    with pytest.raises(ValueError, match="instance, group, none"):
        norm("batch", 8)
    with pytest.raises(ValueError, match="transposed, resize"):
        up(8, 8, "nearest")
