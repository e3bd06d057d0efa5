// mbrl identify: the masses, lengths and frictions of a model, from transitions.
#include <nlohmann/json.hpp>

#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "command_line.hpp"
#include "commands.hpp"
#include "identify_models.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/table.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

struct IdentifyOptions {
  std::string model, data, out;
  std::vector<std::string> parameters, assignments;
  std::optional<int> frame_skip;
  int threads = 0;
  std::optional<long long> last;
  bool list = false, markdown = false;
};

IdentificationData read_data(const IdentifyOptions& options, const std::string& environment) {
  const std::filesystem::path source = options.data;
  require(std::filesystem::exists(source), options.data,
          " is not there; expected a run folder, or a data set that 'mbrl dataset' writes");
  std::string of;
  std::optional<TransitionBuffer> buffer;
  if (std::filesystem::is_directory(source)) {
    LoadedRun run = load_run(source, registries(), {.threads = 1});
    const auto* owner = run.algorithm.find<DataOwner>();
    require(owner != nullptr, options.data, " is a run of ", run.configuration.algorithm,
            ", which does not say what it has experienced; expected one of another algorithm, or a data set");
    buffer = owner->buffer();
    of = run.configuration.environment;
  } else {
    buffer = TransitionBuffer::load_dataset(source, 0, &of);
  }
  require(!buffer->empty(), options.data, " holds no transition");
  require(environment.empty() || of.empty() || of == environment, options.data, " is of ", of,
          ", expected of ", environment);
  IdentificationData data = IdentificationData::from(*buffer);
  if (options.last && *options.last < data.obs.cols()) {
    const auto n = static_cast<Index>(*options.last);
    data.obs = data.obs.rightCols(n).eval();
    data.action = data.action.rightCols(n).eval();
    data.next_obs = data.next_obs.rightCols(n).eval();
    data.goes_on.erase(data.goes_on.begin(), data.goes_on.end() - n);
  }
  return data;
}

// A number as settings are written.
struct Start {
  double start = 0;
  static void describe(auto& s, auto&& field) { field("start", s.start, ""); }
};

// "body/pole/mass" or "body/pole/mass=0.3".
SoughtParameter sought(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string::npos) return {text};
  Start one;
  set_value(one, "start", text.substr(equals + 1), "--parameter " + text);
  return {text.substr(0, equals), one.start};
}

void list(const AnyParametricModel& model, bool markdown) {
  std::vector<std::vector<std::string>> rows;
  for (const ModelParameter& p : model.parameters) rows.push_back({p.name, general(p.value, 5), p.help});
  std::cout << table_text({{"parameter", 0, true}, {"value", 0}, {"what it is", 0, true}}, rows,
                          stdout_table_style(markdown), 100);
}

void print(const IdentificationReport& report, const IdentifiableModel& model, bool markdown) {
  std::vector<std::vector<std::string>> rows;
  for (const ParameterEstimate& p : report.parameters)
    rows.push_back({p.name, general(p.start, 5), general(p.value, 6),
                    p.determined       ? general(p.low, 6) + " to " + general(p.high, 6)
                    : report.converged ? "not determined"
                                       : "did not converge"});
  const TableStyle style = stdout_table_style(markdown);
  std::cout << table_text({{"parameter", 0, true}, {"start", 0}, {"estimate", 0}, {"interval", 0, true}},
                          rows, style, 100)
            << '\n';
  rows.clear();
  const auto percent = [](double part, double whole) {
    return whole > 0 ? general(100 * part / whole, 3) : "-";
  };
  for (std::size_t i = 0; i < report.dimensions.size(); ++i) {
    const DimensionFit& d = report.dimensions[i];
    rows.push_back({i < model.obs_names.size() ? model.obs_names[i] : "entry " + std::to_string(i),
                    general(d.change, 4), percent(d.left, d.change), percent(d.missing, d.change),
                    fixed(d.correlation, 2)});
  }
  std::cout << table_text({{"observation", 0, true},
                           {"change a step", 0},
                           {"left %", 0},
                           {"missing %", 0},
                           {"correlation", 0}},
                          rows, style, 100)
            << '\n'
            << report.transitions << (report.transitions == 1 ? " transition, " : " transitions, ")
            << report.iterations << (report.iterations == 1 ? " iteration\n" : " iterations\n");
  for (const std::string& remark : report.remarks(model.obs_names)) std::cout << "Note: " << remark << '\n';
}

std::string as_json(const IdentificationReport& report, const IdentifyOptions& options,
                    const std::vector<std::string>& obs_names) {
  nlohmann::ordered_json json;
  json["model"] = options.model;
  json["data"] = options.data;
  json["transitions"] = report.transitions;
  json["converged"] = report.converged;
  for (const ParameterEstimate& p : report.parameters) {
    auto& entry = json["parameters"][p.name];
    entry["value"] = p.value;
    if (report.converged) entry["determined"] = p.determined;  // else nobody knows
    if (p.determined) {
      entry["low"] = p.low;
      entry["high"] = p.high;
    }
  }
  json["notes"] = report.remarks(obs_names);
  return json.dump(2) + "\n";
}

