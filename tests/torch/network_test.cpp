// Our networks beside LibTorch's automatic differentiation and optimiser: outputs, gradients of parameters
// and inputs, and parameters after steps of Adam.
#include "mbrl/nn/network.hpp"

#include <torch/torch.h>

#include <vector>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/adam.hpp"
#include "normals.hpp"

namespace mbrl::nn {
namespace {

Batchf noise(Index rows, Index columns, std::uint32_t id) {
  return testing::normals<Batchf>(RandomStream(6, Stream::kUser), rows, columns, id);
}

// dim x batch as [batch, dim]: the bytes are the same.
at::Tensor tensor(const Batchf& m) {
  return at::from_blob(const_cast<float*>(m.data()), {m.cols(), m.rows()}).clone();
}
Batchf matrix(const at::Tensor& t) {
  const at::Tensor plain = t.detach().contiguous();
  return Eigen::Map<const Batchf>(plain.data_ptr<float>(), plain.size(1), plain.size(0));
}

at::Tensor act(Activation f, const at::Tensor& z) {
  switch (f) {
    case Activation::kSilu:
      return at::silu(z);
    case Activation::kRelu:
      return at::relu(z);
    case Activation::kTanh:
      return at::tanh(z);
    default:
      return at::elu(z);
  }
}

// The same network as leaves of LibTorch: weights are [in, out], as the matrices' bytes are.
struct Twin {
  struct Layer {
    at::Tensor weight, bias, gain, shift;
  };
  explicit Twin(const Network& network) : settings(network.settings()) {
    const auto leaf = [&](const at::Tensor& t) {
      const at::Tensor copy = t.requires_grad_();
      parameters.push_back(copy);
      return copy;
    };
    for (int l = 0; l < static_cast<int>(network.layers().size()); ++l) {
      const Network::Plain p = network.layer(l);
      Layer layer{leaf(tensor(p.weight)), leaf(tensor(p.bias)), {}, {}};
      if (p.gain.size() > 0) {
        layer.gain = leaf(tensor(p.gain));
        layer.shift = leaf(tensor(p.shift));
      }
      layers.push_back(layer);
    }
  }

  at::Tensor forward(at::Tensor x) const {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Layer& layer = layers[l];
      x = at::matmul(x, layer.weight) + layer.bias;
      if (l + 1 == layers.size()) break;
      if (layer.gain.defined())
        x = at::layer_norm(x, {x.size(1)}, layer.gain.flatten(), layer.shift.flatten(), 1e-5);
      x = act(settings.activation, x);
    }
    return x;
  }

  // Largest difference of its tensors (chosen by `of`) from the plain arrays of a block.
  template <class Of>
  float distance(const Network& network, const AlignedFloats& block, const Of& of) const {
    float largest = 0.0f;
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Network::Plain p = network.plain(block, static_cast<int>(l));
      const auto compare = [&](const at::Tensor& t, const Batchf& ours) {
        if (t.defined()) largest = std::max(largest, (matrix(of(t)) - ours).cwiseAbs().maxCoeff());
      };
      compare(layers[l].weight, p.weight);
      compare(layers[l].bias, p.bias);
      compare(layers[l].gain, p.gain);
      compare(layers[l].shift, p.shift);
    }
    return largest;
  }

  NetworkSettings settings;
  std::vector<Layer> layers;
  std::vector<at::Tensor> parameters;
};

constexpr int kIn = 7, kOut = 3, kSamples = 50;

Network some_network(Activation f, bool norm) {
  Network network(kIn, kOut, {{40, 33}, f, norm}, 4);
  for (int l = 0; l + 1 < static_cast<int>(network.layers().size()); ++l) {
    Network::Plain p = network.layer(l);
    p.gain += 0.3f * noise(p.gain.size(), 1, 20 + static_cast<std::uint32_t>(l));
    p.shift += 0.3f * noise(p.shift.size(), 1, 30 + static_cast<std::uint32_t>(l));
    network.set_layer(l, p);
  }
  return network;
}

TEST_CASE("network: outputs, gradients and steps of Adam are LibTorch's") {
  for (const Activation f : {Activation::kSilu, Activation::kRelu, Activation::kTanh, Activation::kElu})
    for (const bool norm : {false, true}) {
      CAPTURE(f, norm);
      Network network = some_network(f, norm);
      const Twin twin(network);
      const Batchf x = noise(kIn, kSamples, 1), target = noise(kOut, kSamples, 2);
      const at::Tensor inputs = tensor(x).requires_grad_(), targets = tensor(target);
      Pass pass(network, kSamples);
      AlignedFloats gradient;
      AdamSettings settings;
      settings.learning_rate = 3e-3;
      Adam adam(network, settings);
      torch::optim::Adam theirs(twin.parameters, torch::optim::AdamOptions(3e-3).eps(1e-8));

      // The mean squared error of every step; the inputs stay.
      for (int step = 0; step < 20; ++step) {
        CAPTURE(step);
        pass.set_input(x);
        pass.forward(network, kSamples);
        pass.output_gradients(kSamples) =
            2.0f / static_cast<float>(kOut * kSamples) * (pass.outputs(kSamples) - target);
        Batchf y(kOut, kSamples);
        pass.get_output(y);
        pass.backward(network, kSamples, &gradient, true);

        theirs.zero_grad();
        if (inputs.grad().defined()) inputs.mutable_grad().zero_();
        const at::Tensor outputs = twin.forward(inputs);
        at::mse_loss(outputs, targets).backward();

        const float tolerance = step == 0 ? 2e-6f : 2e-5f;
        CHECK((matrix(outputs) - y).cwiseAbs().maxCoeff() < 10.0f * tolerance);
        CHECK(twin.distance(network, gradient, [](const at::Tensor& t) { return t.grad(); }) < tolerance);
        CHECK((matrix(inputs.grad()) - pass.input_gradients(kSamples)).cwiseAbs().maxCoeff() < tolerance);
        adam.step(network, gradient);
        theirs.step();
      }
      CHECK(twin.distance(network, network.parameters(), [](const at::Tensor& t) { return t; }) < 3e-4f);
      // 20 steps of 3e-3 have moved the parameters far beyond that.
      const Network before = some_network(f, norm);
      CHECK(twin.distance(before, before.parameters(), [](const at::Tensor& t) { return t; }) > 2e-2f);
    }
}

}  // namespace
}  // namespace mbrl::nn
