#include "mbrl/policy/policy_file.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <functional>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

bool keyword(const std::string& name) {
  constexpr std::array kWords = {
      "auto",   "break",  "case",     "char",     "const",    "continue", "default",  "do",     "double",
      "else",   "enum",   "extern",   "float",    "for",      "goto",     "if",       "inline", "int",
      "long",   "main",   "register", "restrict", "return",   "short",    "signed",   "sizeof", "static",
      "struct", "switch", "typedef",  "union",    "unsigned", "void",     "volatile", "while"};
  return std::find(kWords.begin(), kWords.end(), name) != kWords.end();
}

bool identifier(const std::string& name) {
  if (keyword(name)) return false;
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) return false;
  for (const char c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  return true;
}

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

// Exactly, whatever the locale.
std::string literal(float value) {
  std::array<char, 40> digits{};
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), std::abs(value), std::chars_format::hex)
          .ptr;
  return (std::signbit(value) ? "-0x" : "0x") + std::string(digits.data(), end) + "f";
}

// static const float NAME[] = {...}; eight numbers a line.
std::string array(const std::string& name, const float* values, std::size_t count) {
  std::string text = "static const float " + name + "[" + std::to_string(count) + "] = {";
  for (std::size_t i = 0; i < count; ++i)
    text += (i % 8 == 0 ? "\n  " : " ") + literal(values[i]) + (i + 1 < count ? "," : "");
  return text + "};\n";
}
std::string array(const std::string& name, const std::vector<float>& values) {
  return array(name, values.data(), values.size());
}
std::string array(const std::string& name, const Vecf& values) {
  return array(name, values.data(), static_cast<std::size_t>(values.size()));
}

std::string activation_of(Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return "z / (1.0 + exp(-z))";
    case Activation::kRelu:
      return "z < 0.0 ? 0.0 : z";  // NaN stays
    case Activation::kTanh:
      return "tanh(z)";
    case Activation::kElu:
      return "z > 0.0 ? z : expm1(z)";
  }
  fail("policy: an activation that has no number");
}

// A header whose function runs the network and then what `last` makes of the name of its outputs; `constants`: arrays
// that this needs.
std::string c_header(const nn::Network& learned, int action_dim, const std::string& name,
                     const std::string& about, const std::string& constants,
                     const std::function<std::string(const std::string&)>& last) {
  require(
      identifier(name), "policy: '", name,
      "' is no name for a function in C; expected letters, digits and '_', no digit first, and no word of "
      "the language");
  const nn::Network network = learned.without_batch_norm();
  const std::string big = upper(name), obs = big + "_OBS_DIM", actions = big + "_ACTION_DIM";
  const auto layers = static_cast<int>(network.layers().size());
  int widest = 1;
  for (const nn::Network::Layer& layer : network.layers()) widest = std::max(widest, layer.out);
  const bool norm = network.settings().layer_norm;

  require(about.find("*/") == std::string::npos, "policy: the text '", about,
          "' would end the comment it stands in");
  std::string text;
  text += "/* " + about + "\n */\n#ifndef " + big + "_H\n#define " + big + "_H\n\n#include <math.h>\n\n";
  text += "#define " + obs + " " + std::to_string(network.in()) + "\n";
  text += "#define " + actions + " " + std::to_string(action_dim) + "\n\n";
  for (int l = 0; l < layers; ++l) {
    const nn::Network::Plain plain = network.layer(l);
    const std::string own = name + "_layer" + std::to_string(l);
    const Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> rows = plain.weight;
    text += array(own + "_weight", rows.data(), static_cast<std::size_t>(rows.size()));
    text += array(own + "_bias", plain.bias);
    if (norm && l + 1 < layers) {
      text += array(own + "_gain", plain.gain);
      text += array(own + "_shift", plain.shift);
    }
  }
  text += constants;

  text += "\n/* y = W x + b */\nstatic void " + name +
          "_dense(const float *w, const float *b, int in, int out, const double *x, double *y) {\n"
          "  for (int o = 0; o < out; ++o) {\n"
          "    double sum = b[o];\n"
          "    for (int i = 0; i < in; ++i) sum += w[o * in + i] * x[i];\n"
          "    y[o] = sum;\n"
          "  }\n"
          "}\n";
  if (norm)
    text += "\n/* Zero mean and unit variance over the units, then scaled and shifted. */\nstatic void " +
            name +
            "_normalise(const float *gain, const float *shift, int n, double *y) {\n"
            "  double mean = 0.0, square = 0.0;\n"
            "  for (int i = 0; i < n; ++i) mean += y[i] / n;\n"
            "  for (int i = 0; i < n; ++i) square += (y[i] - mean) * (y[i] - mean) / n;\n"
            "  for (int i = 0; i < n; ++i) y[i] = gain[i] * (y[i] - mean) / sqrt(square + 1e-5) + shift[i];\n"
            "}\n";
  if (layers > 1)
    text += "\nstatic void " + name +
            "_activate(int n, double *y) {\n"
            "  for (int i = 0; i < n; ++i) {\n"
            "    const double z = y[i];\n"
            "    y[i] = " +
            activation_of(network.settings().activation) + ";\n  }\n}\n";

  text +=
      "\nstatic void " + name + "(const float observation[" + obs + "], float action[" + actions + "]) {\n";
  text += "  double a[" + std::to_string(std::max(widest, network.in())) + "], b[" + std::to_string(widest) +
          "];\n";
  text += "  for (int i = 0; i < " + obs + "; ++i) a[i] = observation[i];\n";
  const char *from = "a", *to = "b";
  for (int l = 0; l < layers; ++l) {
    const nn::Network::Layer& layer = network.layers()[static_cast<std::size_t>(l)];
    const std::string own = name + "_layer" + std::to_string(l), out = std::to_string(layer.out);
    text += "  " + name + "_dense(" + own + "_weight, " + own + "_bias, " + std::to_string(layer.in) + ", " +
            out + ", " + from + ", " + to + ");\n";
    if (l + 1 < layers) {
      if (norm)
        text += "  " + name + "_normalise(" + own + "_gain, " + own + "_shift, " + out + ", " + to + ");\n";
      text += "  " + name + "_activate(" + out + ", " + to + ");\n";
    }
    std::swap(from, to);
  }
  return text + last(from) + "}\n\n#endif\n";
}