void identify(const IdentifyOptions& options) {
  const bool xml = options.out.ends_with(".xml");
  require(options.out.empty() || xml || options.out.ends_with(".json"), "--out is '", options.out,
          "', expected a file that ends in .xml (the model with these parameters) or .json (the table)");
  require(!xml || options.model.ends_with(".xml"), "--out is '", options.out, "', but ", options.model,
          " is no file, expected one that ends in .json");
  require(!options.frame_skip || *options.frame_skip >= 1, "--frame-skip is ", options.frame_skip.value_or(0),
          ", expected at least 1");
  require(!options.last || *options.last >= 1, "--last is ", options.last.value_or(0),
          ", expected at least 1");
  IdentificationSettings settings;
  for (const std::string& assignment : options.assignments) set_assignment(settings, assignment);
  const IdentifiableModel model = identifiable_model(options.model, options.frame_skip);
  if (options.list) return list(model.model, options.markdown);
  require(!options.data.empty(), "no data, expected a run folder or a data set after ", options.model,
          ", or --list");
  require(!options.parameters.empty(), "no --parameter, expected at least one; 'mbrl identify ",
          options.model, " --list' shows which there are");
  if (!options.out.empty()) require_writable(options.out);
  std::vector<SoughtParameter> all;
  for (const std::string& text : options.parameters) all.push_back(sought(text));
  const IdentificationData data = read_data(options, model.environment);
  ThreadPool pool(options.threads);
  const IdentificationReport report = mbrl::identify(model.model, all, data, pool, settings);
  print(report, model, options.markdown);
  if (xml) save_identified(options.model, report.values, options.out);
  if (!xml && !options.out.empty())
    write_file_atomically(options.out, as_json(report, options, model.obs_names));
}

}  // namespace

void add_identify(CLI::App& app) {
  auto* command = add_command(
      app, "identify", "Find a model's masses, lengths and frictions from transitions",
      "The model's equations are known, some of its numbers are not: those named are fitted by "
      "least squares, so that the model's next\nstates are those of the data "
      "(docs/identification.md).\n\n"
      "  mbrl identify cartpole.xml --list                        what can be named\n"
      "  mbrl identify cartpole.xml data.safetensors --parameter body/cart/mass --parameter "
      "body/pole/mass \\\n"
      "    --out fitted.xml                                       a model of MuJoCo; the data's "
      "observations are its\n"
      "                                                           [qpos; qvel; act]\n"
      "  mbrl identify pets/CartPole runs/cartpole --parameter joint/hinge/damping=0.1    from "
      "what a run has experienced,\n"
      "                                                           starting at 0.1\n"
      "  mbrl identify control/CartPole data.safetensors --parameter pole_mass,length     "
      "equations of this library\n\n"
      "The first table gives each estimate and its 95 % interval, which holds where the model's "
      "structure is right and what is\nleft is noise. The second says whether it is: 'left' is "
      "what the model does not explain of a step's change, 'missing'\nthe part of it that depends "
      "on state and action, so that better equations would (a friction left out, say). A\n"
      "parameter of which the data show nothing is named, and so are those that are seen together "
      "only (all masses and a\nmotor's gear, say).");
  auto options = std::make_shared<IdentifyOptions>();
  command
      ->add_option("model", options->model, "File that ends in .xml, or environment, a name of 'mbrl envs'")
      ->required();
  command->add_option("data", options->data, "Run folder, or data set ('mbrl dataset')");
  command
      ->add_option("--parameter", options->parameters,
                   "NAME or NAME=START; several after one another or with commas")
      ->delimiter(',');
  command->add_flag("--list", options->list, "Show the parameters that can be named, and stop");
  command->add_option("--frame-skip", options->frame_skip,
                      "Physics steps a transition, for a file (default: 1)");
  command->add_option("--last", options->last, "Use the last transitions alone, so many (default: all)");
  command->add_option("--out", options->out, "File that ends in .xml or .json");
  command->add_option("--threads", options->threads, "Threads (default: all cores); the result is the same");
  command
      ->add_option("--set", options->assignments,
                   "KEY=VALUE: confidence, reweightings, difference, solver.iterations, solver.tolerance, "
                   "solver.damping; may be repeated")
      ->type_name("KEY=VALUE");
  command->add_flag("--markdown", options->markdown, "Markdown tables, as where the output is no terminal");
  command->callback([options] { identify(*options); });
}

}  // namespace mbrl::cli