// The network's layers, and what there is to know of it.
StateDict network_arrays(const nn::Network& learned, int action_dim, const std::string& output) {
  const nn::Network network = learned.without_batch_norm();
  StateDict out;
  const auto layers = static_cast<int>(network.layers().size());
  const bool norm = network.settings().layer_norm;
  for (int l = 0; l < layers; ++l) {
    const nn::Network::Plain plain = network.layer(l);
    const std::string own = "layers." + std::to_string(l) + ".";
    out.put_matrix(own + "weight",
                   plain.weight.transpose());  // stored column by column: out x in, row by row
    out.put(own + "bias", plain.bias.data(), {plain.bias.size()});
    if (norm && l + 1 < layers) {
      out.put(own + "gain", plain.gain.data(), {plain.gain.size()});
      out.put(own + "shift", plain.shift.data(), {plain.shift.size()});
    }
  }
  out.metadata = {{"activation", to_string(network.settings().activation)},
                  {"output", output},
                  {"layer_norm", norm ? "true" : "false"},
                  {"obs_dim", std::to_string(network.in())},
                  {"action_dim", std::to_string(action_dim)},
                  {"layers", std::to_string(layers)}};
  return out;
}

}  // namespace

std::string policy_c_header(const MlpPolicy& policy, const std::string& name, const std::string& about) {
  const std::string constants = array(name + "_mid", policy.mid()) + array(name + "_half", policy.half()) +
                                array(name + "_low", policy.low()) + array(name + "_high", policy.high());
  return c_header(policy.network(), policy.action_dim(), name, about, constants,
                  [&](const std::string& outputs) {
                    return "  for (int i = 0; i < " + upper(name) +
                           "_ACTION_DIM; ++i) {\n"
                           "    const float u = " +
                           name + "_mid[i] + " + name + "_half[i] * (float)tanh(" + outputs +
                           "[i]);\n"
                           "    action[i] = u < " +
                           name + "_low[i] ? " + name + "_low[i] : u > " + name + "_high[i] ? " + name +
                           "_high[i] : u;\n"
                           "  }\n";
                  });
}

std::string policy_c_header(const CategoricalPolicy& policy, const std::string& name,
                            const std::string& about) {
  return c_header(policy.network(), policy.action_dim(), name, about, "", [&](const std::string& outputs) {
    return "  int best = 0;\n"
           "  for (int i = 1; i < " +
           std::to_string(policy.choices()) + "; ++i)\n    if (" + outputs + "[i] > " + outputs +
           "[best]) best = i;\n"
           "  action[0] = " +
           outputs + "[best] == " + outputs + "[best] ? (float)best : (float)" + outputs + "[best];\n";
  });
}

StateDict policy_arrays(const MlpPolicy& policy) {
  StateDict out = network_arrays(policy.network(), policy.action_dim(), to_string(policy.settings().output));
  out.put("action_mid", policy.mid());
  out.put("action_half", policy.half());
  out.put("action_low", policy.low());
  out.put("action_high", policy.high());
  return out;
}

StateDict policy_arrays(const CategoricalPolicy& policy) {
  StateDict out = network_arrays(policy.network(), policy.action_dim(), "categorical");
  out.metadata["choices"] = std::to_string(policy.choices());
  return out;
}

}  // namespace mbrl
